"""From a picture to what is written in it: find, set upright, read the largest lines first, put them in order."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from assistant import Reading, ReadText
from assistant_reading.flat import is_flat
from assistant_reading.lines import cut, height, reading_order, region, stand_upright, width

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

FIRST_LOOK = 640
"""The longer side, in pixels, at which is decided whether there is any writing."""
SECOND_LOOK = 1280
"""The longer side at which the lines are found, where there is."""
SMALLEST = 320
"""Smaller pictures are enlarged to this."""
MAX_LINES = 120
MAX_CHARACTERS = 400
"""Of one line."""
SECONDS = 45.0
"""After this no further line is begun. Only a machine that is very busy takes so long for `MAX_LINES`."""
SURE_ENOUGH = 0.5
"""Under this confidence a line is left out."""
SURE = 0.8
"""Under this confidence the person is told."""
LINE_SHAPE = 2.0
"""What cannot be read counts as writing from this width for its height on; a shape of its own is none."""
FILLED = 0.8
"""What fills this share of the picture, and is no line by its shape, is the picture and not writing on it."""
SHARP = 64
"""From one pixel to the next, of 255: an edge of a letter."""
BUSY = 0.02
"""From this share of sharp pixels on, a large picture may hold writing too small for the first look."""


class Reader(Protocol):
    """What is needed of an `assistant_reading.ocr.Ocr`."""

    @property
    def name(self) -> str:
        """The reader with its version."""
        ...

    def find(self, image: Image) -> list[NDArray[np.float64]]:
        """Where something is written."""
        ...

    def read(self, line: Image) -> tuple[str, float]:
        """What one line says."""
        ...

    def is_upside_down(self, line: Image) -> bool:
        """Whether a line stands on its head."""
        ...


def read_page(image: Image, reader: Reader, seconds: float = SECONDS) -> Reading:
    """Read a picture.

    Args:
        image: in RGB.
        reader: finds and reads lines.
        seconds: after this no further line is begun; the picture then counts as not read completely.

    Returns:
        Its lines in reading order, with their places in the picture as it was given.
    """
    end = monotonic() + seconds
    if is_flat(image) or not (_looks_written(image, reader) or _may_hold_small_print(image)):
        return Reading(reader=reader.name)
    lines = _find(image, reader)
    turns = 0
    if stand_upright(lines):
        turns = 1
        image = _turned(image, 1)
        lines = _find(image, reader)
    if _on_its_head(image, lines, reader):
        turns += 2
        image = _turned(image, 2)
        lines = _find(image, reader)
    # A person sees the largest writing first; what is left out must not be that.
    chosen = sorted(range(len(lines)), key=lambda each: -height(lines[each]))[:MAX_LINES]
    read: dict[int, tuple[str, float]] = {}
    for index in chosen:
        if monotonic() > end:
            break
        read[index] = reader.read(cut(image, lines[index]))
    kept = {index: text[:MAX_CHARACTERS] if sure >= SURE_ENOUGH else "" for index, (text, sure) in read.items()}
    texts = [
        ReadText(
            text=kept[index],
            region=region(lines[index], image.size, turns),
            confidence=round(read[index][1], 4),
        )
        for index in reading_order(lines)
        if kept.get(index)
    ]
    unread = sum(not text and width(lines[index]) > LINE_SHAPE * height(lines[index]) for index, text in kept.items())
    unsure = sum(each.confidence < SURE for each in texts)
    note = _note(len(lines), len(read), unread, unsure)
    return Reading(reader=reader.name, texts=tuple(texts), complete=not note, note=note)


def _find(image: Image, reader: Reader) -> list[NDArray[np.float64]]:
    """Lines in the pixels of the picture itself."""
    small = _scaled(image, SECOND_LOOK)
    scale = (image.width / small.width, image.height / small.height)
    return [corners * scale for corners in reader.find(small)]


def _on_its_head(image: Image, lines: Sequence[NDArray[np.float64]], reader: Reader) -> bool:
    longest = sorted(lines, key=width, reverse=True)[:5]
    votes = [reader.is_upside_down(cut(image, each)) for each in longest]
    return sum(votes) * 2 > len(votes)


def _scaled(image: Image, most: int) -> Image:
    longer = max(image.size)
    wanted = min(max(longer, SMALLEST), most)
    if longer == wanted:
        return image
    return image.resize([max(1, round(side * wanted / longer)) for side in image.size])


def _turned(image: Image, quarter_turns: int) -> Image:
    from PIL import Image as Images

    return image.transpose(Images.Transpose.ROTATE_90 if quarter_turns == 1 else Images.Transpose.ROTATE_180)


def _looks_written(image: Image, reader: Reader) -> bool:
    """Whether a first look finds anything but the picture as a whole, which is what a reader marks in a landscape."""
    small = _scaled(image, FIRST_LOOK)
    whole = FILLED * small.width * small.height
    return any(
        width(each) * height(each) < whole or width(each) > LINE_SHAPE * height(each) for each in reader.find(small)
    )


def _may_hold_small_print(image: Image) -> bool:
    import numpy as np

    if max(image.size) <= SECOND_LOOK:
        return False
    levels = np.asarray(image.convert("L"), dtype=np.int16)
    return float((np.abs(np.diff(levels, axis=1)) > SHARP).mean()) > BUSY


def _note(found: int, tried: int, unread: int, unsure: int) -> str:
    notes: list[str] = []
    if tried < found:
        notes.append(f"Only {tried} of {found} lines of text in the picture were read.")
    if unread:
        places = "One place in the picture looks" if unread == 1 else f"{unread} places in the picture look"
        notes.append(f"{places} like writing and could not be read.")
    if unsure:
        notes.append("One line was" if unsure == 1 else f"{unsure} lines were")
        notes[-1] += " hard to read and may be wrong."
    return " ".join(notes)
