"""The bundled model behind the contract: honest when unsure, one picture after the other, traceable by index."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from assistant import AnswerEnd, Delta, Message, ModelInfo, TokenCount, Trace, Turn, TurnRecord, TurnSettings
from assistant.errors import BackendError, GenerationError, ModelLoadError
from assistant.evaluation.subject import AnswersPictures, ChoosesAmong, KnowsItsPictures, PhrasesLabels
from assistant.intake import read_image
from assistant.runtime import Question, finish
from assistant.settings import Settings
from assistant.testing import FakeModel, ask, make_runtime
from assistant_backends import Backends, BuiltInBackend
from assistant_backends.built_in import CANNOT_TELL, CANNOT_TELL_WITHOUT_PICTURE, TRY_LARGER, TRY_PHOTOS, UNFAMILIAR

from .tiny_weights import write_tiny_weights


def drawn(colour: str, folder: Path) -> Any:
    image = Image.new("RGB", (128, 96), "white")
    ImageDraw.Draw(image).ellipse((40, 20, 90, 70), fill=colour)
    return as_part(image, folder)


def as_part(image: Image.Image, folder: Path) -> Any:
    out = io.BytesIO()
    image.save(out, "PNG")
    return read_image(out.getvalue(), Settings(data_dir=folder))


class Scripted:
    """Stands for the weights: says one text for each colour, as sure as it is told."""

    version, fingerprint, parameters, abstain_below = "1", "f" * 64, 5, 0.5
    name = "glassbox-open"
    config = SimpleNamespace(max_tokens=100)
    tokenizer = SimpleNamespace(encode=str.split)

    def __init__(self, sure: dict[str, float]) -> None:
        self.sure = sure
        self.strange: set[str] = set()
        self.left_out = (0, 0)
        self.encoded: list[str] = []
        self.asked: list[tuple[str, Sequence[tuple[str, str]]]] = []
        self.begun: list[str] = []
        self.chosen: list[tuple[str, str, int, int | None]] = []

    def encode_image(self, image: Image.Image) -> Any:
        red, _, blue = image.getpixel((65, 45))
        colour = "red" if red > 200 else "blue" if blue > 200 else "green"
        self.encoded.append(colour)
        return SimpleNamespace(colour=colour, bytes=1000)

    def is_unfamiliar(self, image: Any) -> bool:
        return image.colour in self.strange

    def cut(self, question: str, history: Any, image_given: bool) -> Any:
        from assistant_vlm import Cut

        return Cut(*self.left_out)

    def prefix(self, question: str, history: Any, image_given: bool) -> Any:
        return SimpleNamespace(tokens=question.split())

    def generate(
        self, image: Any, question: str, history: Any, settings: Any, should_stop: Callable[[], bool], begun: str = ""
    ) -> Iterator[Any]:
        from assistant_vlm import Step

        self.asked.append((question, tuple(history)))
        self.begun.append(begun)
        colour = image.colour if image else "nothing"
        for index, text in enumerate(["a ", colour[:1], colour[1:], " circle"]):
            yield Step(index, 100 + index, text, -0.1)

    def choose(self, image: Any, question: str, options: Sequence[str], beam: int | None) -> list[Any]:
        self.chosen.append((image.colour, question, len(options), beam))
        pairs = ((options[1], 0.75), (options[0], 0.25))
        return [SimpleNamespace(option=option, probability=probability) for option, probability in pairs]

    def confidence(self, steps: Sequence[Any], image_given: bool) -> float:
        return 0.0 if not steps else self.sure["".join(step.text for step in steps).split()[1]]

    def cross_attention(self, image: Any, question: str, history: Any, steps: Sequence[Any]) -> Any:
        weights = np.zeros((len(steps), 1, 1, 2, 2), dtype=np.float32)
        weights[:, 0, 0, 0, 0] = 1
        return SimpleNamespace(weights=torch.from_numpy(weights), on_patches=torch.ones(len(steps), 1, 1))


def scripted(sure: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> tuple[BuiltInBackend, Scripted]:
    backend, model = BuiltInBackend(), Scripted(sure)
    monkeypatch.setattr(backend, "_model", model)
    return backend, model


def run(backend: BuiltInBackend, turn: Turn, should_stop: Callable[[], bool] = lambda: False) -> tuple[str, Any]:
    items = list(backend.stream(turn, should_stop))
    text = "".join(item.text for item in items if isinstance(item, Delta))
    return text, items[-1] if items and isinstance(items[-1], AnswerEnd) else None


def recorded(turn: Turn, text: str, end: AnswerEnd, fingerprint: str = "f" * 64) -> TurnRecord:
    trace = Trace(model=ModelInfo(name="glassbox-open", fingerprint=fingerprint), backend_state=end.state)
    return TurnRecord(turn=turn, status="answered", answer=text, trace=trace)


def test_it_says_what_it_is_sure_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, _ = scripted({"red": 0.9}, monkeypatch)
    text, end = run(backend, Turn(question=Message(text="what?", images=(drawn("red", tmp_path),))))
    assert (text, end.confidence, end.unsure) == ("a red circle", 0.9, False)
    assert end.tokens == TokenCount(read=1, written=4)


def test_below_the_threshold_it_cannot_tell_and_keeps_no_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, _ = scripted({"red": 0.4, "nothing": 0.1}, monkeypatch)
    text, end = run(backend, Turn(question=Message(text="what?", images=(drawn("red", tmp_path),))))
    assert (text, end.unsure) == (CANNOT_TELL, True)
    assert "red" not in repr(end.state)
    text, end = run(backend, Turn(question=Message(text="what?")))
    assert (text, end.unsure) == (CANNOT_TELL_WITHOUT_PICTURE, True)


def test_several_pictures_are_answered_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, _ = scripted({"red": 0.9, "blue": 0.2, "green": 0.8}, monkeypatch)
    pictures = tuple(drawn(colour, tmp_path) for colour in ("red", "blue", "green"))
    turn = Turn(question=Message(text="what?", images=pictures))
    text, end = run(backend, turn)
    assert text == f"Picture 1: a red circle\nPicture 2: {CANNOT_TELL}\nPicture 3: a green circle"
    assert (end.confidence, end.unsure) == (0.8, False)
    trace = backend.trace(recorded(turn, text, end))
    assert [(word.text, word.image) for word in trace.words] == [
        ("a", 0), ("red", 0), ("circle", 0), ("a", 2), ("green", 2), ("circle", 2),
    ]  # fmt: skip
    for word in trace.words:
        assert text[word.start : word.end] == word.text
    assert [len(each) for each in trace.cross_attention] == [4, 0, 4]


def test_a_picture_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, model = scripted({"red": 0.9}, monkeypatch)
    turn = Turn(question=Message(text="what?", images=(drawn("red", tmp_path),)))
    backend.prepare(turn.images)
    run(backend, turn)
    run(backend, turn)
    assert model.encoded == ["red"]


def test_history_begins_with_the_pictures_of_this_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant import Exchange

    backend, model = scripted({"blue": 0.9}, monkeypatch)
    history = (
        Exchange(question=Message(text="first", images=(drawn("red", tmp_path),)), answer="one"),
        Exchange(question=Message(text="second", images=(drawn("blue", tmp_path),)), answer="two"),
        Exchange(question=Message(text="third"), answer="three"),
    )
    run(backend, Turn(question=Message(text="fourth"), history=history))
    assert model.asked == [("fourth", (("second", "two"), ("third", "three")))]
    assert model.encoded == ["blue"]


def test_pictures_without_a_word_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, model = scripted({"red": 0.9}, monkeypatch)
    run(backend, Turn(question=Message(text="", images=(drawn("red", tmp_path),))))
    assert model.asked[0][0] == "what is in this picture?"


def test_a_trace_of_other_weights_or_of_a_changed_answer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, _ = scripted({"red": 0.9}, monkeypatch)
    turn = Turn(question=Message(text="what?", images=(drawn("red", tmp_path),)))
    text, end = run(backend, turn)
    with pytest.raises(BackendError, match="another version"):
        backend.trace(recorded(turn, text, end, fingerprint="0" * 64))
    with pytest.raises(BackendError, match="No word"):
        backend.trace(recorded(turn, "something else entirely", end))


def test_stop_ends_it_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, _ = scripted({"red": 0.9}, monkeypatch)
    turn = Turn(question=Message(text="what?", images=(drawn("red", tmp_path),)))
    assert run(backend, turn, lambda: True) == ("", None)


def test_missing_weights_are_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="assistant doctor"):
        BuiltInBackend(tmp_path / "nowhere").load()


# What a measurement asks


def test_a_measurement_hears_what_a_chat_would_withhold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, model = scripted({"red": 0.2}, monkeypatch)
    assert isinstance(backend, AnswersPictures)
    assert backend.answer_picture(drawn("red", tmp_path), "what?") == ("a red circle", 0.2)
    assert backend.abstain_below == 0.5
    assert model.asked == [("what?", ())]
    model.strange = {"blue"}
    assert isinstance(backend, KnowsItsPictures)
    assert [backend.is_unfamiliar(drawn(colour, tmp_path)) for colour in ("red", "blue")] == [False, True]


@pytest.mark.parametrize(("count", "beam"), [(2, None), (300, None), (301, 64)])
def test_a_measurement_may_name_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, beam: int | None
) -> None:
    backend, model = scripted({"red": 0.2}, monkeypatch)
    assert isinstance(backend, ChoosesAmong)
    options = [f"a {number}" for number in range(count)]
    found = backend.choose(drawn("red", tmp_path), "what?", options)
    assert found == [("a 1", 0.75), ("a 0", 0.25)]
    assert model.chosen == [("red", "what?", count, beam)]


def test_classes_are_phrased_as_the_model_says_them() -> None:
    backend = BuiltInBackend()
    assert isinstance(backend, PhrasesLabels)
    assert backend.phrase("Orange", "label") == "an orange"
    assert backend.phrase("Grinning Face", "naming") == "grinning face"


@pytest.mark.parametrize(
    ("name", "sets", "expected"),
    [
        ("glassbox-open", ("open", "photos"), UNFAMILIAR + TRY_PHOTOS),
        ("glassbox-open", ("open",), UNFAMILIAR + TRY_LARGER),
        ("glassbox-photos", ("open", "photos"), UNFAMILIAR + TRY_LARGER),
    ],
)
def test_an_unfamiliar_picture_is_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sets: tuple[str, ...], expected: str
) -> None:
    backend, model = scripted({"red": 0.9, "blue": 0.9}, monkeypatch)
    monkeypatch.setattr("assistant_vlm.packaged_sets", lambda: sets)
    model.name, model.strange = name, {"red"}
    pictures = drawn("red", tmp_path), drawn("blue", tmp_path)
    text, end = run(backend, Turn(question=Message(text="what?", images=pictures[:1])))
    assert (text, end.unsure) == (expected, True)
    assert "circle" not in repr(end.state)
    text, end = run(backend, Turn(question=Message(text="what?", images=pictures)))
    assert text == f"Picture 1: {expected}\nPicture 2: a blue circle"
    assert not end.unsure


def test_what_the_model_did_not_read_is_said_in_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, model = scripted({"red": 0.9}, monkeypatch)
    turn = Turn(question=Message(text="what?", images=(drawn("red", tmp_path),)))
    assert run(backend, turn)[1].notes == ()
    model.left_out = (1, 0)
    assert run(backend, turn)[1].notes == (
        "The first question about this picture did not fit into what the model reads, and had no part in this answer.",
    )
    model.left_out = (4, 7)
    first, second = run(backend, turn)[1].notes
    assert "first 4 questions" in first
    assert "only its end" in second


def test_a_note_of_the_model_reaches_the_record(tmp_path: Path) -> None:
    class Forgetful(FakeModel):
        def stream(self, turn: Turn, should_stop: Callable[[], bool]) -> Iterator[Delta | AnswerEnd]:
            yield Delta("a red circle")
            yield AnswerEnd(confidence=0.9, notes=("The first question did not fit.",))

    runtime = make_runtime(tmp_path, model=Forgetful())
    assert ask(runtime, "what?").trace.notes == ("The first question did not fit.",)
    runtime.close()


def test_what_cannot_be_chosen_from_is_an_error_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant_vlm import SettingsError

    backend, model = scripted({"red": 0.9}, monkeypatch)

    def choose(*_: Any, **__: Any) -> Any:
        raise SettingsError("expected at least one option to choose among, got none")

    model.choose = choose  # type: ignore[attr-defined]
    with pytest.raises(GenerationError, match="at least one option"):
        backend.choose(drawn("red", tmp_path), "what?", [])


def test_each_packaged_set_of_weights_is_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant_vlm.packaged_sets", lambda: ("open",))
    assert [backend.name for backend in Backends().register_backends()] == ["glassbox-open"]
    monkeypatch.setattr("assistant_vlm.packaged_sets", lambda: ("open", "photos"))
    opened, photos = Backends().register_backends()
    assert (opened.name, photos.name) == ("glassbox-open", "glassbox-photos")
    assert "trained partly on research-only photographs" in photos.notice
    assert "research" in photos.licence.lower()
    assert "research" not in opened.notice


def test_encoded_pictures_are_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant_backends.built_in.KEPT_BYTES", 2500)
    backend, model = scripted({}, monkeypatch)
    for colour in ("red", "blue", "green", "green", "red"):
        backend.prepare((drawn(colour, tmp_path),))
    assert model.encoded == ["red", "blue", "green", "red"]


# With small random weights, whole and through the house


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_tiny_weights(folder, max_tokens=96)
    return folder


def test_a_chat_of_many_turns_through_the_house(tmp_path: Path, random_weights: Path) -> None:
    backend = BuiltInBackend(random_weights, name="tiny")
    runtime = make_runtime(tmp_path, discover=True, model=backend)
    settings = TurnSettings(model="tiny", max_tokens=6)
    first = Question("what is in this picture?", [drawn("red", tmp_path)], settings=settings)
    record = finish(runtime.run_turn(runtime.follow(None, first)))
    assert record.status == "answered"
    assert record.trace.tokens is not None
    assert record.trace.tokens.read > 5
    assert record.trace.tokens.written <= 6
    assert record.trace.tokens.cut_off == (record.trace.tokens.written == 6)
    answers = [record.answer]
    for number in range(6):
        asked = Question(f"and how many squares are there, {number}?", settings=settings)
        record = finish(runtime.run_turn(runtime.follow(record.turn.conversation_id, asked)))
        answers.append(record.answer)
    assert any("did not fit" in note for note in record.trace.notes)
    again = finish(runtime.run_turn(runtime.retry(record.id)))
    assert (again.answer, again.confidence) == (record.answer, record.confidence)
    fresh = BuiltInBackend(random_weights, name="tiny")
    pieces = list(fresh.stream(record.turn, lambda: False))
    assert "".join(p.text for p in pieces if isinstance(p, Delta)) == record.answer
    trace = backend.trace(record)
    assert trace.words
    # float32 softmax over the cells of one head
    places = trace.cross_attention[0].sum((-1, -2))
    assert 0 < places.min() <= places.max() <= 1 + 1e-4
    runtime.close()


def test_weights_that_know_their_pictures_withhold_on_others(tmp_path: Path, random_weights: Path) -> None:
    import dataclasses
    import shutil

    import torch

    from assistant_vlm import load
    from assistant_vlm.config import write_config
    from assistant_vlm.familiarity import fit
    from assistant_vlm.weight_sets import CONFIG_FILE, FAMILIARITY_FILE

    folder = tmp_path / "weights"
    shutil.copytree(random_weights, folder)
    model = load(folder)
    known = [Image.new("RGB", (20, 20), (200 + i, i % 7, 3 * i)) for i in range(40)]
    features = torch.stack([model.encode_image(one).mean for one in known])
    statistics = fit(features, torch.arange(40) % 2)
    (folder / FAMILIARITY_FILE).write_bytes(statistics.to_bytes())
    limit = float(statistics.distances(features).max()) * 1.01
    (folder / CONFIG_FILE).write_text(
        write_config(model.config, dataclasses.replace(model.card, unfamiliar_above=limit))
    )
    backend = BuiltInBackend(folder, name="tiny")
    near = as_part(known[3], tmp_path)
    text, end = run(backend, Turn(question=Message(text="what?", images=(near,))))
    assert not end.unsure
    text, end = run(backend, Turn(question=Message(text="what?", images=(drawn("blue", tmp_path),))))
    assert text.startswith(UNFAMILIAR)
    assert end.unsure


# With the weights that ship


def test_the_shipped_weights_answer_through_the_house(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path, discover=True, model=None)
    settings = TurnSettings(model="glassbox-open")
    question = runtime.follow(None, Question("what colour is the circle?", [drawn("red", tmp_path)], settings=settings))
    record = finish(runtime.run_turn(question))
    assert (record.status, record.answer) == ("answered", "red")
    assert record.confidence is not None
    again = finish(runtime.run_turn(runtime.retry(record.id)))
    assert again.answer == record.answer
    assert again.confidence == record.confidence
    (found,) = runtime.explain(record.id, 0)
    assert found.heat_map is not None
    total = sum(map(sum, found.heat_map.weights))
    assert abs(total - 1) < 1e-4  # float32 softmax, averaged over layers and heads
    runtime.close()


@pytest.mark.parametrize("text", ["hello", "what can you do?", "What is the capital of Peru?", "xqzt blorp"])
def test_without_a_picture_it_is_honest(tmp_path: Path, text: str) -> None:
    runtime = make_runtime(tmp_path, discover=True, model=BuiltInBackend(name="again"))
    record = ask(runtime, text)
    assert record.status in ("answered", "unsure")
    assert "picture" in record.answer.lower()
    runtime.close()


FIRST = "Picture 1: a red circle\nPict"
SECOND = "Picture 1: a red circle\nPicture 2: I can't tell from th"
THIRD = f"Picture 1: a red circle\nPicture 2: {CANNOT_TELL}\nPicture 3: a green"


@pytest.mark.parametrize("begun", ["", "Picture 1:", "Picture 1: a re", FIRST, SECOND, THIRD])
def test_an_answer_about_several_pictures_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    backend, model = scripted({"red": 0.9, "blue": 0.1, "green": 0.8}, monkeypatch)
    pictures = tuple(drawn(colour, tmp_path) for colour in ("red", "blue", "green"))
    text, end = run(backend, Turn(question=Message(text="what?", images=pictures), begun=begun))
    whole = f"Picture 1: a red circle\nPicture 2: {CANNOT_TELL}\nPicture 3: a green circle"
    assert begun + text == whole
    assert [part["image"] for part in end.state["parts"] if part["pieces"]] == [0, 2]
    assert end.confidence == 0.8
    if begun == THIRD:
        assert model.begun == ["a red circle", "a green"]


def test_what_does_not_begin_as_its_answers_do_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, _ = scripted({"red": 0.9}, monkeypatch)
    pictures = tuple(drawn("red", tmp_path) for _ in range(2))
    with pytest.raises(GenerationError, match="begins with 'Picture 1:'; came 'It is'"):
        run(backend, Turn(question=Message(text="what?", images=pictures), begun="It is"))
    with pytest.raises(GenerationError, match="as long as the model"):
        run(backend, Turn(question=Message(text="what?", images=pictures[:1]), begun="word " * 200))


@pytest.mark.parametrize("settings", [TurnSettings(), TurnSettings(temperature=0.4, seed=3)])
def test_the_bundled_model_goes_on_as_if_it_had_not_stopped(tmp_path: Path, settings: TurnSettings) -> None:
    backend = BuiltInBackend()
    square = Image.new("RGB", (128, 128), "white")
    ImageDraw.Draw(square).ellipse((30, 30, 90, 90), fill="red")  # of which it is sure
    turn = Turn(question=Message(text="what is this?", images=(as_part(square, tmp_path),)), settings=settings)
    whole, end = run(backend, turn)
    assert end.state["parts"][0]["pieces"]
    words = whole.split(" ")
    for count in range(1, len(words)):
        begun = " ".join(words[:count])
        rest, end = run(backend, turn.model_copy(update={"begun": begun}))
        assert begun + rest == whole
        assert "".join(end.state["parts"][0]["pieces"]) == whole


def test_a_quoted_answer_goes_on(tmp_path: Path) -> None:
    from assistant import Reading, ReadText, Region

    line = ReadText(text="STOP", region=Region(left=0, top=0, right=1, bottom=1), confidence=0.9)
    part = drawn("red", tmp_path).model_copy(update={"reading": Reading(reader="other 1", texts=(line,))})
    turn = Turn(question=Message(text="what does it say?", images=(part,)), begun="It says")
    assert run(BuiltInBackend(), turn)[0] == " “STOP”."
