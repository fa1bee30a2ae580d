"""What is kept over the turns of a chat changes no answer, and saves what it is there to save."""

import dataclasses
import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from assistant_vlm import GenerationSettings, LoadedModel, Sites
from assistant_vlm.config import Card
from assistant_vlm.kept import Kept
from assistant_vlm.picking import answer_logprobs
from assistant_vlm.prefix import build_prefix
from assistant_vlm.tokenizer import ANSWER, END, QUESTION, WITH_PICTURE, WITHOUT_PICTURE, Tokenizer
from training.batches import Batch
from training.learner import fused_memory

GREEDY = GenerationSettings(max_tokens=6)
ASKED = ("what is this?", "and its colour?", "how many are there?", "where is it?", "is it big?", "and the other?")


def picture(turn: int = 30) -> Image.Image:
    return Image.radial_gradient("L").resize((40, 30)).rotate(turn).convert("RGB")


def said(steps: object) -> str:
    return "".join(step.text for step in steps)  # type: ignore[attr-defined]


@torch.no_grad()
def uncached(model: LoadedModel, image: Image.Image | None, tokens: list[int]) -> torch.Tensor:
    """Scores after `tokens` as training would compute them: one pass, every turn at its own question's memory."""
    network = model.network
    at = torch.tensor([tokens])
    if image is None:
        return network.decoder.logits(network.decoder(at, None)[0, -1])
    turns, asks, turn, asking = [], [], -1, False
    for token in tokens[1:]:
        if token == QUESTION:
            turn, asking = turn + 1, True
        turns.append(turn)
        asks.append(asking)
        asking = asking and token != ANSWER
    nothing = torch.zeros(1, 1)
    batch = Batch(
        nothing, at, nothing, nothing, torch.tensor([[0, *turns]]), torch.tensor([[False, *asks]]),
        nothing, nothing, nothing, nothing, 1,
    )  # fmt: skip
    memory, looks = fused_memory(network, model.encode_image(image).patches, batch)
    return network.decoder.logits(network.decoder(at, memory, looks=looks)[0, -1])


@pytest.mark.parametrize("given", [True, False])
def test_cached_equals_uncached_over_the_turns_of_a_chat(any_tiny: LoadedModel, given: bool) -> None:
    image = picture() if given else None
    encoded = None if image is None else any_tiny.encode_image(image)
    history: list[tuple[str, str]] = []
    for question in ASKED[:3]:
        tokens = list(any_tiny.prefix(question, history, given).tokens)
        steps = list(any_tiny.generate(encoded, question, history, GenerationSettings(max_tokens=4)))
        for step in steps:
            logprobs = answer_logprobs(uncached(any_tiny, image, tokens), first=step.index == 0)
            assert int(logprobs.argmax()) == step.token_id
            # float32 log-softmax over a few hundred scores, cached against uncached
            assert step.logprob == pytest.approx(float(logprobs.max()), abs=2e-3)
            tokens.append(step.token_id)
        history.append((question, "a red star" if question == ASKED[1] else said(steps)))


def reused(model: LoadedModel, image: Image.Image | None, question: str, history: list[tuple[str, str]]) -> float:
    """Share of the prefix that is found read; the chat stays kept."""
    encoded = None if image is None else model.encode_image(image)
    with torch.inference_mode():
        reading = model.reader.read(model.prefix(question, history, image is not None), encoded)
        model.reader.keep(reading, [])
    return reading.reused / len(reading.prefix.tokens)


def test_the_next_turn_reads_only_what_is_new(any_tiny: LoadedModel) -> None:
    image = picture()
    first = list(any_tiny.generate(any_tiny.encode_image(image), ASKED[0], (), GREEDY))
    turn = any_tiny.prefix(ASKED[1], [(ASKED[0], said(first))], True).turns[0]
    share = reused(any_tiny, image, ASKED[1], [(ASKED[0], said(first))])
    whole = len(any_tiny.prefix(ASKED[1], [(ASKED[0], said(first))], True).tokens)
    assert share * whole >= turn.asked
    assert reused(any_tiny, image, ASKED[1], [(ASKED[0], said(first))]) == 1
    assert len(any_tiny.reader.conversations) == 1


def test_a_retry_gives_the_same_answer_to_the_last_bit(any_tiny: LoadedModel) -> None:
    image = any_tiny.encode_image(picture())
    once = list(any_tiny.generate(image, ASKED[0], (), GREEDY))
    assert list(any_tiny.generate(image, ASKED[0], (), GREEDY)) == once


def test_an_edit_of_the_past_keeps_what_came_before_it(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    history = [(ASKED[0], "a star"), (ASKED[1], "red")]
    list(tiny.generate(image, ASKED[2], history, GREEDY))
    changed = [history[0], ("is it large?", "no")]
    expected = list(tiny_like(tiny).generate(image, ASKED[2], changed, GREEDY))
    assert reused(tiny, picture(), ASKED[2], changed) >= 0.2
    found = list(tiny.generate(image, ASKED[2], changed, GREEDY))
    assert [s.token_id for s in found] == [s.token_id for s in expected]
    # float32, with other rows in the same product
    assert [s.logprob for s in found] == pytest.approx([s.logprob for s in expected], abs=1e-3)
    assert len(tiny.reader.conversations) == 2
    assert reused(tiny, picture(), ASKED[2], history) == 1


def tiny_like(model: LoadedModel) -> LoadedModel:
    """The same weights with nothing kept."""
    return LoadedModel(model.network, model.tokenizer, model.card, model.fingerprint)


def test_another_picture_shares_nothing(tiny: LoadedModel) -> None:
    list(tiny.generate(tiny.encode_image(picture()), ASKED[0], (), GREEDY))
    assert reused(tiny, picture(60), ASKED[0], []) == 0
    assert reused(tiny, None, ASKED[0], []) == 0


def test_a_chat_that_outgrows_the_model_is_still_reused_at_most_turns(tiny: LoadedModel) -> None:
    history: list[tuple[str, str]] = []
    shares: list[float] = []
    cuts: list[int] = []
    image = picture()
    for number in range(24):
        question = f"{number} red stars?"
        shares.append(reused(tiny, image, question, history))
        prefix = tiny.prefix(question, history, True)
        assert len(prefix.tokens) <= tiny.config.max_prefix
        cuts.append(prefix.cut.turns)
        history.append((question, "a red star"))
    assert cuts == sorted(cuts)
    assert cuts[-1] > 10
    fresh = sum(share < 0.2 for share in shares)
    assert fresh == len(set(cuts))  # once at the start, and once for each block that goes
    assert fresh <= 24 / 2


def test_history_is_the_prefix_and_the_oldest_goes_first(tokenizer: Tokenizer) -> None:
    alone = build_prefix(tokenizer, "what is this?", (), True, 48)
    assert list(alone.tokens) == [WITH_PICTURE, QUESTION, *tokenizer.encode("what is this?"), ANSWER]
    assert build_prefix(tokenizer, "what is this?", (), False, 48).tokens[0] == WITHOUT_PICTURE
    history = [("Is there a  red circle?", "Yes"), ("how many shapes are there?", "3")]
    both = build_prefix(tokenizer, "what is this?", history, True, 200)
    newest = build_prefix(tokenizer, "what is this?", history[1:], True, 200)
    first = [QUESTION, *tokenizer.encode("is there a red circle?"), ANSWER, *tokenizer.encode("Yes"), END]
    assert list(both.tokens) == [WITH_PICTURE, *first, *newest.tokens[1:]]
    assert not both.cut
    shorter = build_prefix(tokenizer, "what is this?", history, True, len(both.tokens) - 1)
    assert shorter.cut.turns >= 1
    assert both.tokens[-len(shorter.tokens) + 1 :] == shorter.tokens[1:]
    assert [turn.end for turn in both.turns][-1] == len(both.tokens)
    for turn in both.turns:
        assert both.tokens[turn.asked - len(turn.question) : turn.asked] == turn.question


TURN = st.tuples(st.text("ab ?é", max_size=12), st.text("xy 1", max_size=12))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(TURN, min_size=2, max_size=9), longest=st.integers(8, 48))
def test_a_growing_chat_begins_alike_until_a_block_goes(
    tokenizer: Tokenizer, turns: list[tuple[str, str]], longest: int
) -> None:
    before = build_prefix(tokenizer, turns[0][0], (), True, longest)
    for number in range(1, len(turns)):
        now = build_prefix(tokenizer, turns[number][0], turns[:number], True, longest)
        assert len(now.tokens) <= longest
        assert len(now.turns) == number + 1 - now.cut.turns
        assert (now.turns[0].begin, now.turns[-1].asked, now.turns[-1].end) == (0, len(now.tokens), len(now.tokens))
        assert now.cut.turns >= before.cut.turns
        if now.cut.turns == before.cut.turns:
            assert now.tokens[: len(before.tokens)] == before.tokens
        else:  # at most half is left, or the question alone
            assert len(now.tokens) <= longest // 2 or len(now.turns) == 1
        before = now


def test_a_question_longer_than_the_model_reads_keeps_its_end(tokenizer: Tokenizer) -> None:
    prefix = build_prefix(tokenizer, "red " * 500 + "what is this?", (), True, 48)
    assert len(prefix.tokens) == 48
    assert list(prefix.tokens[-6:-1]) == tokenizer.encode(" red what is this?")[-5:]
    assert prefix.cut.question_tokens == len(tokenizer.encode("red " * 500 + "what is this?")) - 45


# Bounds


def test_values_used_longest_ago_go_first() -> None:
    kept: Kept[str] = Kept(10, len)
    kept.put("a", "1234")
    kept.put("b", "1234")
    assert kept.get("a") == "1234"
    kept.put("c", "1234")
    assert (kept.get("b"), kept.get("a"), len(kept), kept.bytes) == (None, "1234", 2, 8)
    assert kept.put("d", "1" * 11) == "1" * 11
    assert len(kept) == 2
    assert kept.put("a", "other") == "1234"
    kept.forget()
    assert (len(kept), kept.bytes) == (0, 0)


def test_equal_pixels_are_encoded_once_and_memory_is_bounded(tiny: LoadedModel) -> None:
    first = tiny.encode_image(picture())
    assert tiny.encode_image(picture().copy()) is first
    pictures = tiny.reader.pictures.encoded
    pictures.most_bytes = 3 * first.bytes
    others = [tiny.encode_image(picture(turn)) for turn in (40, 50, 60, 70)]
    assert pictures.bytes <= pictures.most_bytes
    assert tiny.encode_image(picture(70)) is others[-1]
    assert tiny.encode_image(picture()) is not first


def test_chats_are_bounded_in_bytes(tiny: LoadedModel) -> None:
    conversations = tiny.reader.conversations
    list(tiny.generate(None, "one?", (), GREEDY))
    conversations.most_bytes = 3 * conversations.bytes
    for question in ("two?", "three?", "four?", "five?"):
        list(tiny.generate(None, question, (), GREEDY))
    assert conversations.bytes <= conversations.most_bytes
    assert len(conversations) == 3
    assert reused(tiny, None, "five?", []) == 1
    assert reused(tiny, None, "one?", []) < 1
    tiny.forget()
    assert (len(conversations), len(tiny.reader.pictures.encoded)) == (0, 0)


def test_forgetting_after_new_weights_gives_the_new_answer(tiny: LoadedModel) -> None:
    before = list(tiny.generate(None, "hello", (), GREEDY))
    with torch.no_grad():
        tiny.network.decoder.embedding.weight.mul_(-1)
    tiny.forget()
    after = list(tiny.generate(None, "hello", (), GREEDY))
    assert after != before
    assert after == list(tiny_like(tiny).generate(None, "hello", (), GREEDY))


def test_an_answer_left_half_way_spoils_nothing(tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    expected = list(tiny_like(tiny).generate(image, ASKED[0], (), GREEDY))
    begun = tiny.generate(image, ASKED[0], (), GREEDY)
    next(begun)
    next(begun)
    begun.close()
    assert len(tiny.reader.conversations) == 1
    assert list(tiny.generate(image, ASKED[0], (), GREEDY)) == expected


def test_several_threads_get_what_one_gets(tokenizer: Tokenizer, tiny: LoadedModel) -> None:
    image = tiny.encode_image(picture())
    history = [(ASKED[0], "a star")]
    chats = [(question, history[:n]) for question in ASKED for n in (0, 1)]
    fresh = tiny_like(tiny)
    expected = [[s.token_id for s in fresh.generate(image, q, h, GREEDY)] for q, h in chats]
    found: dict[tuple[int, int], list[int]] = {}

    def ask(thread: int) -> None:
        for i, (question, earlier) in list(enumerate(chats))[:: 1 if thread % 2 else -1]:
            found[thread, i] = [s.token_id for s in tiny.generate(image, question, earlier, GREEDY)]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 * len(chats)
    assert all(answer == expected[i] for (_, i), answer in found.items())


def test_a_chat_longer_than_the_model_may_hold_never_breaks(
    tokenizer: Tokenizer, tiny: LoadedModel, card: Card
) -> None:
    config = dataclasses.replace(tiny.config, max_prefix=16, max_tokens=17)
    from assistant_vlm.network import Network

    small = LoadedModel(Network(config), tokenizer, card, "")
    history: list[tuple[str, str]] = []
    for number in range(8):
        steps = list(small.generate(None, ASKED[number % 6] * (number % 3 + 1), history, GenerationSettings(48)))
        assert steps
        history.append((ASKED[number % 6] * (number % 3 + 1), "answer " * (3 * number)))


# Looking back at an answer


def test_cross_attention_is_that_of_the_position_that_produced_each_token(any_tiny: LoadedModel) -> None:
    image = any_tiny.encode_image(picture())
    history = [("how many?", "two")]
    chosen = GenerationSettings(max_tokens=5, temperature=1.0, seed=5)
    sites = Sites(any_tiny.config, read=["decoder.*.cross.pattern"])
    steps = list(any_tiny.generate(image, "what?", history, chosen, sites=sites))
    found = any_tiny.cross_attention(image, "what?", history, steps)
    assert found.weights.shape == (len(steps), 2, 4, image.rows, image.cols)
    # float32 softmax over 16 patches
    torch.testing.assert_close(found.weights.sum((-1, -2)), torch.ones(found.weights.shape[:3]), rtol=1e-5, atol=1e-5)
    places = image.rows * image.cols
    turns = 2 if any_tiny.config.fusion_layers else 1
    for step in steps:  # what the decoder looked at while it wrote
        passes = [sites.values[f"decoder.{layer}.cross.pattern"][turns - 1 + step.index] for layer in range(2)]
        patterns = torch.stack([one[0, :, -1, :places] for one in passes])
        # float32: other rows in the same product, after layers of loud weights
        torch.testing.assert_close(found.on_patches[step.index], patterns.sum(-1), rtol=1e-3, atol=1e-3)
        scaled = found.weights[step.index].flatten(2) * found.on_patches[step.index][..., None]
        torch.testing.assert_close(scaled, patterns, rtol=1e-3, atol=1e-3)
        guess = torch.stack([one[0, :, -1, places + 1 : places + 1 + any_tiny.config.guess_keys] for one in passes])
        torch.testing.assert_close(found.on_guess[step.index], guess.sum(-1), rtol=1e-3, atol=1e-3)
    assert any_tiny.cross_attention(image, "what?", history, []).weights.shape[0] == 0
