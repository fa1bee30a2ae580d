"""The guessed name: its keys, its sites, what teaches it, and that the decoder learns to say it."""

import dataclasses
import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from assistant_vlm.config import Card, ModelConfig
from assistant_vlm.errors import SettingsError, WeightsError
from assistant_vlm.loading import WEIGHTS_FILE, LoadedModel, load
from assistant_vlm.network import Network
from assistant_vlm.sites import Sites
from assistant_vlm.tokenizer import ANSWER, END, QUESTION, WITH_PICTURE, Tokenizer
from training.asking import LABEL_SETS, ask_row
from training.batches import Group, make_batch
from training.datasets import VisionData, read_data
from training.early import held_out_batches
from training.export import write_weights
from training.learner import Learner, told
from training.loop import Run, optimizers
from training.names import answer_names, spelling, taken_over
from training.recipe import Recipe, Stage
from training.sources import Mix

from .conftest import TINY, loud
from .data import write_data
from .recipes import RECIPE
from .shapes import checked
from .test_decoder import made
from .test_training import same

CONFIG = dataclasses.replace(TINY, names=5, name_tokens=3)
NAMED = dataclasses.replace(RECIPE, label_loss=1.0, name_tokens=3)


def certain(name: int, names: int = 5) -> Tensor:
    """Scores that leave no doubt."""
    return torch.full((names,), -100.0).index_fill_(0, torch.tensor([name]), 100.0)


@pytest.mark.parametrize(
    "changes", [{"names": 0}, {"name_tokens": 0}, {"class_token": False}, {"names": -1}, {"name_tokens": -1}]
)
def test_a_guess_needs_names_tokens_and_a_class_token(changes: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match="expected name"):
        dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]


def test_without_names_nothing_changes() -> None:
    network = made(TINY)
    assert network.name_guess is None
    pixels = torch.rand(1, 3, 32, 32)
    assert torch.equal(network.encode(pixels), network.encoder(pixels))
    assert TINY.guess_keys == 0


@torch.no_grad()
def test_the_keys_follow_the_class_token_and_spell_the_likeliest_name() -> None:
    """By hand: normalised embeddings of the name's tokens, then how sure the guess is, each with its place."""
    network = made(CONFIG)
    guess, embedding = network.name_guess, network.decoder.embedding.weight
    assert guess is not None
    pixels = torch.rand(2, 3, 32, 32)
    seen = checked(network.encode, pixels)
    assert seen.shape == (2, 17 + CONFIG.guess_keys, 32)
    torch.testing.assert_close(seen[:, :17], network.encoder(pixels))
    keys = checked(guess.forward, seen[:, 16], embedding, sizes={"names": 5, "vocab": 512, "dim": 32, "keys": 4})
    torch.testing.assert_close(seen[:, 17:], keys)
    shares = torch.tensor([[0.0, 0.75, 0.0, 0.25, 0.0]])
    found = checked(guess.keys, shares, embedding)[0] - guess.places
    for place in range(3):
        one, other = (guess.norm(embedding[guess.spelling[name, place]]) for name in (1, 3))
        torch.testing.assert_close(found[place], 0.75 * one + 0.25 * other, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[3], 0.75 * guess.sure, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_only_the_likeliest_names_are_mixed_and_their_shares_sum_to_one() -> None:
    config = dataclasses.replace(TINY, names=12, name_tokens=2)
    guess, embedding = made(config).name_guess, made(config).decoder.embedding.weight
    assert guess is not None
    shares = torch.tensor([[0.1] * 8 + [0.05] * 4])
    other = shares.clone()
    other[0, 8:] = torch.tensor([0.0, 0.1, 0.05, 0.05]) * 0.9
    torch.testing.assert_close(guess.keys(other, embedding), guess.keys(shares, embedding))
    mixed = guess.norm(embedding[guess.spelling[:8]]).mean(0)
    torch.testing.assert_close(guess.keys(shares, embedding)[0, :2] - guess.places[:2], mixed, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_another_name_can_be_put_in_its_place() -> None:
    """Edited scores change the guess's keys in the memory, to those of the other name, and nothing else."""
    network, pixels = made(CONFIG), torch.rand(1, 3, 32, 32)
    memories: list[Tensor] = []
    for name in (1, 3):
        sites = Sites(CONFIG, read=["name_guess.*"], edit={"name_guess.scores": lambda s, n=name: certain(n)[None]})
        memories.append(network.encode(pixels, sites))
        torch.testing.assert_close(sites.only("name_guess.probabilities"), torch.eye(5)[[name]])
        torch.testing.assert_close(sites.only("name_guess.keys"), memories[-1][:, 17:])
        sites = Sites(CONFIG, edit={"name_guess.probabilities": lambda p, n=name: torch.eye(5)[[n]]})
        torch.testing.assert_close(network.encode(pixels, sites), memories[-1])
    assert torch.equal(memories[0][:, :17], memories[1][:, :17])
    assert float((memories[0][:, 17:20] - memories[1][:, 17:20]).abs().amax(-1).min()) > 0.1
    torch.testing.assert_close(memories[0][:, 20], memories[1][:, 20])


def test_the_keys_teach_neither_scores_nor_picture_half_nor_embedding() -> None:
    network = made(CONFIG)
    network.encode(torch.rand(1, 3, 32, 32))[:, 17:].sum().backward()
    learned = {name for name, p in network.named_parameters() if p.grad is not None and float(p.grad.abs().max()) > 0}
    assert learned == {"name_guess.places", "name_guess.sure", "name_guess.norm.gain"}


def test_the_label_loss_teaches_the_scores() -> None:
    torch.manual_seed(0)
    learner = Learner(NAMED.with_names(5), 5)
    assert learner.label_names is None
    guess = learner.network.name_guess
    assert guess is not None
    whole = torch.randn(4, 32)
    torch.testing.assert_close(learner.label_scores(whole), guess.scores(whole))
    assert not any("label_names" in name for name, _ in learner.named_parameters())


def test_the_decoder_learns_to_say_the_guess() -> None:
    """Pictures, question and place are the same, so nothing but the guess tells which name is right."""
    torch.manual_seed(0)
    network = Network(dataclasses.replace(CONFIG, names=6, kv_heads=4))
    assert network.name_guess is not None
    words = torch.randint(7, TINY.vocab, (6, 3))
    words[::2, 2] = END
    network.name_guess.spelling.copy_(words)
    start = torch.tensor([WITH_PICTURE, QUESTION, 9, ANSWER])
    tokens = torch.cat((start.expand(6, -1), words), dim=1)
    labels = torch.stack([certain(i, 6) for i in range(6)])

    def logits(names: Tensor) -> Tensor:
        sites = Sites(network.config, edit={"name_guess.scores": lambda _: names})
        memory = network.decoder.cross_memory(network.encode(torch.full((6, 3, 32, 32), 0.5), sites))
        return network.decoder.logits(network.decoder(tokens, memory))[:, 3:6]

    made_by = optimizers(network, dataclasses.replace(RECIPE, optimizer="muon"))
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(logits(labels).flatten(0, 1), words.flatten())
        network.zero_grad()
        loss.backward()
        for optimizer in made_by:
            optimizer.step()
    with torch.no_grad():
        assert torch.equal(logits(labels).argmax(-1), words)
        first = logits(labels.roll(1, 0))[:, 0].argmax(-1)
    assert torch.equal(first, words.roll(1, 0)[:, 0])  # another guess, another word


# Names of the data


@torch.no_grad()
def test_a_hint_puts_the_right_name_first() -> None:
    network = made(CONFIG)
    assert network.name_guess is not None
    seen = network.encoder(torch.rand(2, 3, 32, 32))
    hints = torch.zeros(2, 5)
    hints[1, 3] = 1e4
    plain, hinted = network.with_guess(seen), network.with_guess(seen, hints=hints)
    assert torch.equal(plain[0], hinted[0])
    expected = network.name_guess.keys(certain(3)[None].softmax(-1), network.decoder.embedding.weight)[0]
    torch.testing.assert_close(hinted[1, len(seen[1]) :], expected)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> VisionData:
    return read_data(write_data(tmp_path_factory.mktemp("data")), sorted(LABEL_SETS))["train"]


def test_names_are_spelled_with_the_tokens_of_the_answers(data: VisionData, tokenizer: Tokenizer) -> None:
    names = answer_names(data)
    assert len(names) == len(data.label_space)
    assert {"an ant", "grinning face", "a granny smith", "7"} <= set(names)
    spelled = spelling(names, tokenizer, 4)
    assert spelled.shape == (len(names), 4)
    rng, met = random.Random(1), set[str]()
    for _ in range(300):
        row = rng.choice(data.rows[rng.choice(sorted(data.rows))])
        asked = ask_row(rng, row, data)
        if asked.kind != ("grocery product" if row.set == "grocery" else row.set) or row.qa:
            continue
        tokens = [*tokenizer.encode(asked.answer), END]
        found = spelled[data.label_index(row)].tolist()
        assert found[: len(tokens)] == tokens[:4]
        assert all(token == END for token in found[len(tokens) :])
        met.add(row.set)
    assert {"emoji", "icons", "caltech101", "grocery", "clothing", "mnist"} <= met


def test_only_pictures_with_a_name_get_hints_and_held_out_ones_none(data: VisionData, tokenizer: Tokenizer) -> None:
    group = Group("named", 24, 28, 32, {"mnist": 1, "noise": 1}, hints=0.5)
    batch = make_batch(random.Random(3), TINY, tokenizer, group, Mix(), data)
    assert batch.hints is not None
    assert bool((batch.hints[batch.labels < 0] == 0).all())
    named = batch.hints[batch.labels >= 0]
    assert 0 < int((named > 0).sum()) < len(named)
    added = told(batch, 50)
    assert added is not None
    assert torch.equal(added.sum(1), batch.hints)
    assert torch.equal(added.argmax(1)[batch.hints > 0], batch.labels[batch.hints > 0])
    recipe = dataclasses.replace(RECIPE, sets=("mnist",), stages=(Stage(40, (group,), Mix()),))
    assert all(held.hints is None for _, held in held_out_batches(recipe, tokenizer, 0, data))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_hints_are_a_share(share: float) -> None:
    with pytest.raises(ValueError, match=r"expected hints of group named in \[0, 1\]"):
        Group("named", 4, 28, 32, {"mnist": 1}, hints=share)


def named_run(tokenizer_file: Path, data: VisionData | None, folder: Path) -> Run:
    recipe = dataclasses.replace(NAMED, sets=())
    return Run(recipe, tokenizer_file.read_bytes(), data, folder)


def test_a_run_knows_the_names_of_its_data(tokenizer_file: Path, data: VisionData, tmp_path: Path) -> None:
    run = named_run(tokenizer_file, data, tmp_path)
    guess = run.model.network.name_guess
    assert guess is not None
    assert run.recipe.model.names == len(data.label_space)
    assert torch.equal(guess.spelling, spelling(answer_names(data), Tokenizer.from_file(tokenizer_file), 3))
    assert torch.equal(run.average["name_guess.spelling"], guess.spelling)
    assert named_run(tokenizer_file, None, tmp_path).model.network.name_guess is None


def test_a_stopped_run_with_names_goes_on_as_if_never_stopped(
    tokenizer_file: Path, data: VisionData, tmp_path: Path
) -> None:
    def run(folder: str) -> Run:
        return named_run(tokenizer_file, data, tmp_path / folder)

    whole, first, second = run("whole"), run("parts"), run("parts")
    whole.train(stop_after=4, workers=0)
    first.train(stop_after=2, workers=0)
    assert second.resume()
    second.train(stop_after=2, workers=0)
    same(second.model.state_dict(), whole.model.state_dict())
    same(second.average, whole.average)


def test_a_checkpoint_of_other_names_is_refused(tokenizer_file: Path, data: VisionData, tmp_path: Path) -> None:
    named_run(tokenizer_file, data, tmp_path).save()
    others = VisionData(data.rows, {**data.labels, "clothing": ["coat", "dress"]})
    assert len(others.label_space) == len(data.label_space)
    with pytest.raises(ValueError, match="knows other names"):
        named_run(tokenizer_file, others, tmp_path).resume()


def test_what_was_learned_of_a_name_goes_to_the_name_that_is_spelled_alike() -> None:
    torch.manual_seed(0)
    ours, theirs = (Network(dataclasses.replace(CONFIG, names=n)).state_dict() for n in (4, 3))
    ours["name_guess.spelling"].copy_(torch.tensor([[7, 8, 2], [9, 2, 2], [10, 11, 12], [13, 2, 2]]))
    theirs["name_guess.spelling"].copy_(torch.tensor([[10, 11, 12], [20, 2, 2], [9, 2, 2]]))
    found = taken_over(ours, theirs)
    expected = ours["name_guess.scores.weight"].clone()
    expected[2], expected[1] = theirs["name_guess.scores.weight"][0], theirs["name_guess.scores.weight"][2]
    assert torch.equal(found["name_guess.scores.weight"], expected)
    assert torch.equal(found["name_guess.spelling"], ours["name_guess.spelling"])
    for key in ("name_guess.places", "decoder.embedding.weight"):
        assert torch.equal(found[key], theirs[key])
    unnamed = Network(TINY).state_dict()
    assert taken_over(unnamed, theirs).keys() == unnamed.keys()
    same(
        {key: value for key, value in taken_over(ours, unnamed).items() if key.startswith("name_guess.")},
        {key: value for key, value in ours.items() if key.startswith("name_guess.")},
    )


def test_a_recipe_leaves_the_names_to_the_data() -> None:
    assert NAMED.with_names(7).model.names == 7
    assert NAMED.with_names(7).with_names(0).model == TINY
    assert RECIPE.with_names(7).model == TINY
    with pytest.raises(ValueError, match="none under"):
        dataclasses.replace(RECIPE, model=CONFIG)
    with pytest.raises(ValueError, match="label_loss above 0"):
        dataclasses.replace(NAMED, label_loss=0.0)
    assert Recipe.__dataclass_fields__["name_tokens"].default == 0


# Weights and answers


def model(config: ModelConfig, tokenizer: Tokenizer, card: Card) -> LoadedModel:
    made_loud = loud(config, tokenizer, card)
    assert made_loud.network.name_guess is not None
    names = ["a cat", "cat", "a cat", "7", "a red star"]
    made_loud.network.name_guess.spelling.copy_(spelling(names, tokenizer, config.name_tokens))
    return made_loud


def test_the_guess_can_be_read_in_words(tokenizer: Tokenizer, card: Card, tiny: LoadedModel) -> None:
    guessing = model(dataclasses.replace(CONFIG, name_tokens=12), tokenizer, card)
    guess = guessing.network.name_guess
    assert guess is not None
    with torch.no_grad():
        guess.scores.weight.zero_()
        guess.scores.bias.copy_(torch.tensor([0.2, 0.3, 0.2, 0.05, 0.25]).log())
    image = guessing.encode_image(torch.rand(3, 32, 32))
    found = guessing.guessed_names(image)
    assert [one.name for one in found] == ["a cat", "cat", "a red star", "7"]
    assert [one.probability for one in found] == pytest.approx([0.4, 0.3, 0.25, 0.05])
    assert guessing.guessed_names(image, 1)[0].name == "a cat"
    with pytest.raises(SettingsError, match="at least 1"):
        guessing.guessed_names(image, 0)
    with pytest.raises(SettingsError, match="names above 0"):
        tiny.guessed_names(tiny.encode_image(torch.rand(3, 32, 32)))


def test_the_vector_of_the_whole_picture_is_the_class_token(tokenizer: Tokenizer, card: Card) -> None:
    guessing = model(CONFIG, tokenizer, card)
    pixels = torch.rand(3, 32, 32)
    with torch.no_grad():
        assert torch.equal(guessing.encode_image(pixels).whole, guessing.network.encoder(pixels[None])[0, 16])


def test_weights_keep_their_names(tokenizer_file: Path, tokenizer: Tokenizer, card: Card, tmp_path: Path) -> None:
    guessing = model(CONFIG, tokenizer, card)
    weights = guessing.network.state_dict()
    write_weights(tmp_path, weights, tokenizer_file.read_bytes(), CONFIG, card)
    loaded = load(tmp_path)
    assert loaded.config == CONFIG
    assert torch.equal(loaded.network.state_dict()["name_guess.spelling"], weights["name_guess.spelling"])
    wrong = {**weights, "name_guess.spelling": weights["name_guess.spelling"] + TINY.vocab}
    write_weights(tmp_path, wrong, tokenizer_file.read_bytes(), CONFIG, card)
    with pytest.raises(WeightsError, match=rf"{WEIGHTS_FILE}: expected token ids below 512"):
        load(tmp_path)


def named_model(tokenizer: Tokenizer, names: tuple[str, ...]) -> LoadedModel:
    """A model whose picture half is sure of the second name, whatever it sees."""
    config = dataclasses.replace(CONFIG, names=len(names), name_tokens=9, vocab=tokenizer.vocab)
    network = made(config)
    guess = network.name_guess
    assert guess is not None
    with torch.no_grad():
        guess.spelling.copy_(spelling(names, tokenizer, config.name_tokens))
        guess.scores.weight.zero_()
        guess.scores.bias.copy_(torch.arange(len(names)) == 1).mul_(5)
    card = Card("named", "1", "-", 0.0, (0.0,) * 6, (0.0,) * 6)
    return LoadedModel(network, tokenizer, card, "fingerprint")


def test_the_picture_half_decides_among_names_it_knows(tokenizer: Tokenizer) -> None:
    model = named_model(tokenizer, ("a circle", "a square", "a star"))
    image = model.encode_image(torch.rand(3, 32, 32))
    ranked = model.choose(image, "What is this?", ["a star", "a square"])
    assert [choice.option for choice in ranked] == ["a square", "a star"]
    assert ranked[0].probability == pytest.approx(torch.tensor([5.0, 0.0]).softmax(0)[0].item(), abs=1e-5)
    assert ranked[0].logprob == pytest.approx(torch.tensor([0.0, 5.0, 0.0]).log_softmax(0)[1].item(), abs=1e-5)


@pytest.mark.parametrize(
    ("question", "options"),
    [("what is left of it?", ["a star", "a square"]), ("what is this?", ["a star", "a square", "a heart"])],
)
def test_the_decoder_decides_what_is_no_matter_of_names(
    tokenizer: Tokenizer, question: str, options: list[str]
) -> None:
    model = named_model(tokenizer, ("a circle", "a square", "a star"))
    image = model.encode_image(torch.rand(3, 32, 32))
    ranked = model.choose(image, question, options)
    assert model.network.name_guess is not None
    with torch.no_grad():
        model.network.name_guess.scores.bias.zero_()
    model.forget()
    again = model.choose(image, question, options)  # the picture is encoded already: only the choice could differ
    assert [(c.option, c.logprob) for c in ranked] == [(c.option, c.logprob) for c in again]
