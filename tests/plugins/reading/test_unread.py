"""A pack that needs all writing to be seen ends the turn where it was not; without such a pack a note is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant import ImagePart, Message, Reading, Subject, Turn, Verdict, hookimpl
from assistant.testing import ask, make_runtime, picture
from assistant_constitutions.engine import judge, places_of
from assistant_constitutions.loader import parse_pack
from assistant_reading import PictureReader, UnreadText

PACK = """\
id: careful
version: "1.0"
title: Careful
domain: test
licence: CC0-1.0
principles:
  - id: careful.all-writing-is-seen
    title: All writing is seen
    text: Nothing is answered about a picture with writing that was not read.
    kind: regulation
    applies_to: [image]
    action: refuse
    evaluators:
      - name: unread_text
"""


def part(reading: Reading | None) -> ImagePart:
    return ImagePart(sha256="0" * 64, media_type="image/png", width=1, height=1, reading=reading)


def subject(*images: ImagePart) -> Subject:
    return Subject(turn=Turn(question=Message(text="?", images=images)), part="question", text="?")


def test_it_marks_the_pictures_that_were_not_read():
    read, cut = Reading(reader="fake 1"), Reading(reader="fake 1", complete=False)
    found = UnreadText().evaluate(subject(part(read), part(cut), part(None)), {})
    assert found is not None
    assert (found.score, [region.image for region in found.regions]) == (1.0, [1, 2])
    assert UnreadText().evaluate(subject(part(read)), {}) is None
    assert UnreadText().evaluate(subject(), {}) is None
    with pytest.raises(ValueError, match="no options"):
        UnreadText().check_options({"names": []})


class Fails:
    """A reader that fails."""

    @hookimpl(phase="normalise", time_limit=0.2)
    def read_picture(self, image: ImagePart) -> Reading:
        raise MemoryError("too large")


def test_a_pack_may_end_the_turn_where_a_reader_failed(tmp_path: Path):
    pack = parse_pack(PACK.encode(), name="careful.yaml")

    class Careful:
        @hookimpl
        def before_turn(self, turn: Turn) -> list[Verdict]:
            subject = Subject(turn=turn, part="question", text=turn.question.text)
            return judge((pack,), {"unread_text": UnreadText()}, subject, places_of(turn))

    with_pack = make_runtime(tmp_path / "one", plugins=[("a_reader", Fails()), ("careful", Careful())])
    refusal = ask(with_pack, "what is it?", [picture()]).refusal
    assert refusal is not None
    assert refusal.rule.id == "careful.all-writing-is-seen"
    assert refusal.regions[0].image == 0
    without = make_runtime(tmp_path / "two", plugins=[("a_reader", Fails())])
    assert ask(without, "what is it?", [picture()]).status == "answered"


def test_without_the_extra_it_reads_nothing_and_says_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("assistant_reading.hooks.installed", lambda: False)
    assert PictureReader().read_picture(part(None)) is None
