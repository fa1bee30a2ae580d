"""Boxes on pictures: on the refusal card, in the panel of a word, and in the card as plain text."""

from __future__ import annotations

import re

from assistant import Explanation, ImagePart, Message, ModelInfo, Refusal, Region, Rule, Trace, Turn, TurnRecord
from assistant.ui.views.details import details_section
from assistant.ui.views.marked_picture import marked_pictures
from assistant.ui.views.origin import confidence_line, origin_section
from assistant.ui.views.picture import Picture
from assistant.ui.views.refusal import refusal_card

RULE = Rule(id="demo.one", title="A rule", text="A sentence.", pack="demo", pack_version="1.0")
PLACE = Region(image=1, left=0.1, top=0.2, right=0.6, bottom=0.3, text="a <b>line</b>")
IMAGES = tuple(ImagePart(sha256=f"{each:064x}", media_type="image/png", width=9, height=9) for each in range(2))
REFUSAL = Refusal(cause="rule", stage="question", rule=RULE, regions=(PLACE,))
RECORD = TurnRecord(
    turn=Turn(question=Message(text="what is it?", images=IMAGES)),
    status="answered",
    answer="It says “line”.",
    confidence=0.9,
    trace=Trace(model=ModelInfo(name="small", reader="fake 1")),
)


def test_the_box_lies_on_the_picture_that_it_is_about() -> None:
    (figure,) = marked_pictures([Picture("one", "1"), Picture("two", "2")], [PLACE])
    assert 'src="two"' in figure
    assert re.search(r'<rect x="10.00%" y="20.00%" width="50.00%" height="10.00%"', figure)
    assert "a &lt;b&gt;line&lt;/b&gt;" in figure
    assert "<b>" not in figure


def test_a_place_in_a_picture_that_is_not_there_draws_nothing() -> None:
    assert marked_pictures([Picture("one", "1")], [PLACE]) == []
    assert marked_pictures([], []) == []


def test_the_refusal_card_shows_it_and_its_plain_text_names_it() -> None:
    card = refusal_card(RECORD, REFUSAL, [])
    assert f'src="pictures/{IMAGES[1].sha256}"' in card
    assert "Marked in picture 2" in card
    assert "Because of the marked place in picture 2: “a <b>line</b>”." in REFUSAL.as_text()


def test_the_panel_of_a_word_shows_where_it_was_read() -> None:
    explanation = Explanation(method="reading", title="Where it was read", word="line", regions=(PLACE,), text="There.")
    section = origin_section(RECORD, (), 0, [explanation])
    assert "<rect" in section
    assert "There." in section


def test_nobody_is_told_that_the_model_was_so_sure() -> None:
    line = confidence_line(RECORD)
    assert line is not None
    assert "the reader of text (fake 1)" in line
    assert "the model wrote nothing of this answer" in details_section(RECORD)
