"""What becomes of the test case of an overturned refusal where there is none to write, and the rates of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import Region, Rule, Turn, Verdict, hookimpl
from assistant.appeals import case, overturn, rates
from assistant.errors import InputError, NotFound
from assistant.evaluation.metrics import wilson
from assistant.pack_text import NewCase, cases_of, with_cases, with_items
from assistant.runtime import Runtime
from assistant.store.values import RuleTally
from assistant.testing import FakeModel, ask, make_runtime, picture

RULE = Rule(id="no.flumph", title="No flumphs", text="Nobody says flumph.", pack="test", pack_version="1.0")


class NoFlumph:
    @hookimpl
    def before_turn(self, turn: Turn) -> Verdict | None:
        if turn.images:
            return Verdict(action="refuse", rule=RULE, regions=(Region(left=0, top=0, right=1, bottom=1),))
        return Verdict(action="refuse", rule=RULE) if "flumph" in turn.question.text else None

    @hookimpl
    def check_segment(self, released: str, segment: str) -> Verdict | None:
        return Verdict(action="refuse", rule=RULE) if "flumph" in released + segment else None


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    made: list[Runtime] = []

    def make(model: FakeModel | None = None, plugin: object | None = None) -> Runtime:
        runtime = make_runtime(tmp_path, model=model or FakeModel("blue"), plugins=[("rules", plugin or NoFlumph())])
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        runtime.close()


def overturned(runtime: Runtime, text: str, images: Any = ()) -> str:
    """Ask, be refused, appeal, win; what is said about the test case."""
    record = ask(runtime, text, images)
    assert record.refusal is not None
    runtime.appeal(record.id, "No.")
    done = overturn(runtime, runtime.store.appeals_of(record.id)[0].id, reason="Fine.", who="ann")
    assert done.appeal.status == "overturned"
    assert done.case.state == "none"
    return done.case.message


def test_where_no_case_can_be_written_the_decision_stands_and_says_why(opened: Callable[..., Runtime]) -> None:
    runtime = opened()
    assert "No plugin that keeps constitution packs" in overturned(runtime, "a flumph")
    assert "what stands in the picture decided" in overturned(runtime, "what is this?", [picture()])
    assert "1 to 2,000 characters" in overturned(runtime, "a flumph " + "x" * 2000)
    by_answer = opened(FakeModel("a flumph"))
    assert "no word of it is kept" in overturned(by_answer, "what is this?")


def test_a_check_that_failed_leaves_no_case(opened: Callable[..., Runtime]) -> None:
    class Breaks:
        @hookimpl
        def before_turn(self, turn: Turn) -> None:
            raise ValueError("a planted fault")

    assert "no rule was at fault" in overturned(opened(plugin=Breaks()), "hello")


def test_an_id_may_be_cut_short_but_not_guessed(opened: Callable[..., Runtime]) -> None:
    runtime = opened()
    for _ in range(20):
        runtime.appeal(ask(runtime, "a flumph").id)
    ids = [each.id for each in runtime.store.appeals()]
    assert case(runtime, ids[3]).appeal.id == ids[3]
    twice = next(each[0] for each in ids if sum(other[0] == each[0] for other in ids) > 1)  # 20 ids, 16 digits
    with pytest.raises(InputError, match=f"begins with '{twice}'"):
        case(runtime, twice)
    for wrong in ("", "nothing"):
        with pytest.raises(NotFound):
            case(runtime, wrong)


def test_rates_have_the_interval_of_what_was_decided() -> None:
    def tally(rule: str, upheld: int, overturned: int) -> RuleTally:
        appeals = upheld + overturned + 1
        return RuleTally(
            rule=rule, pack="p", version="1", refusals=50, appeals=appeals, upheld=upheld, overturned=overturned
        )

    first, second, third = rates([tally("none", 0, 0), tally("some", 3, 1), tally("most", 1, 4)])
    assert [each.tally.rule for each in (first, second, third)] == ["most", "some", "none"]
    assert (first.rate, first.low, first.high) == (0.8, *wilson(4, 5))
    assert (third.rate, third.low, third.high) == (None, 0.0, 1.0)


def test_a_case_is_put_in_without_touching_anything_else() -> None:
    source = "id: a  # mine\ntests:\n  # first\n  - {text: One, expect: allow, rule: r}\n"
    more = with_cases(source, [NewCase('Say "no": now', "allow", "r")])
    assert more.startswith(source.rstrip())
    assert cases_of(more) == [NewCase("One", "allow", "r"), NewCase('Say "no": now', "allow", "r")]
    nested = with_items("id: a\noverrides: []\n", "overrides", ["rule: r\nwhen:\n  - {name: x}"])
    assert nested == "id: a\noverrides:\n  - rule: r\n    when:\n      - {name: x}\n"
    again = with_items(nested, "overrides", ["rule: s\nwhen:\n  - {name: y}"])
    assert again.endswith("      - {name: x}\n  - rule: s\n    when:\n      - {name: y}\n")
