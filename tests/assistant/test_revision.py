"""An answer that a rule changes: what leaves, what is kept of the draft, and that it always comes to an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import Span, Verdict, hookimpl
from assistant.events import Segment
from assistant.runtime import Question, Runtime
from assistant.testing import FORBIDDEN_RULE, FakeModel, ForbiddenWord, ask, make_runtime

SECRET = "zyxsecretzyx"
FORBIDDEN = "zyxforbiddenzyx"


class Masks:
    """Puts something else in place of the secret, and marks where it stood."""

    def __init__(self, instead: str = "[removed]") -> None:
        self.instead = instead
        self.whole: list[bool] = []

    @hookimpl
    def check_segment(self, released: str, segment: str, whole: bool) -> Verdict | None:
        self.whole.append(whole)
        at = segment.find(SECRET)
        if at < 0:
            return None
        start = len(released) + at
        return Verdict(
            action="revise",
            rule=FORBIDDEN_RULE,
            spans=(Span(part="answer", start=start, end=start + len(SECRET)),),
            replacement=segment.replace(SECRET, self.instead),
        )


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    made: list[Runtime] = []

    def build(**options: Any) -> Runtime:
        made.append(make_runtime(tmp_path, **options))
        return made[-1]

    yield build
    for runtime in made:
        runtime.close()


def test_a_masked_answer_streams_up_to_the_place_and_the_secret_is_nowhere(make: Any, tmp_path: Path) -> None:
    model = FakeModel("word " * 60 + SECRET + " and more" * 30, seconds_per_word=0.002)
    masks = Masks()
    runtime = make(model=model, plugins=[("masks", masks)])
    events = list(runtime.run_turn(Question("hello", door="test")))
    record = events[-1].record
    assert record.answer == "word " * 60 + "[removed]" + " and more" * 30
    pieces = [event.text for event in events if isinstance(event, Segment)]
    assert "".join(pieces) == record.answer
    assert len(pieces) > 1
    ((before, after),) = record.trace.draft_changes
    assert before == "word " * 60 + "█" * len(SECRET) + " and more" * 30
    assert after == record.answer
    assert "This answer was changed under rule test.forbidden, pack test-pack 1.2: No forbidden things." in (
        record.trace.notes
    )
    assert masks.whole[0] is False
    assert masks.whole[-1] is True
    assert record.trace.backend_state == {}
    assert all(SECRET not in repr(event) for event in events)
    runtime.close()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


def test_the_new_text_is_checked_by_every_rule(make: Any) -> None:
    plugins = [("masks", Masks(FORBIDDEN)), ("rules", ForbiddenWord(FORBIDDEN, ["check_segment"]))]
    record = ask(make(model=FakeModel(f"the {SECRET}"), plugins=plugins), "hello")
    assert record.status == "refused"
    assert record.trace.draft_changes == ()
    assert FORBIDDEN not in record.model_dump_json()
    assert SECRET not in record.model_dump_json()


def test_a_rule_that_is_never_content_ends_in_a_refusal_under_it(make: Any) -> None:
    record = ask(make(model=FakeModel(SECRET), plugins=[("masks", Masks(f"{SECRET} again"))]), "hello")
    assert record.status == "refused"
    assert record.refusal is not None
    assert record.refusal.rule == FORBIDDEN_RULE
    assert SECRET not in record.model_dump_json()


def test_a_plugin_that_changes_without_a_rule_and_without_end_is_named(make: Any) -> None:
    class Longer:
        @hookimpl(phase="judge")
        def after_turn(self, answer: str) -> Verdict:
            return Verdict(action="revise", replacement=answer + "!")

    record = ask(make(plugins=[("longer", Longer())]), "hello")
    assert record.refusal is not None
    assert (record.refusal.cause, record.refusal.plugin) == ("check_failed", "longer")


def test_the_first_draft_keeps_no_secret_that_only_the_second_round_marks(make: Any) -> None:
    class OneByOne:
        @hookimpl
        def check_segment(self, released: str, segment: str, whole: bool) -> Verdict | None:
            for word in (SECRET, FORBIDDEN):
                at = segment.find(word)
                if at >= 0:
                    mark = Span(part="answer", start=len(released) + at, end=len(released) + at + len(word))
                    new = segment.replace(word, "-")
                    return Verdict(action="revise", rule=FORBIDDEN_RULE, spans=(mark,), replacement=new)
            return None

    record = ask(make(model=FakeModel(f"{SECRET} {FORBIDDEN}"), plugins=[("one", OneByOne())]), "hello")
    assert record.answer == "- -"
    black = "█" * len(SECRET), "█" * len(FORBIDDEN)
    assert record.trace.draft_changes == ((f"{black[0]} {black[1]}", f"- {black[1]}"), (f"- {black[1]}", "- -"))
    assert FORBIDDEN not in record.model_dump_json()
    assert SECRET not in record.model_dump_json()
