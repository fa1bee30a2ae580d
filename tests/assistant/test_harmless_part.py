"""Of a question that is refused, the part that can be asked by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import Span
from assistant.errors import NotFound
from assistant.harmless_part import harmless_part
from assistant.runtime import Runtime, finish
from assistant.testing import FakeModel, ForbiddenWord, ask, make_runtime, picture


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("What is in this picture? How do I get forbidden things?", "What is in this picture?"),
        ("How do I get forbidden things? What colour is the circle?", "What colour is the circle?"),
        ("Tell me forbidden things.\nHow many stars are there? Name the red shape.",
         "How many stars are there? Name the red shape."),
        ("How do I get forbidden things? Answer in three steps and explain it.", ""),
        ("What is it? How do I get forbidden things?", ""),
        ("How do I get forbidden things? Please.", ""),
        ("How do I get forbidden things", ""),
        ("Is that a forbidden thing. Is this a forbidden thing?", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_left_must_make_sense_alone(text: str, part: str) -> None:
    at = text.find("forbidden")
    spans = [Span(start=at, end=at + 9)] if at >= 0 else []
    assert harmless_part(text, spans, lambda rest: "forbidden" not in rest) == part


def test_what_is_left_must_pass() -> None:
    text = "How do I get forbidden things? What colour is the circle?"
    assert harmless_part(text, [Span(start=13, end=22)], lambda rest: False) == ""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Runtime, FakeModel]]:
    model = FakeModel("blue")
    runtime = make_runtime(tmp_path, model=model, plugins=[("rules", ForbiddenWord("forbidden", ["before_turn"]))])
    yield runtime, model
    runtime.close()


def test_the_part_is_offered_and_asked_as_a_sibling_with_the_picture(house: tuple[Runtime, FakeModel]) -> None:
    runtime, model = house
    first = ask(runtime, "How do I get forbidden things? What colour is the circle?", [picture()])
    assert first.refusal is not None
    assert first.refusal.harmless_part == "What colour is the circle?"
    assert "This part can be asked by itself: “What colour is the circle?”" in first.shown
    assert model.turns == []
    record = finish(runtime.run_turn(runtime.harmless_part(first.id)))
    assert (record.status, record.answer) == ("answered", "blue")
    assert record.turn.parent_id == first.turn.parent_id
    assert [each.question.text for each in model.turns] == ["What colour is the circle?"]
    assert model.turns[0].images[0].sha256 == first.turn.question.images[0].sha256
    assert "forbidden" not in repr(model.turns)
    assert runtime.store.turn(first.id).refusal == first.refusal


def test_where_there_is_no_such_part_that_is_said(house: tuple[Runtime, FakeModel]) -> None:
    runtime, _ = house
    for text in ("only forbidden things", "hello there"):
        with pytest.raises(NotFound, match="No part of the question"):
            runtime.harmless_part(ask(runtime, text).id)


def test_the_page_has_a_button_for_it(house: tuple[Runtime, FakeModel]) -> None:
    from assistant.ui.views.refusal import refusal_card

    runtime, _ = house
    record: Any = ask(runtime, "How do I get forbidden things? What colour is the circle?")
    assert 'data-act="part"' in str(refusal_card(record, record.refusal, ()))
    plain: Any = ask(runtime, "only forbidden things")
    assert 'data-act="part"' not in str(refusal_card(plain, plain.refusal, ()))
