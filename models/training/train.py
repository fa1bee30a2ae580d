"""Train weights by a recipe: `python -m training.train RECIPE --data FOLDER [--checkpoints FOLDER] [--resume]`."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import torch

from training.datasets import read_data
from training.loop import Run
from training.recipe import Recipe

TOKENIZER = Path(__file__).with_name("tokenizer.model")
"""The tokenizer of all recipes; `training.tokenizer_recipe` makes it."""


def run(
    recipe: Path,
    data: Path | None,
    checkpoints: Path | None = None,
    resume: bool = False,
    threads: int = 2,
    steps: int | None = None,
    device: str = "cpu",
    workers: int = 1,
) -> None:
    """Train by the recipe in a file.

    Args:
        recipe: The TOML file.
        data: Folder with the Parquet files; None: of what the recipe names, only what can be drawn.
        checkpoints: Folder of checkpoint and log, by default `checkpoints/` and the recipe's name.
        resume: Go on from the checkpoint, if there is one.
        threads: Processor threads.
        steps: Stop after so many steps more, for trials.
        device: `cpu` or `cuda`.
        workers: Processes that make batches.

    Raises:
        ValueError: The recipe cannot be read, draws nothing without data, or does not fit the checkpoint.
        FileNotFoundError: The recipe, a file of the data, or the weights to start from, are missing.
        FileExistsError: There is a checkpoint already, and `resume` is not set.
    """
    torch.set_num_threads(threads)
    chosen = Recipe.from_file(recipe)
    folder = checkpoints or Path("checkpoints") / chosen.name
    if not resume and (folder / "checkpoint.pt").exists():
        raise FileExistsError(f"expected no checkpoint in {folder}; go on from it with --resume, or move it away")
    read = read_data(data, chosen.sets) if data else None
    if read is None and chosen.asked_sets:
        chosen = chosen.drawn_only()
    rows, held_out = (read["train"], read["dev"]) if read else (None, None)
    training = Run(chosen, TOKENIZER.read_bytes(), rows, folder, device, held_out)
    went_on = resume and training.resume()
    if chosen.start and not went_on:
        training.start_from(folder.parent / chosen.start)
    about = {"parameters": training.model.network.parameters_count, "went on": went_on}
    print(json.dumps(about | dataclasses.asdict(training.progress)), file=sys.stderr, flush=True)
    training.train(stop_after=steps, workers=workers)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, help="folder with the Parquet files; without it, drawn scenes only")
    parser.add_argument("--checkpoints", type=Path)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, if there is one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="stop after so many steps (for trials)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    run(**vars(options))


if __name__ == "__main__":
    main()
