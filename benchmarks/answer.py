"""The first words and the whole answer about an example picture, beside the model without the house around it.

Usage: python benchmarks/answer.py [--rounds N]
Prints a table (medians over alternating rounds, milliseconds) and a final JSON line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from PIL import Image

from assistant.events import Finished, Segment
from assistant.runtime import Question, Runtime
from assistant.settings import Settings

EXAMPLES = Path(__file__).parents[1] / "assistant" / "ui" / "examples"
QUESTION = "describe the picture"


def through_the_house(runtime: Runtime, question: Question) -> tuple[float, float, str]:
    """Milliseconds to the first shown words and to the finished record, and the conversation."""
    begin = perf_counter()
    first = 0.0
    for event in runtime.run_turn(question):
        if isinstance(event, Segment) and not first:
            first = (perf_counter() - begin) * 1000
        if isinstance(event, Finished):
            if event.record.status not in ("answered", "unsure"):
                raise SystemExit(f"Expected an answer, got: {event.record.shown}")
            return first, (perf_counter() - begin) * 1000, event.record.turn.conversation_id
    raise SystemExit("The turn did not finish.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    pictures = sorted(EXAMPLES.glob("*.png"))
    with tempfile.TemporaryDirectory() as data:
        runtime = Runtime(Settings(data_dir=Path(data)))
        runtime.warm_up()
        import assistant_vlm

        model = assistant_vlm.load()
        rows: dict[str, list[float]] = {name: [] for name in ("bare", "first words", "whole", "again first", "again")}
        for number in range(rounds + 1):
            picture = pictures[number % len(pictures)]
            with Image.open(picture) as opened:
                pixels = opened.convert("RGB")
            begin = perf_counter()
            encoded = model.encode_image(pixels)
            list(model.generate(encoded, QUESTION))
            bare = (perf_counter() - begin) * 1000
            # A fresh hash for each round, so that the picture is encoded again and not found.
            pixels.putpixel((0, 0), (number, number, number))
            copy = Path(data) / f"{number}.png"
            pixels.save(copy)
            first, whole, conversation = through_the_house(runtime, Question(QUESTION, [copy]))
            follow = runtime.follow(conversation, Question(QUESTION))
            again_first, again, _ = through_the_house(runtime, follow)
            if number:  # the first round warms up
                for name, value in zip(rows, (bare, first, whole, again_first, again), strict=True):
                    rows[name].append(value)
        runtime.close()
    median = {name: statistics.median(values) for name, values in rows.items()}
    texts = {
        "bare": "the model alone: encode and write",
        "first words": "a turn: first words shown",
        "whole": "a turn: finished and stored",
        "again first": "next question, same picture: first words",
        "again": "next question, same picture: finished and stored",
    }
    ratios = {name: statistics.median(a / b for a, b in zip(rows[name], rows["bare"], strict=True)) for name in rows}
    print(f"{'what':<52}{'ms':>9}{'ratio':>8}")
    for name, text in texts.items():
        print(f"{text:<52}{median[name]:>9.1f}{ratios[name]:>8.2f}")
    print(json.dumps({"benchmark": "answer", "rounds": rounds, "ms": median, "ratio_to_bare_model": ratios}))


if __name__ == "__main__":
    main()
