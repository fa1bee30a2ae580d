"""Models of Hugging Face with tiny random weights: three families, pictures, seeds, stops, and where they looked."""

from __future__ import annotations

import io
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from assistant import AnswerEnd, Delta, Exchange, Message, Trace, Turn, TurnRecord, TurnSettings
from assistant.errors import BackendError, GenerationError, ModelLoadError, SettingsError
from assistant.evaluation.subject import Subject
from assistant.intake import read_image
from assistant.settings import Settings
from assistant.testing import picture
from assistant_backends.hugging import HuggingBackend, ModelFiles
from assistant_backends.hugging.looking import picture_cells
from assistant_backends.hugging.prompting import prompt_of

from .tiny_models import FAMILIES


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in FAMILIES.items()}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, folders: dict[str, Path]) -> HuggingBackend:
    return HuggingBackend(f"hf:{request.param}", ModelFiles(str(folders[request.param])))


@pytest.fixture(scope="module")
def llava(folders: dict[str, Path]) -> HuggingBackend:
    return HuggingBackend("hf:llava", ModelFiles(str(folders["llava"])))


def question(text: str = "what is this?", *images: bytes, **settings: Any) -> Turn:
    settings.setdefault("max_tokens", 6)
    parts = tuple(read_image(image, Settings()) for image in images)
    return Turn(question=Message(text=text, images=parts), settings=TurnSettings(**settings))


def run(model: HuggingBackend, turn: Turn) -> tuple[str, AnswerEnd]:
    items = list(model.stream(turn, lambda: False))
    assert isinstance(items[-1], AnswerEnd)
    return "".join(each.text for each in items if isinstance(each, Delta)), items[-1]


def recorded(model: HuggingBackend, turn: Turn, text: str, end: AnswerEnd) -> TurnRecord:
    return TurnRecord(
        turn=turn, status="answered", answer=text, trace=Trace(model=model.info(), backend_state=end.state)
    )


def test_pictures_and_history_are_read(model: HuggingBackend) -> None:
    turn = question("and here?", picture("blue"), picture("green", (64, 96)))
    first = question("what is this?", picture("red")).question
    turn = turn.model_copy(update={"history": (Exchange(question=first, answer="a cat"),)})
    text, end = run(model, turn)
    assert text
    assert end.confidence is None  # nobody calibrated it
    assert end.tokens is not None
    assert end.tokens.written == len(end.state["tokens"]) <= 6
    assert "".join(end.state["pieces"]) == text
    assert all(each <= 0 for each in end.state["logprobs"])
    alone = run(model, question("and here?", picture("blue"), picture("green", (64, 96))))[1]
    assert alone.tokens is not None
    assert end.tokens.read > alone.tokens.read


def test_a_question_without_a_picture(model: HuggingBackend) -> None:
    assert run(model, question("hello"))[0]


def test_what_is_written_is_what_the_model_itself_would_write(model: HuggingBackend) -> None:
    turn = question("what is this?", picture("red"), max_tokens=12)
    loaded = model._ready()
    prompt = prompt_of(loaded, turn)
    with torch.inference_mode():
        plain = loaded.network.generate(**prompt.inputs, max_new_tokens=12, do_sample=False)
    expected = plain[0, prompt.tokens :].tolist()
    text, end = run(model, turn)
    assert end.state["tokens"] == expected
    assert text == loaded.tokenizer.decode(expected, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def test_a_seed_gives_the_same_answer_and_another_another(model: HuggingBackend) -> None:
    def answer(seed: int) -> str:
        torch.rand(3)  # what others draw meanwhile changes nothing
        return run(model, question("what?", picture(), temperature=1.5, seed=seed, max_tokens=10))[0]

    assert answer(1) == answer(1)
    assert len({answer(seed) for seed in range(4)}) > 1


def test_top_p_leaves_the_unlikely_out(llava: HuggingBackend) -> None:
    greedy = run(llava, question("what?", picture(), max_tokens=10))[0]
    narrow = run(llava, question("what?", picture(), max_tokens=10, temperature=1.0, top_p=1e-6, seed=3))[0]
    assert narrow == greedy


def test_a_stop_text_ends_it(llava: HuggingBackend) -> None:
    whole = run(llava, question("what?", picture(), max_tokens=30))[0]
    assert len(whole) > 8
    cut, end = run(llava, question("what?", picture(), max_tokens=30, stop=(whole[5:8],)))
    assert cut == whole[: whole.index(whole[5:8])]
    assert end.tokens is not None
    assert end.tokens.written < 30
    assert not end.tokens.cut_off


def test_a_stop_is_felt_at_the_next_token(llava: HuggingBackend) -> None:
    stop = threading.Event()
    got: list[Any] = []
    for item in llava.stream(question("what?", picture(), max_tokens=400), stop.is_set):
        got.append(item)
        stop.set()
    assert len(got) < 10
    assert not any(isinstance(each, AnswerEnd) for each in got)
    assert run(llava, question())[0]  # the lock is free again


def test_a_dropped_answer_frees_the_model(llava: HuggingBackend) -> None:
    items: Any = llava.stream(question("what?", picture(), max_tokens=400), lambda: False)
    next(items)
    items.close()
    assert not llava._working.locked()
    assert not [each for each in threading.enumerate() if each.name == "glassbox-hugging"]


def test_a_long_chat_loses_its_beginning_and_says_so(llava: HuggingBackend) -> None:
    history = tuple(Exchange(question=Message(text="what is this " * 10), answer="a cat") for _ in range(30))
    _, end = run(llava, question("and now?").model_copy(update={"history": history}))
    assert "did not fit into what the model reads" in end.notes[0]
    assert end.tokens is not None
    assert end.tokens.read + 6 <= 512


def test_a_question_that_cannot_fit_is_not_asked(llava: HuggingBackend) -> None:
    with pytest.raises(GenerationError, match=r"at most 512 together.*fewer words"):
        run(llava, question("word " * 2000))


# Where it looked


def test_where_it_looked(model: HuggingBackend) -> None:
    turn = question("what?", picture("red"), picture("blue", (64, 64)), max_tokens=8)
    text, end = run(model, turn)
    trace = model.trace(recorded(model, turn, text, end))
    assert [word.text for word in trace.words] == text.split()
    assert len(trace.token_logprobs) == len(end.state["tokens"])
    assert len(trace.cross_attention) == 2
    both = sum(each.sum((-1, -2)) for each in trace.cross_attention)
    for each in trace.cross_attention:
        assert each.shape[:3] == (len(end.state["tokens"]), 2, 4)
        assert min(each.shape[3:]) > 1
        assert each.min() >= 0
    assert both.max() <= 1 + 1e-4  # float32 softmax over the whole prompt
    assert both.min() > 0


def test_the_weights_are_those_of_a_plain_forward_pass(model: HuggingBackend) -> None:
    turn = question("what?", picture("red"), max_tokens=3)
    text, end = run(model, turn)
    found = model.trace(recorded(model, turn, text, end)).cross_attention[0][0]
    loaded = model._ready()
    prompt = prompt_of(loaded, turn)
    (cells,) = picture_cells(loaded, prompt)
    assert cells is not None
    before = loaded.network.config._attn_implementation
    loaded.network.set_attn_implementation("eager")
    with torch.inference_mode():
        out = loaded.network(**prompt.inputs, output_attentions=True)
    loaded.network.set_attn_implementation(before)
    expected = np.stack([layer[0, :, -1].numpy()[:, np.maximum(cells, 0)] * (cells >= 0) for layer in out.attentions])
    np.testing.assert_allclose(found, expected, atol=1e-5)  # float32, another order of sums
    assert before == loaded.network.config._attn_implementation


@pytest.mark.parametrize(("family", "shape"), [("llava", (4, 6)), ("smolvlm", (4, 4)), ("qwen", (4, 6))])
def test_cells_cover_the_picture(folders: dict[str, Path], family: str, shape: tuple[int, int]) -> None:
    model = HuggingBackend("hf:x", ModelFiles(str(folders[family])))
    turn = question("what?", picture("red", (96, 64)))
    (cells,) = picture_cells(model._ready(), prompt_of(model._ready(), turn))
    assert cells is not None
    assert cells.shape == shape
    if family == "llava":  # it sees the square in the middle
        assert (cells[:, [0, -1]] == -1).all()
    used = cells[cells >= 0]
    assert len(set(used.tolist())) == used.size
    assert (np.diff(used) > 0).all()


def test_tiles_are_put_together(folders: dict[str, Path]) -> None:
    model = HuggingBackend("hf:x", ModelFiles(str(folders["smolvlm"])))
    loaded = model._ready()
    processor = loaded.processor.image_processor
    processor.do_image_splitting = True
    processor.size = {"longest_edge": 64}
    (cells,) = picture_cells(loaded, prompt_of(loaded, question("what?", picture("red", (96, 64)))))
    assert cells is not None
    assert cells.shape == (8, 8)  # two by two tiles of four by four
    assert cells[0, 3] + 1 < cells[0, 4]  # a tile ends there
    assert cells[0, 4] < cells[4, 0]


def test_each_word_names_the_picture_that_got_most(llava: HuggingBackend) -> None:
    turn = question("what?", picture("red"), picture("blue"), max_tokens=20)
    text, end = run(llava, turn)
    trace = llava.trace(recorded(llava, turn, text, end))
    for word in trace.words:
        sums = [float(each[word.first : word.last + 1].sum()) for each in trace.cross_attention]
        assert word.image == sums.index(max(sums))


def test_a_changed_answer_is_not_traced(llava: HuggingBackend) -> None:
    turn = question("what?", picture("red"))
    text, end = run(llava, turn)
    with pytest.raises(BackendError, match="a rule changed"):
        llava.trace(recorded(llava, turn, "something else", end))
    record = recorded(llava, turn, text, end)
    other = record.trace.model_copy(update={"model": record.trace.model.model_copy(update={"fingerprint": "0"})})  # type: ignore[union-attr]
    with pytest.raises(BackendError, match="another version"):
        llava.trace(record.model_copy(update={"trace": other}))


def test_options_are_ranked_by_their_probability(llava: HuggingBackend) -> None:
    assert Subject(llava).can_choose
    part = read_image(picture("red"), Settings())
    ranked = llava.choose(part, "what?", ["a cat", "a dog", "blue"])
    assert sorted(option for option, _ in ranked) == ["a cat", "a dog", "blue"]
    assert abs(sum(share for _, share in ranked) - 1) < 1e-6
    assert [share for _, share in ranked] == sorted((share for _, share in ranked), reverse=True)
    with pytest.raises(GenerationError, match="1 to 300 options"):
        llava.choose(part, "what?", [])


# Files


def test_what_is_no_model_says_what_was_expected(tmp_path: Path, folders: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="no id of the hub"):
        ModelFiles(str(tmp_path / "nowhere" / "at" / "all"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelLoadError, match=r"config\.json is missing"):
        HuggingBackend("hf:x", ModelFiles(str(tmp_path / "empty"))).load()
    shutil.copytree(folders["llava"], tmp_path / "cut")
    weights = tmp_path / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        HuggingBackend("hf:x", ModelFiles(str(tmp_path / "cut"))).load()
    weights.unlink()
    with pytest.raises(ModelLoadError, match=r"model\.safetensors is missing"):
        HuggingBackend("hf:x", ModelFiles(str(tmp_path / "cut"))).load()


def test_a_model_without_a_chat_is_named(tmp_path: Path, folders: dict[str, Path]) -> None:
    shutil.copytree(folders["llava"], tmp_path / "base")
    (tmp_path / "base" / "chat_template.jinja").unlink()
    with pytest.raises(ModelLoadError, match=r"no chat template.*Instruct"):
        HuggingBackend("hf:x", ModelFiles(str(tmp_path / "base"))).load()


def test_a_model_of_text_alone_is_named(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from .tiny_models import tokenizer

    words = tokenizer()
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match="none that reads pictures"):
        HuggingBackend("hf:x", ModelFiles(str(tmp_path))).load()


def test_size_and_licence_come_from_the_folder(tmp_path: Path, folders: dict[str, Path]) -> None:
    shutil.copytree(folders["llava"], tmp_path / "carded")
    (tmp_path / "carded" / "README.md").write_text("---\nlicense: apache-2.0\n---\nA model.\n")
    model = HuggingBackend("hf:x", ModelFiles(str(tmp_path / "carded")))
    assert (model.licence, model.size) == ("apache-2.0", "0.0 GB")
    assert model.missing() is None
    fingerprint = model.info().fingerprint
    assert "million parameters" in model.size
    (tmp_path / "carded" / "generation_config.json").write_text('{"eos_token_id": 3, "pad_token_id": 0, "top_k": 7}')
    assert HuggingBackend("hf:x", ModelFiles(str(tmp_path / "carded"))).info().fingerprint != fingerprint


def test_a_picture_in_grey_is_read(model: HuggingBackend) -> None:
    out = io.BytesIO()
    Image.new("L", (40, 90), 128).save(out, "PNG")
    assert run(model, question("what?", out.getvalue()))[0]


@pytest.mark.parametrize("after", [1, 9])
def test_it_goes_on_as_if_it_had_not_stopped(
    model: HuggingBackend, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = question("what is this?", picture("red"), max_tokens=16)
    text, end = run(model, turn)
    tokens: list[int] = end.state["tokens"]
    pieces: list[str] = end.state["pieces"]
    count = next(at for at in range(after, 16) if pieces[at - 1].isascii() and pieces[at - 1])  # no part of a character
    begun = "".join(pieces[:count])
    # A text may have been written in other tokens than a tokenizer makes of it.
    monkeypatch.setattr(model._ready().tokenizer, "encode", lambda text, **_: tokens[:count] if text == begun else [])
    more = {"begun": begun, "settings": TurnSettings(max_tokens=16 - count)}
    rest, went_on = run(model, turn.model_copy(update=more))
    assert begun + rest == text
    assert went_on.state["tokens"] == tokens
    assert went_on.tokens is not None
    assert went_on.tokens.written == 16 - count
    whole, carried = (model.trace(recorded(model, turn, text, each)) for each in (end, went_on))
    assert carried.words == whole.words
    np.testing.assert_allclose(carried.token_logprobs, whole.token_logprobs, atol=1e-4)


def test_an_answer_that_has_no_room_left_is_told(llava: HuggingBackend) -> None:
    turn = question("what is this?").model_copy(update={"begun": "word " * 600})
    with pytest.raises(GenerationError, match="what is written of the answer"):
        run(llava, turn)
