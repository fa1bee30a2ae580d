"""What a client brings of a chat that it keeps itself, and answers that end before a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant import Message, Reading, ReadText, Region, Turn, TurnRecord, TurnSettings, Verdict, hookimpl
from assistant.brought_history import Brought
from assistant.intake import read_image
from assistant.runtime import Question, finish
from assistant.settings import Settings
from assistant.stop_texts import StopTexts
from assistant.testing import FORBIDDEN_RULE, FakeModel, ForbiddenWord, make_runtime, picture


def ask(folder: Path, question: Question, model: FakeModel, *plugins: object) -> TurnRecord:
    runtime = make_runtime(folder, model=model, plugins=[(f"p{at}", each) for at, each in enumerate(plugins)])
    try:
        return finish(runtime.run_turn(question))
    finally:
        runtime.close()


def brought(*pairs: tuple[str, str | None]) -> list[Brought]:
    return [Brought(Message(text=question), answer) for question, answer in pairs]


def test_what_was_said_before_reaches_the_model(tmp_path: Path) -> None:
    model = FakeModel()
    record = ask(tmp_path, Question("and now?", brought=brought(("one?", "1"), ("nobody answered", None))), model)
    assert record.status == "answered"
    assert [(each.question.text, each.answer) for each in model.turns[0].history] == [("one?", "1")]


def test_what_a_rule_refuses_is_not_read_by_the_model(tmp_path: Path) -> None:
    model = FakeModel()
    past = brought(("a forbidden thing?", "sure"), ("fine?", "a forbidden answer"), ("good?", "yes"))
    record = ask(tmp_path, Question("and now?", brought=past), model, ForbiddenWord())
    assert record.status == "answered"
    assert [each.question.text for each in model.turns[0].history] == ["good?"]
    assert "forbidden" not in repr(model.turns[0].question) + repr(model.turns[0].history)
    assert [note for note in record.trace.notes if "An earlier question" in note and FORBIDDEN_RULE.id in note]
    assert [note for note in record.trace.notes if "An earlier answer" in note]


def test_rules_see_the_questions_before_with_those_refused(tmp_path: Path) -> None:
    seen: list[list[tuple[str, bool]]] = []

    class Looks:
        @hookimpl
        def before_turn(self, turn: Turn) -> Verdict | None:
            seen.append([(each.text, each.refused) for each in turn.earlier])
            return None

    past = brought(("a forbidden thing?", None), ("fine?", "yes"))
    ask(tmp_path, Question("and now?", brought=past), FakeModel(), Looks(), ForbiddenWord())
    assert seen[-1] == [("a forbidden thing?", True), ("fine?", False)]


class Reads:
    """Reads the same words in every picture, and refuses a picture in which they stand."""

    @hookimpl
    def read_picture(self) -> Reading:
        place = Region(left=0, top=0, right=1, bottom=1)
        return Reading(reader="test", texts=(ReadText(text="the secret plan", region=place, confidence=1),))

    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict | None:
        said = [image.reading.text for image in turn.images if image.reading]
        return Verdict(action="refuse", rule=FORBIDDEN_RULE) if "the secret plan" in said else None


def test_pictures_that_were_brought_are_read_and_judged(tmp_path: Path) -> None:
    seen = read_image(picture(), Settings(data_dir=tmp_path))
    model = FakeModel()
    past = [Brought(Message(text="what is this?", images=(seen,)), "a plan")]
    record = ask(tmp_path / "a", Question("and what does it say?", brought=past), model, Reads())
    assert record.status == "answered"
    assert model.turns[0].images == ()
    assert any("An earlier question" in note for note in record.trace.notes)


def test_the_text_of_a_brought_picture_is_there_for_the_question(tmp_path: Path) -> None:
    class OnlyReads:
        read_picture = Reads.read_picture

    seen = read_image(picture(), Settings(data_dir=tmp_path))
    model = FakeModel()
    past = [Brought(Message(text="what is this?", images=(seen,)), "a plan")]
    ask(tmp_path / "a", Question("and what does it say?", brought=past), model, OnlyReads())
    (image,) = model.turns[0].images
    assert image.reading is not None
    assert image.reading.text == "the secret plan"


def test_an_answer_ends_before_a_stop_text(tmp_path: Path) -> None:
    stop = TurnSettings(stop=("circle on", "blue"))
    record = ask(tmp_path, Question("what?", settings=stop), FakeModel("a red circle on a blue square"))
    assert (record.status, record.answer) == ("answered", "a red ")
    at_once = ask(tmp_path, Question("what?", settings=TurnSettings(stop=("a",))), FakeModel("a red circle"))
    assert (at_once.status, at_once.answer) == ("answered", "")


@settings(deadline=None)
@given(st.lists(st.text("ab ", max_size=3)), st.lists(st.text("ab ", min_size=1, max_size=4), max_size=3))
def test_pieces_are_cut_where_the_whole_would_be(pieces: list[str], texts: list[str]) -> None:
    finder = StopTexts(texts)
    out = "".join(finder.feed(piece) for piece in pieces) + finder.rest()
    whole = "".join(pieces)
    # A text that ends first is found first, so the cut is that of the shortest beginning that holds one.
    end = next((at for at in range(len(whole) + 1) if any(text in whole[:at] for text in texts)), None)
    places = [] if end is None else [at for at in map(whole.find, texts) if at >= 0]
    if end is None:
        assert out == whole
        assert not finder.found
    else:
        assert finder.found
        assert out in {whole[:at] for at in places}
        assert not any(text in out for text in texts)


@pytest.mark.parametrize("stop", ["", ("",)])
def test_an_empty_stop_text_is_turned_away(stop: object) -> None:
    with pytest.raises(ValueError, match="stop"):
        TurnSettings.model_validate({"stop": stop})
