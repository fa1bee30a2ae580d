"""Point and ask: what the model sees, and how its account comes back onto the whole picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from assistant.backends import ModelTrace, Word
from assistant.errors import InputError
from assistant.intake import open_image, read_image, with_regions
from assistant.messages import Exchange, ImagePart, Message, Reading, ReadText, Turn, TurnRecord
from assistant.pointing import CELLS, as_seen, put_back
from assistant.runtime import Question, finish
from assistant.settings import Settings
from assistant.testing import FakeModel, make_runtime, picture
from assistant.verdicts import Region

LEFT = Region(left=0.0, top=0.25, right=0.25, bottom=0.75)
RIGHT = Region(left=0.75, top=0.25, right=1.0, bottom=0.75)


@pytest.fixture
def two_halves() -> ImagePart:
    """200 x 100 pixels: red on the left, blue on the right, and a line of text on each side."""
    image = Image.new("RGB", (200, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    out = io.BytesIO()
    image.save(out, "PNG")
    lines = tuple(ReadText(text=name, region=place, confidence=0.9) for name, place in (("one", LEFT), ("two", RIGHT)))
    part = read_image(out.getvalue(), Settings())
    return part.model_copy(update={"name": "flag.png", "reading": Reading(reader="r", texts=lines)})


def asked(part: ImagePart, *regions: Region) -> Turn:
    return Turn(question=Message(text="what is it?", images=(part,), regions=regions))


def test_a_model_sees_each_place_by_itself_in_the_order_of_its_number(two_halves: ImagePart) -> None:
    seen = as_seen(asked(two_halves, RIGHT, LEFT)).images
    assert [each.place for each in seen] == [1, 2]
    colours = [tuple(np.asarray(open_image(each)).reshape(-1, 3).mean(axis=0)) for each in seen]
    assert colours == [(0, 0, 255), (255, 0, 0)]
    assert [each.reading.texts[0].text for each in seen if each.reading] == ["two", "one"]
    assert [len(each.reading.texts) for each in seen if each.reading] == [1, 1]


def test_without_places_nothing_changes(two_halves: ImagePart) -> None:
    turn = asked(two_halves)
    assert as_seen(turn) is turn


def test_a_picture_without_a_place_stays_whole_beside_one_with(two_halves: ImagePart) -> None:
    other = read_image(picture(), Settings())
    message = Message(text="?", images=(other, two_halves), regions=(LEFT.model_copy(update={"image": 1}),))
    seen = as_seen(Turn(question=message)).images
    assert seen[0] == other
    assert (seen[1].place, seen[1].width < two_halves.width) == (1, True)


def test_a_later_question_without_pictures_is_about_the_same_place(two_halves: ImagePart) -> None:
    first = asked(two_halves, LEFT).question
    later = Turn(question=Message(text="and now?"), history=(Exchange(question=first, answer="red"),))
    (seen,) = as_seen(later).images
    assert seen.place == 1


@pytest.mark.parametrize("place", [(0, 0, 0.001, 0.001), (0.999, 0.999, 1, 1), (0, 0, 1, 1)])
def test_a_place_at_the_edge_is_a_picture_too(two_halves: ImagePart, place: tuple[float, ...]) -> None:
    left, top, right, bottom = place
    (seen,) = as_seen(asked(two_halves, Region(left=left, top=top, right=right, bottom=bottom))).images
    assert seen.width >= 1
    assert seen.height >= 1
    assert open_image(seen).size == (seen.width, seen.height)


def test_attention_comes_back_to_where_the_place_is_and_none_is_lost(two_halves: ImagePart) -> None:
    record = TurnRecord(turn=asked(two_halves, LEFT, RIGHT), status="answered", answer="one two")
    attention = np.full((3, 2, 2, 5, 7), 1 / 35, dtype=np.float32)
    words = (Word("one", 0, 3, 0, 1, 0), Word("two", 4, 7, 1, 2, 1))
    back = put_back(ModelTrace(words, (attention, attention)), record)
    (whole,) = back.cross_attention
    assert whole.shape == (6, 2, 2, CELLS, CELLS)
    np.testing.assert_allclose(whole.sum(axis=(3, 4)), 1, atol=1e-5)
    per_col = whole[:, 0, 0].sum(axis=1)
    assert per_col[:3, CELLS // 2 :].sum() == 0
    assert per_col[3:, : CELLS // 2].sum() == 0
    assert [(word.image, word.first, word.last) for word in back.words] == [(0, 0, 1), (0, 4, 5)]


def test_a_quoted_line_comes_back_to_where_it_stands(two_halves: ImagePart) -> None:
    record = TurnRecord(turn=asked(two_halves, RIGHT), status="answered", answer="two")
    (seen,) = as_seen(record.turn).images
    assert seen.reading
    trace = ModelTrace((Word("two", 0, 3, 0, 0, 0, copied_from=seen.reading.texts[0]),))
    (word,) = put_back(trace, record).words
    assert word.copied_from
    found = word.copied_from.region
    for edge in ("left", "top", "right", "bottom"):
        assert getattr(found, edge) == pytest.approx(getattr(RIGHT, edge))


def test_a_turn_keeps_the_whole_picture_and_the_rules_see_it(tmp_path: Path, two_halves: ImagePart) -> None:
    from assistant import hookimpl

    judged: list[Turn] = []

    class Looking:
        @hookimpl
        def before_turn(self, turn: Turn) -> None:
            judged.append(turn)

    model = FakeModel("red thing")
    runtime = make_runtime(tmp_path, model=model, plugins=[("looking", Looking())])
    question = Question("what is it?", [two_halves], regions=[LEFT])
    record = finish(runtime.run_turn(runtime.follow(None, question)))
    assert model.turns[0].images[0].place == 1
    assert judged[0].images[0].sha256 == two_halves.sha256
    stored = runtime.store.turn(record.id)
    assert stored.turn.question.regions == (LEFT,)
    assert stored.turn.images[0].sha256 == two_halves.sha256
    attention = runtime.trace(record.id).cross_attention[0]
    assert attention[..., CELLS // 2 :].sum() == 0
    finish(runtime.run_turn(runtime.retry(record.id)))
    assert model.turns[1].images[0].place == 1
    runtime.close()


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        ([LEFT.model_copy(update={"image": 1})], "picture 2, and 1 came"),
        ([Region(left=0.5, top=0.5, right=0.5, bottom=0.9)], "wider and higher"),
        ([Region(left=0.5, top=0.9, right=0.7, bottom=0.1)], "wider and higher"),
        ([LEFT] * 13, "12 places; 13 came"),
    ],
)
def test_places_that_cannot_be_are_a_sentence(two_halves: ImagePart, regions: list[Region], said: str) -> None:
    with pytest.raises(InputError, match=said):
        with_regions(Message(text="", images=(two_halves,)), regions)


def test_the_bundled_model_answers_about_the_place(tmp_path: Path) -> None:
    from assistant_backends.built_in import BuiltInBackend

    image = Image.new("RGB", (256, 256), "#f8fafc")
    image.paste("#dc2626", (20, 20, 80, 80))
    image.paste("#2563eb", (170, 170, 230, 230))
    out = io.BytesIO()
    image.save(out, "PNG")
    part = read_image(out.getvalue(), Settings())
    model: Any = BuiltInBackend()
    answers: list[str] = []
    for start in (20, 170):
        edges = {"left": start / 256, "top": start / 256, "right": (start + 60) / 256, "bottom": (start + 60) / 256}
        (seen,) = as_seen(asked(part, Region(**edges))).images
        answers.append(model.answer_picture(seen, "what colour is it?")[0])
    assert "red" in answers[0]
    assert "blue" in answers[1]
