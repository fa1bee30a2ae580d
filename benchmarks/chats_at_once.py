"""Sixteen chats with the bundled model at once, against the same sixteen one after the other.

Usage: python -m benchmarks.chats_at_once [--chats 16] [--rounds 5]
Each chat is a question about a picture of its own, a whole turn with its rules and its record. Prints the answers a
second of both ways (medians of alternating rounds), their ratio, and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from time import perf_counter

from PIL import Image

from assistant.runtime import Question, Runtime, finish
from assistant.settings import Settings

EXAMPLES = sorted((Path(__file__).parents[1] / "assistant" / "ui" / "examples").glob("*.png"))
QUESTION = "describe the picture"


def pictures(many: int, seed: int) -> list[bytes]:
    """Example pictures of which no two have the same bytes, so that each is encoded anew."""
    made: list[bytes] = []
    for number in range(many):
        with Image.open(EXAMPLES[number % len(EXAMPLES)]) as opened:
            pixels = opened.convert("RGB")
        pixels.putpixel((0, 0), (seed % 256, number % 256, seed // 256 % 256))
        out = BytesIO()
        pixels.save(out, "PNG")
        made.append(out.getvalue())
    return made


def one_after_the_other(ask: Callable[[bytes], None], given: Sequence[bytes]) -> None:
    """Each when the one before is whole."""
    for each in given:
        ask(each)


def at_once(ask: Callable[[bytes], None], given: Sequence[bytes]) -> None:
    """All together."""
    threads = [threading.Thread(target=ask, args=(each,)) for each in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(Settings(data_dir=Path(folder), hook_seconds=60.0))
        runtime.warm_up()

        def ask(picture: bytes) -> None:
            record = finish(runtime.run_turn(Question(QUESTION, [picture], door="test")))
            if record.status not in ("answered", "unsure"):
                failed.append(record.shown)

        speeds: dict[str, list[float]] = {"one after the other": [], "at once": []}
        for number in range(options.rounds + 1):
            for half, (name, way) in enumerate(
                {"one after the other": one_after_the_other, "at once": at_once}.items()
            ):
                given = pictures(options.chats, 2 * number + half)
                begin = perf_counter()
                way(ask, given)
                if number:  # the first round warms up
                    speeds[name].append(options.chats / (perf_counter() - begin))
        runtime.close()
    if failed:
        raise SystemExit(f"Expected answers, got: {failed[0]}")
    median = {name: round(statistics.median(each), 2) for name, each in speeds.items()}
    pairs = zip(speeds["at once"], speeds["one after the other"], strict=True)
    ratio = round(statistics.median(a / b for a, b in pairs), 2)
    for name, speed in median.items():
        print(f"{name:<24}{speed:>9.2f} answers a second")
    print(f"{'ratio':<24}{ratio:>9.2f}")
    print(json.dumps({"benchmark": "chats_at_once", "chats": options.chats, "answers_s": median, "ratio": ratio}))


if __name__ == "__main__":
    main()
