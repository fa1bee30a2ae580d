"""Chats answered side by side give what each gives alone."""

import pytest
import torch
from PIL import Image

from assistant_vlm import GenerationSettings, LoadedModel, Request
from assistant_vlm.cache import Cache
from assistant_vlm.config import ModelConfig
from assistant_vlm.network import Network
from assistant_vlm.stepper import DecoderStepper
from assistant_vlm.tokenizer import Tokenizer

QUESTIONS = ("what?", "is there a red circle in the picture?", "how many shapes are there", "hello")


def requests(model: LoadedModel, **values: float) -> list[Request]:
    images = [
        model.encode_image(Image.radial_gradient("L").resize((40, 30)).rotate(30 * i).convert("RGB")) for i in range(2)
    ]
    found: list[Request] = []
    for i in range(9):
        history = [("what is this?", "a star"), ("and?", "no")][: i % 3]
        chosen = GenerationSettings(max_tokens=3 + 2 * i, seed=i, **values)  # type: ignore[arg-type]
        found.append(Request([*images, None][i % 3], QUESTIONS[i % 4], history, chosen))
    return found


@pytest.mark.parametrize("values", [{}, {"temperature": 1.0, "top_p": 0.9}])
def test_batched_equals_single(any_tiny: LoadedModel, values: dict[str, float]) -> None:
    asked = requests(any_tiny, **values)
    together = any_tiny.generate_many(asked)
    for one, answer in zip(asked, together, strict=True):
        alone = list(any_tiny.generate(one.image, one.question, one.history, one.settings))
        assert [s.token_id for s in answer.steps] == [s.token_id for s in alone]
        assert answer.text == "".join(s.text for s in alone)
        # float32: sums in another order, see the module; loud weights make more of it than trained ones
        assert [s.logprob for s in answer.steps] == pytest.approx([s.logprob for s in alone], abs=5e-3)
    assert len({len(answer.steps) for answer in together}) > 2


def test_rows_that_end_leave_the_batch(tiny: LoadedModel) -> None:
    widths: list[int] = []
    stepper = tiny.reader.stepper

    class Counting:
        prefill = stepper.prefill

        def step(self, tokens, cache, memory):  # type: ignore[no-untyped-def]
            widths.append(len(tokens))
            assert cache.batch == len(tokens)
            return stepper.step(tokens, cache, memory)

    tiny.reader.stepper = Counting()
    short, long = GenerationSettings(max_tokens=2), GenerationSettings(max_tokens=9)
    answers = tiny.generate_many([Request(None, question, (), chosen) for question, chosen in (
        ("hello", long), ("hello", short), ("what?", short))])  # fmt: skip
    assert widths[0] <= 3
    assert widths == sorted(widths, reverse=True)
    assert len(widths) < 2 + 9
    assert len(answers[1].steps) <= 2


def test_beams_stops_and_what_was_cut_come_along(tiny: LoadedModel) -> None:
    searched = GenerationSettings(max_tokens=4, beams=3)
    answers = tiny.generate_many(
        [
            Request(None, "hello", (), searched),
            Request(None, "what? " * 300, [("one?", "two")]),
            Request(None, "hello", (), GenerationSettings(max_tokens=6)),
        ]
    )
    assert [s.token_id for s in answers[0].steps] == [s.token_id for s in tiny.generate(None, "hello", (), searched)]
    assert answers[1].cut.turns == 1
    assert answers[1].cut.question_tokens > 100
    assert not answers[2].cut
    text = answers[2].text
    stopped = GenerationSettings(max_tokens=6, stops=(text[2:4],))
    assert tiny.generate_many([Request(None, "hello", (), stopped)])[0].text == text[: text.index(text[2:4])]


def test_more_chats_than_fit_side_by_side_are_answered_in_order(tiny: LoadedModel) -> None:
    asked = [Request(None, f"number {i}?", (), GenerationSettings(max_tokens=2)) for i in range(40)]
    answers = tiny.generate_many(asked)
    for i in (0, 31, 32, 39):
        alone = list(tiny.generate(None, asked[i].question, (), asked[i].settings))
        assert [s.token_id for s in answers[i].steps] == [s.token_id for s in alone]
    assert tiny.generate_many([]) == []


def test_all_stop_together(tiny: LoadedModel) -> None:
    assert [answer.steps for answer in tiny.generate_many(requests(tiny)[:2], lambda: True)] == [(), ()]


@torch.inference_mode()
def test_logits_of_a_batch_are_those_of_one_row_to_the_last_bits(tokenizer: Tokenizer) -> None:
    """At the default shape, with scores as large as those of trained weights."""
    torch.manual_seed(0)
    network = Network(ModelConfig(vocab=tokenizer.vocab))
    network.decoder.embedding.weight.mul_(10)
    stepper = DecoderStepper(network.decoder)
    memory = network.decoder.cross_memory(network.encoder(torch.rand(1, 3, 128, 128)))
    caches = [Cache(network.config) for _ in range(6)]
    for i, cache in enumerate(caches):
        stepper.prefill(list(range(10, 20 + 5 * i)), memory, cache)
    many = Cache.stacked(caches, 60)
    for token in range(100, 104):
        together = stepper.step(torch.full((6,), token), many, memory)
        assert float(together.abs().max()) > 10
        for i, cache in enumerate(caches):
            alone = stepper.step(torch.tensor([token]), cache, memory)[0]
            torch.testing.assert_close(together[i], alone, rtol=0, atol=1e-4)  # float32, sums in another order
