"""Draw the example pictures of the chat, each with two questions that the weights answer right.

`python -m training.examples --to FOLDER [--weights FOLDER]`. The scenes are composed by hand here, so training never
saw them. Of the questions written for each, the first two that are answered right and not withheld are kept; a picture
with fewer than two is an error.
"""

import argparse
import io
import json
from pathlib import Path
from typing import Final

import torch

from assistant_vlm import load
from training.answers import answer
from training.export import write_file
from training.questions import Asked
from training.scenes import Scene, Thing, Word, render, word_shape
from training.wording import described

SIDE: Final = 448
SCENES: Final[dict[str, tuple[Scene, tuple[tuple[str, str], ...]]]] = {
    "shapes": (
        Scene(
            (
                Thing("circle", "red", 0.23, 0.26, 0.3),
                Thing("square", "blue", 0.76, 0.25, 0.28),
                Thing("triangle", "green", 0.5, 0.75, 0.3),
            ),
            "white",
        ),
        (
            ("What colour is the square?", "blue"),
            ("Is there a red circle?", "yes"),
            ("Is the circle left of the square?", "The circle is left, the square is right: yes."),
            ("Where is the triangle?", "bottom"),
            ("How many shapes are there?", "3"),
        ),
    ),
    "counting": (
        Scene(
            (
                Thing("star", "yellow", 0.25, 0.25, 0.22),
                Thing("star", "yellow", 0.75, 0.25, 0.22),
                Thing("heart", "red", 0.5, 0.75, 0.22),
            ),
            "light blue",
        ),
        (
            ("How many shapes are there?", "3"),
            ("How many hearts are there?", "1"),
            ("What colour is the background?", "light blue"),
            ("How many stars are there?", "2"),
            ("Are there more stars than hearts?", "stars 2, hearts 1: yes."),
            ("Describe the image.", "There is a red heart and two yellow stars."),
        ),
    ),
    "sign": (
        Scene(
            (Thing("hexagon", "red", 0.5, 0.68, 0.3),),
            "white",
            Word("STOP", 0.5, 0.27, 0.28 * word_shape("STOP"), 0.28, "black"),
        ),
        (
            ("What does it say?", "stop"),
            ("What shape is the red thing?", "hexagon"),
            ("What colour is the hexagon?", "red"),
            ("Where is the hexagon?", "bottom"),
            ("Is there a hexagon?", "yes"),
        ),
    ),
    "sizes": (
        Scene(
            (Thing("diamond", "purple", 0.27, 0.43, 0.5), Thing("cross", "orange", 0.77, 0.76, 0.28)),
            "light yellow",
        ),
        (
            ("What is this?", "There is an orange cross and a purple diamond."),
            ("What is the biggest shape?", "a purple diamond"),
            ("Is the cross below the diamond?", "The cross is bottom, the diamond is middle: yes."),
            ("What colour is the cross?", "orange"),
        ),
    ),
}  # fmt: skip


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load(options.weights)
    options.to.mkdir(parents=True, exist_ok=True)
    listed: list[dict[str, object]] = []
    for name, (scene, questions) in SCENES.items():
        picture = render(scene, SIDE)
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        found = [answer(model, picture, [Asked(q, a, "example")])[0] for q, a in questions]
        for a in found:
            print(f"{name} | {a.asked.question} | {a.text} | {'right' if a.right else 'wrong'} | {a.confidence:.2f}")
        good = [a for a in found if a.right and a.confidence >= model.abstain_below]
        if len(good) < 2:
            raise SystemExit(f"expected two right answers about {name}, got {len(good)}")
        write_file(options.to / f"{name}.png", file.getvalue())
        kept = [{"question": a.asked.question, "answer": a.text} for a in good[:2]]
        listed.append({"file": f"{name}.png", "alt": alt_text(scene), "questions": kept})
    write_file(options.to / "examples.json", (json.dumps(listed, indent=1) + "\n").encode())


def alt_text(scene: Scene) -> str:
    """What a picture shows, for people who do not see it."""
    return f"{described(scene)} The background is {scene.background}."


if __name__ == "__main__":
    main()
