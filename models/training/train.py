"""Train weights by a recipe: `python -m training.train RECIPE --data FOLDER [--checkpoints FOLDER] [--resume]`."""

import argparse
import dataclasses
import json
import random
from pathlib import Path

import torch

from assistant_vlm.tokenizer import Tokenizer
from training.datasets import OpenData, ask_row, read_open_data
from training.loop import Run
from training.questions import Asked
from training.recipe import Recipe
from training.tokenizer_recipe import train_tokenizer


def tokenizer_bytes(recipe: Recipe, data: OpenData | None, folder: Path) -> bytes:
    """The run's tokenizer, trained once and kept in its folder."""
    path = folder / "tokenizer.model"
    if not path.exists():
        rng = random.Random(recipe.seed)
        asked: list[Asked] = []
        if data is not None:
            for _ in range(30_000):
                row = data.draw(rng)
                asked.append(ask_row(rng, row, data.labels[row.set]))
        train_tokenizer(path, recipe.model.vocab, recipe.seed, recipe.tokenizer_lines, asked)
    return path.read_bytes()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, help="folder with the open-*.parquet files; without it, drawn scenes only")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/open"))
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="stop after so many steps (for trials)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = Recipe.from_file(options.recipe)
    data = read_open_data(options.data)["train"] if options.data else None
    run = Run(recipe, tokenizer_bytes(recipe, data, options.checkpoints), data, options.checkpoints)
    assert Tokenizer(run.tokenizer).vocab == recipe.model.vocab
    went_on = options.resume and run.resume()
    print(
        json.dumps(
            {"parameters": run.model.network.parameters_count, "went on": went_on, **dataclasses.asdict(run.progress)}
        ),
        flush=True,
    )
    run.train(easy_until=recipe.easy_steps, stop_after=options.steps)


if __name__ == "__main__":
    main()
