"""A picture read for real: what is found, where, in which order, and what becomes of the pictures that are hard."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from assistant.testing import picture, written
from assistant_reading.flat import is_flat
from assistant_reading.ocr import Ocr, installed
from assistant_reading.page import MAX_LINES, read_page

needs_ocr = pytest.mark.skipif(not installed(), reason="the extra ocr is not installed")
OCR = Ocr()
LINES = ("Steps to bake", "a birthday cake", "1. Buy eggs", "2. Mix them")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@needs_ocr
@pytest.mark.parametrize(
    "look",
    [
        {"size": 14},
        {"size": 60},
        {"size": 30, "colour": "white", "ground": "navy"},
        {"size": 26, "colour": "#7a1020", "ground": "#f3e9c8"},
        {"size": 32, "turned": 8},
        {"size": 32, "turned": -5},
    ],
)
def test_lines_are_read_in_order_with_their_places(look: dict[str, object]):
    read = read_page(opened(written(*LINES, **look)), OCR)  # type: ignore[arg-type]
    assert [each.text for each in read.texts] == list(LINES)
    assert read.complete
    assert read.reader.startswith("rapidocr ")
    tops = [each.region.top for each in read.texts]
    assert tops == sorted(tops)
    assert all(each.region.left < each.region.right and each.region.top < each.region.bottom for each in read.texts)
    assert all(each.confidence > 0.8 for each in read.texts)


@needs_ocr
@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_picture_that_lies_on_its_side_is_read_upright_and_marked_where_it_lies(quarter_turns: int):
    straight = opened(written(*LINES, size=36))
    turned = straight.rotate(90 * quarter_turns, expand=True)
    plain, read = read_page(straight, OCR), read_page(turned, OCR)
    assert [each.text for each in read.texts] == list(LINES)
    first, place = plain.texts[0].region, read.texts[0].region
    box = (first.left, first.top, first.right, first.bottom)
    for _ in range(quarter_turns):  # turning against the clock takes the right side to the top
        box = (box[1], 1 - box[2], box[3], 1 - box[0])
    assert (place.left, place.top, place.right, place.bottom) == pytest.approx(box, abs=0.03)


@needs_ocr
def test_two_columns_of_a_receipt_stand_in_rows():
    receipt = Image.new("RGB", (500, 220), "white")
    for number, (name, price) in enumerate([("Bread", "2.10"), ("Milk", "1.20"), ("TOTAL", "3.30")]):
        receipt.paste(opened(written(name, size=30)), (0, 10 + 65 * number))
        receipt.paste(opened(written(price, size=30)), (350, 10 + 65 * number))
    read = read_page(receipt, OCR)
    assert [each.text for each in read.texts] == ["Bread", "2.10", "Milk", "1.20", "TOTAL", "3.30"]


@needs_ocr
@pytest.mark.parametrize("data", [picture(), picture(size=(1, 1)), picture(size=(2000, 3)), picture("white")])
def test_a_picture_without_text_has_none_and_is_complete(data: bytes):
    read = read_page(opened(data), OCR)
    assert read.texts == ()
    assert read.complete


@needs_ocr
def test_noise_holds_no_text():
    pixels = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    assert read_page(Image.fromarray(pixels), OCR).texts == ()


@needs_ocr
def test_a_script_that_the_reader_does_not_know_is_not_passed_over():
    font = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
    try:
        data = written("مرحبا بالعالم الجميل", size=48, font=font)
    except OSError:
        pytest.skip("this system has no font with Arabic letters")
    read = read_page(opened(data), OCR)
    assert not read.complete
    assert "could not be read" in read.note or "may be wrong" in read.note


@needs_ocr
def test_it_reads_without_a_network():
    code = (
        "import socket\n"
        "def no(*args, **kwargs): raise OSError('no network')\n"
        "socket.socket.connect = no; socket.getaddrinfo = no\n"
        "import io; from PIL import Image\n"
        "from assistant.testing import written\n"
        "from assistant_reading.ocr import Ocr\n"
        "from assistant_reading.page import read_page\n"
        "print(read_page(Image.open(io.BytesIO(written('STOP', size=60))).convert('RGB'), Ocr()).text)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "STOP", done.stderr


class CountingReader:
    """Finds as many lines as it is told to, the lower the larger, and reads them at once."""

    name = "counting 1"

    def __init__(self, lines: int, confidence: float = 1.0, upside_down: Callable[[], bool] = lambda: False) -> None:
        self.lines, self.confidence, self.upside_down = lines, confidence, upside_down
        self.read_so_far = 0

    def find(self, image: Image.Image) -> list[np.ndarray]:
        step = image.height / (self.lines + 1)
        boxes: list[np.ndarray] = []
        for number in range(self.lines):
            top, tall = number * step, step * (0.2 + 0.7 * number / self.lines)
            corners = [[0, top], [image.width, top], [image.width, top + tall], [0, top + tall]]
            boxes.append(np.array(corners, dtype=np.float64))
        return boxes

    def read(self, line: Image.Image) -> tuple[str, float]:
        self.read_so_far += 1
        return f"height {line.height}", self.confidence

    def is_upside_down(self, line: Image.Image) -> bool:
        return self.upside_down()


def tall_picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (1200, 300, 3), dtype=np.uint8))


def test_of_ten_thousand_words_the_largest_lines_are_read_and_the_rest_is_said():
    reader = CountingReader(1000)
    read = read_page(tall_picture(), reader)
    assert reader.read_so_far == len(read.texts) == MAX_LINES
    assert f"Only {MAX_LINES} of 1000 lines" in read.note
    assert not read.complete
    assert min(each.region.top for each in read.texts) > 0.8  # the large ones are at the bottom


def test_when_the_time_is_up_no_further_line_is_begun():
    read = read_page(tall_picture(), CountingReader(50), seconds=-1)
    assert read.texts == ()
    assert "Only 0 of 50 lines" in read.note


def test_lines_that_nobody_can_read_are_left_out_and_told():
    read = read_page(tall_picture(), CountingReader(20, confidence=0.3))
    assert read.texts == ()
    assert "20 places in the picture look like writing and could not be read." in read.note


def test_lines_that_are_hard_to_read_are_kept_and_told():
    read = read_page(tall_picture(), CountingReader(1, confidence=0.6))
    assert len(read.texts) == 1
    assert read.note == "One line was hard to read and may be wrong."


def test_a_plain_surface_costs_no_look_at_all():
    reader = CountingReader(3)
    assert read_page(Image.new("RGB", (3000, 2000), "#abcdef"), reader).texts == ()
    assert reader.read_so_far == 0


def test_flat_means_without_any_edge():
    shade = Image.linear_gradient("L").resize((900, 900)).convert("RGB")
    assert is_flat(shade)
    assert is_flat(Image.new("RGB", (1, 1)))
    assert not is_flat(opened(written("a", size=8, colour="#dddddd")))
