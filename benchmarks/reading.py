"""How long it takes to read the text in a picture, and how much of it is read right, by kind of picture.

Usage: python benchmarks/reading.py [--rounds N]
One thread, in milliseconds of processor time: what other programs do meanwhile does not count. The first picture also
loads the reader; that is not counted in the others. Prints a table and a JSON line.
"Right" is the share of the written characters that are found in order (longest common subsequence of difflib).
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
from collections.abc import Callable
from difflib import SequenceMatcher
from time import process_time

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from assistant.testing import written
from assistant_reading.ocr import Ocr, installed
from assistant_reading.page import read_page

SENTENCES = (
    "The shop is closed on Monday and Tuesday.",
    "Please ring twice if nobody opens the door.",
    "Bread 2.10   Milk 1.20   TOTAL 3.30",
    "All dogs must be kept on a lead in the park.",
    "Keep away from children and from open fire.",
    "Platform 9 is at the other end of the hall.",
)
NOTE = "\n".join(SENTENCES)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def page(lines: int, size: float, side: tuple[int, int]) -> tuple[Image.Image, str]:
    """Lines of text on a white page of that size."""
    text = [SENTENCES[number % len(SENTENCES)] for number in range(lines)]
    image = Image.new("RGB", side, "white")
    image.paste(opened(written(*text, size=size)), (0, 0))
    return image, "\n".join(text)


def photo() -> tuple[Image.Image, str]:
    """Something like a photograph: soft blobs of many colours with grain; no text."""
    chance = np.random.default_rng(0)
    image = Image.new("RGB", (1600, 1200), "#7a8a60")
    draw = ImageDraw.Draw(image)
    for _ in range(400):
        x, y, r = chance.integers(0, 1600), chance.integers(0, 1200), chance.integers(10, 160)
        draw.ellipse([x - r, y - r, x + r, y + r], fill=tuple(int(c) for c in chance.integers(0, 255, 3)))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(6)), dtype=np.float64)
    return Image.fromarray(np.clip(soft + chance.normal(0, 6, soft.shape), 0, 255).astype(np.uint8)), ""


KINDS: dict[str, Callable[[], tuple[Image.Image, str]]] = {
    "plain surface, 2000 x 1500": lambda: (Image.new("RGB", (2000, 1500), "#ddeeff"), ""),
    "soft photograph, 1600 x 1200": photo,
    "sign, one line, 400 px": lambda: (opened(written("ROAD CLOSED", size=48, ground="#ffcc00")), "ROAD CLOSED"),
    "note, 6 lines": lambda: (opened(written(*SENTENCES, size=26)), NOTE),
    "note, 6 lines, turned by 8 degrees": lambda: (opened(written(*SENTENCES, size=26, turned=8)), NOTE),
    "note, upside down": lambda: (opened(written(*SENTENCES, size=26)).rotate(180), NOTE),
    "screenshot, 25 lines of 14 px, 1920 x 1080": lambda: page(25, 14, (1920, 1080)),
    "page, 45 lines of 18 px, 1240 x 1754": lambda: page(45, 18, (1240, 1754)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    if not installed():
        print("The reader is not installed. Type: pip install 'glassbox[ocr]'", file=sys.stderr)
        return 2
    reader = Ocr()
    begin = process_time()
    read_page(opened(written("warm", size=30)), reader)
    loading = process_time() - begin
    print(f"first picture, loading included: {loading * 1000:.0f} ms")
    print(f"{'picture':<46}{'ms':>8}{'lines':>7}{'right':>8}")
    rows: list[dict[str, object]] = []
    for name, make in KINDS.items():
        image, text = make()
        seconds: list[float] = []
        for _ in range(rounds):
            begin = process_time()
            reading = read_page(image, reader, seconds=600)
            seconds.append(process_time() - begin)
        blocks = SequenceMatcher(None, text, reading.text, autojunk=False).get_matching_blocks()
        right = sum(block.size for block in blocks) / len(text) if text else None
        median = statistics.median(seconds) * 1000
        shown = "" if right is None else f"{right:.1%}"
        print(f"{name:<46}{median:>8.0f}{len(reading.texts):>7}{shown:>8}")
        rows.append({"picture": name, "ms": median, "lines": len(reading.texts), "right": right})
    print(json.dumps({"benchmark": "reading", "reader": reader.name, "loading_ms": loading * 1000, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
