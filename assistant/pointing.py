"""Point and ask: a question is about places in its pictures, and the model gets what is there to see."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from assistant.intake import open_image
from assistant.messages import ImagePart, Message, Reading, Turn, TurnRecord
from assistant.verdicts import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assistant.backends import ModelTrace, Word

MARGIN = 0.5
"""So much of the width and height of a place is added on each side: a thing keeps its edges, and the bundled model sees
it at a size that it knows (`benchmarks/pointing.py`)."""

CELLS = 32
"""Rows and columns of the map of a picture in which somebody pointed at a place."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the model sees: picture number ``image``, whole or cut out at ``box``."""

    image: int
    box: Region
    part: ImagePart


def as_seen(turn: Turn) -> Turn:
    """The turn as a model gets it: a picture in which the question points at places gives way to these places, each cut
    out as a picture of its own, in the order of their numbers. The rules and the store keep the whole picture."""
    looks = looks_of(turn)
    return turn if looks is None else _with_images(turn, tuple(look.part for look in looks))


def looks_of(turn: Turn) -> list[Look] | None:
    """What the model sees of the pictures that a turn is about; ``None`` where nobody points and it sees them whole."""
    message = _asked_about(turn)
    if message is None or not message.regions:
        return None
    looks: list[Look] = []
    number = 0
    for image, part in enumerate(message.images):
        places = [region for region in message.regions if region.image == image]
        if not places:
            looks.append(Look(image, Region(image=image, left=0, top=0, right=1, bottom=1), part))
        for place in places:
            number += 1
            box = widened(place, part)
            looks.append(Look(image, box, _cut_out(part, box, number)))
    return looks


def put_back(trace: ModelTrace, record: TurnRecord) -> ModelTrace:
    """A model's account of an answer about places, on the whole pictures: attention and quoted lines are moved to where
    the places are.

    Returns:
        The trace with `CELLS` rows and columns for each picture; as it is where nobody points.
    """
    looks = looks_of(record.turn)
    if looks is None:
        return trace
    words: list[Word] = []
    tokens_before = [0] * len(looks)
    maps: list[list[NDArray[np.float32]]] = [[] for _ in record.turn.images]
    for number, (look, attention) in enumerate(zip(looks, trace.cross_attention, strict=False)):
        if attention.size == 0:
            continue
        tokens_before[number] = sum(each.shape[0] for each in maps[look.image])
        maps[look.image].append(_spread(attention, look.box))
    for word in trace.words:
        look = looks[word.image] if word.image < len(looks) else None
        if look is None:
            continue
        before = tokens_before[word.image]
        line = word.copied_from
        if line is not None:
            line = line.model_copy(update={"region": _outward(line.region, look)})
        words.append(
            replace(word, image=look.image, first=word.first + before, last=word.last + before, copied_from=line)
        )
    return replace(
        trace, words=tuple(words), cross_attention=tuple(_joined(each) for each in maps) if any(maps) else ()
    )


def widened(place: Region, part: ImagePart) -> Region:
    """A place with its margin, inside the picture and at least one pixel wide and high."""
    width, height = place.right - place.left, place.bottom - place.top
    left, right = max(0.0, place.left - MARGIN * width), min(1.0, place.right + MARGIN * width)
    top, bottom = max(0.0, place.top - MARGIN * height), min(1.0, place.bottom + MARGIN * height)
    right, bottom = max(right, min(1.0, left + 1 / part.width)), max(bottom, min(1.0, top + 1 / part.height))
    return place.model_copy(update={"left": left, "top": top, "right": right, "bottom": bottom})


def _asked_about(turn: Turn) -> Message | None:
    """The question that brought the pictures which this turn is about."""
    if turn.question.images:
        return turn.question
    return next((each.question for each in reversed(turn.history) if each.question.images), None)


def _with_images(turn: Turn, images: tuple[ImagePart, ...]) -> Turn:
    seen = {"images": images, "regions": ()}
    if turn.question.images:
        return turn.model_copy(update={"question": turn.question.model_copy(update=seen)})
    history = list(turn.history)
    last = max(number for number, each in enumerate(history) if each.question.images)
    history[last] = history[last].model_copy(update={"question": history[last].question.model_copy(update=seen)})
    return turn.model_copy(update={"history": tuple(history)})


def _cut_out(part: ImagePart, box: Region, number: int) -> ImagePart:
    picture = open_image(part)
    width, height = picture.size
    left, top = int(box.left * width), int(box.top * height)
    right, bottom = max(left + 1, round(box.right * width)), max(top + 1, round(box.bottom * height))
    cut = picture.crop((left, top, right, bottom))
    encoded = io.BytesIO()
    cut.save(encoded, "PNG")
    data = encoded.getvalue()
    return ImagePart(
        sha256=sha256(data).hexdigest(),
        media_type="image/png",
        width=cut.width,
        height=cut.height,
        name=part.name,
        alt=part.alt,
        place=number,
        reading=_reading_in(part.reading, box),
        data=data,
    )


def _reading_in(reading: Reading | None, box: Region) -> Reading | None:
    """The lines that stand in a place, with their own places in it."""
    if reading is None:
        return None

    def inside(value: float, start: float, end: float) -> float:
        return min(1.0, max(0.0, (value - start) / max(end - start, 1e-9)))

    texts = tuple(
        line.model_copy(
            update={
                "region": line.region.model_copy(
                    update={
                        "left": inside(line.region.left, box.left, box.right),
                        "right": inside(line.region.right, box.left, box.right),
                        "top": inside(line.region.top, box.top, box.bottom),
                        "bottom": inside(line.region.bottom, box.top, box.bottom),
                    }
                )
            }
        )
        for line in reading.texts
        if box.left <= (line.region.left + line.region.right) / 2 <= box.right
        and box.top <= (line.region.top + line.region.bottom) / 2 <= box.bottom
    )
    return reading.model_copy(update={"texts": texts})


def _outward(region: Region, look: Look) -> Region:
    """A place in what was cut out, as a place in the whole picture."""
    box = look.box
    width, height = box.right - box.left, box.bottom - box.top
    return region.model_copy(
        update={
            "image": look.image,
            "left": min(1.0, box.left + region.left * width),
            "right": min(1.0, box.left + region.right * width),
            "top": min(1.0, box.top + region.top * height),
            "bottom": min(1.0, box.top + region.bottom * height),
        }
    )


def _spread(attention: NDArray[np.float32], box: Region) -> NDArray[np.float32]:
    """The cells of what was cut out on the cells of the whole picture, by their common area; nothing is lost.

    Args:
        attention: axes [tokens, layers, heads, rows, cols].
        box: where it was cut out.
    """
    import numpy as np

    rows = _overlaps(attention.shape[3], box.top, box.bottom)
    cols = _overlaps(attention.shape[4], box.left, box.right)
    return np.einsum("gr,tlhrc,kc->tlhgk", rows, attention, cols).astype(np.float32)


def _overlaps(count: int, start: float, end: float) -> NDArray[np.float64]:
    """Axes [CELLS, count]: the share of each of ``count`` cells between start and end that lies in each whole cell."""
    import numpy as np

    edges = np.linspace(start, end, count + 1)
    whole = np.linspace(0, 1, CELLS + 1)
    least = np.maximum(whole[:-1, None], edges[None, :-1])
    most = np.minimum(whole[1:, None], edges[None, 1:])
    return np.clip(most - least, 0, None) / max((end - start) / count, 1e-9)


def _joined(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    import numpy as np

    if not maps:
        return np.zeros((0, 0, 0, 0, 0), dtype=np.float32)
    return np.concatenate(maps)
