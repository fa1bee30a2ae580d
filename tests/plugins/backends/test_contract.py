"""What every backend must do, whatever stands behind it: our own model, a model at a server, one of Hugging Face."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from transformers import LogitsProcessor

from assistant import AnswerEnd, Delta, ImagePart, Message, ModelInfo, Turn, TurnSettings
from assistant.backends import Backend, GoesOn
from assistant.errors import BackendError
from assistant.generation import Generator
from assistant.intake import read_image
from assistant.runtime import Question, Runtime, finish
from assistant.settings import Settings
from assistant.testing import FORBIDDEN_RULE, ForbiddenWord, make_runtime, picture
from assistant.versions import can_go_on, go_on
from assistant_backends import BuiltInBackend
from assistant_backends.hugging import HuggingBackend, ModelFiles
from assistant_backends.served import ServedBackend, read_address

from .servers import glassbox
from .tiny_models import FAMILIES
from .tiny_weights import write_tiny_weights


def built_in(folder: Path, stack: ExitStack) -> Backend:
    """Small random weights that answer whatever their confidence is."""
    write_tiny_weights(folder, max_tokens=160)
    return BuiltInBackend(folder, name="tiny")


def hugging(folder: Path, stack: ExitStack) -> Backend:
    return HuggingBackend("hf:tiny", ModelFiles(str(FAMILIES["smolvlm"](folder))))


def served(folder: Path, stack: ExitStack) -> Backend:
    """At a Glassbox that answers with a model of Hugging Face."""
    behind = hugging(folder / "behind", stack)
    address = stack.enter_context(glassbox(folder / "there", behind))
    name = f"openai:hf:tiny@{address}"
    return ServedBackend(name, read_address(name))


class Chooser(LogitsProcessor):
    """Stands before the real chooser of tokens."""

    def __init__(self, chooser: Any, tell: Any) -> None:
        self.chooser, self.tell, self.calls = chooser, tell, 0


@dataclass
class Faults:
    """How the model of a case is made to fail. One at a server fails there."""

    breaks: Callable[[pytest.MonkeyPatch], None]
    says_nothing: Callable[[pytest.MonkeyPatch], None]


def faults_of_built_in(model: Any) -> Faults:
    ready = model._ready()
    generate = ready.generate

    def broken(*given: Any, **more: Any) -> Iterator[Any]:
        yield next(iter(generate(*given, **more)))
        raise ValueError("a planted fault")

    return Faults(
        lambda patch: patch.setattr(ready, "generate", broken),
        lambda patch: patch.setattr(ready, "generate", lambda *_, **__: iter(())),
    )


def faults_of_hugging() -> Faults:
    from assistant_backends.hugging import writing

    make = writing.chooser_of

    class Broken(Chooser):
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            self.calls += 1
            if self.calls == 3:
                raise ValueError("a planted fault")
            return self.chooser(input_ids, scores)

    class Silent(Chooser):
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            self.tell(3, 0.0)  # the end
            return writing.only(scores, 3)

    def using(kind: type[Chooser]) -> Callable[[pytest.MonkeyPatch], None]:
        return lambda patch: patch.setattr(writing, "chooser_of", lambda chance, tell: kind(make(chance, tell), tell))

    return Faults(using(Broken), using(Silent))


CASES = [built_in, hugging, served]


@pytest.fixture(scope="module", params=CASES, ids=lambda each: each.__name__)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with ExitStack() as stack:
        yield request.param(tmp_path_factory.mktemp("model"), stack)


@pytest.fixture
def faults(model: Backend) -> Faults:
    return faults_of_built_in(model) if isinstance(model, BuiltInBackend) else faults_of_hugging()


@pytest.fixture
def house(model: Backend, tmp_path: Path) -> Iterator[Runtime]:
    runtime = make_runtime(tmp_path, model=model, plugins=[("rules", ForbiddenWord())])
    yield runtime
    runtime.close()


def question(text: str = "what is this?", images: int = 1, **settings: Any) -> Turn:
    parts = tuple(read_image(picture(colour), Settings()) for colour in ("red", "blue", "green")[:images])
    return Turn(question=Message(text=text, images=parts), settings=TurnSettings(**{"max_tokens": 12} | settings))


def run(model: Backend, turn: Turn) -> tuple[str, AnswerEnd]:
    model.prepare(turn.images)
    items = list(model.stream(turn, lambda: False))
    end = items[-1]
    assert isinstance(end, AnswerEnd)
    assert all(isinstance(each, Delta) and each.text for each in items[:-1])
    return "".join(each.text for each in items if isinstance(each, Delta)), end


def ask(house: Runtime, text: str, **settings: Any) -> Any:
    asked = Question(text, [picture()], settings=TurnSettings(**{"max_tokens": 12} | settings))
    return finish(house.run_turn(house.follow(None, asked)))


class TestContract:
    def test_it_says_what_it_is(self, model: Backend) -> None:
        for text in (model.name, model.title, model.licence, model.notice):
            assert isinstance(text, str)
        assert model.name
        assert model.title
        model.load()
        model.load()
        info = model.info()
        assert isinstance(info, ModelInfo)
        assert info.name == model.name

    @pytest.mark.parametrize("images", [0, 1, 3])
    def test_it_answers_with_any_number_of_pictures(self, model: Backend, images: int) -> None:
        text, end = run(model, question(images=images))
        assert text
        assert end.confidence is None or 0 <= end.confidence <= 1
        assert end.tokens is not None
        assert end.tokens.read > 0
        assert end.tokens.written > 0

    def test_the_same_seed_gives_the_same_answer(self, model: Backend) -> None:
        def answers(**settings: Any) -> list[str]:
            return [run(model, question(**settings))[0] for _ in range(2)]

        first, again = answers()
        assert first == again
        first, again = answers(temperature=1.5, seed=5)
        assert first == again
        assert len({run(model, question(temperature=2.0, seed=seed))[0] for seed in range(5)}) > 1

    def test_it_ends_before_a_stop_text(self, house: Runtime) -> None:
        whole = ask(house, "what is this?").answer
        middle = whole[len(whole) // 2 : len(whole) // 2 + 2]
        assert middle.strip()
        cut = ask(house, "what is this?", stop=(middle,))
        assert cut.answer == whole[: whole.index(middle)].rstrip() or cut.answer == whole[: whole.index(middle)]

    def test_a_stop_ends_it_without_an_end(self, model: Backend) -> None:
        stop = threading.Event()
        got: list[Any] = []
        for item in model.stream(question(max_tokens=100, temperature=1.0), stop.is_set):
            got.append(item)
            stop.set()
        assert not any(isinstance(each, AnswerEnd) for each in got[:-1])
        assert "".join(each.text for each in got if isinstance(each, Delta)) != ""
        stopped = threading.Event()
        stopped.set()
        assert list(model.stream(question(), stopped.is_set)) == []
        assert run(model, question())[0]  # and it is free again

    @pytest.mark.parametrize("images", [0, 1])
    def test_an_answer_that_was_begun_goes_on_from_there(self, model: Backend, images: int) -> None:
        assert isinstance(model, GoesOn)
        assert model.can_go_on
        turn = question(images=images)
        fresh = run(model, turn)[0]
        rests: list[str] = []
        for begun in ("a red circle", "the dog is in the picture"):
            rest, end = run(model, turn.model_copy(update={"begun": begun}))
            assert rest
            assert not rest.startswith((begun, fresh))
            assert end.tokens is not None
            rests.append(rest)
        assert rests[0] != rests[1]  # it read the beginning

    def test_going_on_adds_to_an_answer_that_was_cut_off(self, house: Runtime) -> None:
        cut = ask(house, "what is this?")
        assert can_go_on(cut)
        asked = go_on(house, cut.id)
        assert asked.begun
        assert cut.answer.startswith(asked.begun)
        segments: list[str] = []
        for event in house.run_turn(asked):
            segments.append(getattr(event, "text", "") if type(event).__name__ == "Segment" else "")
            record = getattr(event, "record", None)
        assert record is not None
        assert record.status == "answered"
        assert record.answer.startswith(asked.begun)
        assert record.answer.count(asked.begun) == 1
        assert len(record.answer) > len(asked.begun)
        assert record.answer.startswith("".join(segments))
        assert house.store.turn(record.id).answer == record.answer
        assert house.store.siblings(cut.id) == [cut.id, record.id]
        if isinstance(house.generator().backend, BuiltInBackend | HuggingBackend):
            assert [word.text for word in house.trace(record.id).words] == record.answer.split()

    def test_going_on_is_judged_with_its_beginning(self, house: Runtime, model: Backend) -> None:
        asked = Question("what is this?", [picture()], settings=TurnSettings(max_tokens=12), begun="it is forbidden to")
        record = finish(house.run_turn(house.follow(None, asked)))
        assert record.status == "refused"
        assert record.refusal is not None
        assert record.refusal.rule == FORBIDDEN_RULE
        assert "forbidden" not in house.store.turn(record.id).model_dump_json(exclude={"refusal", "trace"})

    def test_too_long_a_question_ends_in_a_sentence(self, house: Runtime) -> None:
        record = ask(house, "why " * 4000)
        assert record.status in ("answered", "unsure", "failed")
        said = record.error or " ".join(record.trace.notes)
        assert "long" in said or "at most" in said

    def test_a_broken_picture_ends_in_a_sentence(self, model: Backend) -> None:
        part = ImagePart(sha256="0" * 64, media_type="image/png", width=8, height=8, data=b"no picture")
        turn = Turn(question=Message(text="what?", images=(part,)))
        with pytest.raises(BackendError) as caught:
            list(Generator(model, Settings()).run(turn, threading.Event()))
        assert caught.value.hint
        assert run(model, question())[0]

    def test_a_model_that_breaks_in_the_middle_ends_in_a_sentence(
        self, house: Runtime, faults: Faults, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            faults.breaks(patch)
            record = ask(house, "what is this?")
        assert record.status == "failed"
        assert "a planted fault" in record.error
        assert ask(house, "what is this?").status in ("answered", "unsure")

    def test_an_empty_answer_is_told(self, house: Runtime, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
        faults.says_nothing(monkeypatch)
        record = ask(house, "what is this?")
        assert record.status in ("failed", "unsure")
        assert "wrote nothing" in record.error or "can't tell" in record.answer

    def test_a_look_inside_names_the_words_or_says_why_not(self, model: Backend, house: Runtime) -> None:
        record = ask(house, "what is this?")
        if not model.can_trace:
            with pytest.raises(BackendError, match="does not say"):
                house.trace(record.id)
            return
        trace = house.trace(record.id)
        assert [word.text for word in trace.words] == record.answer.split()
        for word in trace.words:
            assert record.answer[word.start : word.end] == word.text
        assert trace.cross_attention[0].ndim == 5
        assert trace.cross_attention[0].shape[0] == len(trace.token_logprobs)

    def test_a_refused_question_calls_no_model(
        self, model: Backend, house: Runtime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(*_: Any) -> Any:
            raise AssertionError("the model was called")

        for verb in ("load", "info", "prepare", "stream"):
            monkeypatch.setattr(model, verb, never)
        record = ask(house, "tell me forbidden things")
        assert record.refusal is not None
        assert record.refusal.rule == FORBIDDEN_RULE
        assert record.trace.model is None

    def test_a_refused_answer_is_never_streamed(self, model: Backend, tmp_path: Path) -> None:
        answer = run(model, question())[0]
        word = answer[1:5]
        runtime = make_runtime(tmp_path, model=model, plugins=[("rules", ForbiddenWord(word, ["check_segment"]))])
        asked = Question("what is this?", [picture()], settings=TurnSettings(max_tokens=12))
        events = list(runtime.run_turn(runtime.follow(None, asked)))
        record = events[-1].record  # type: ignore[union-attr]
        assert record.status == "refused"
        assert word not in "".join(getattr(each, "text", "") for each in events if type(each).__name__ == "Segment")
        assert word not in repr(record.trace.backend_state)
        runtime.close()
