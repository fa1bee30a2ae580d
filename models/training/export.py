"""Write a checkpoint's averaged weights as a folder that `assistant_vlm.load` reads.

`python -m training.export RECIPE --checkpoints FOLDER --to models/assistant_vlm/weights/open`. Files are replaced in
one move each. The calibration of an earlier export in the same folder is kept until `training.calibrate` fits a new
one; what pictures looked like to the earlier weights is not.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch

from assistant_vlm.confidence import FEATURES
from assistant_vlm.config import Card, ModelConfig, read_config, write_config
from assistant_vlm.errors import WeightsError
from assistant_vlm.loading import CONFIG_FILE, FAMILIARITY_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from assistant_vlm.network import Network
from training.recipe import Recipe
from training.train import TOKENIZER


def write_file(path: Path, data: bytes) -> None:
    """Replace `path` in one move, so that nobody ever reads half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def write_weights(
    folder: Path, weights: dict[str, torch.Tensor], tokenizer: bytes, config: ModelConfig, card: Card
) -> None:
    """The three files of a weights folder; weights are stored in float16.

    Raises:
        ValueError: A weight is not finite in float16.
    """
    halved = {
        key: value.detach().half().contiguous() if value.is_floating_point() else value
        for key, value in weights.items()
    }
    for key, value in halved.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ValueError(f"expected weights that are finite in float16, got others in {key}")
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / WEIGHTS_FILE, safetensors.torch.save(halved))
    write_file(folder / TOKENIZER_FILE, tokenizer)
    write_file(folder / CONFIG_FILE, write_config(config, card).encode())


def uncalibrated(recipe: Recipe) -> Card:
    """A card that takes the probability of the whole answer as it is and withholds nothing."""
    plain = tuple(1.0 if name == "total logprob" else 2.0 if name == "one" else 0.0 for name in FEATURES)
    return Card(recipe.name, recipe.version, recipe.licence, 0.0, plain, plain)


def card_for(recipe: Recipe, earlier: Path) -> Card:
    """The recipe's name, version and licence, with the calibration of an `earlier` config file where it is of use."""
    card = uncalibrated(recipe)
    if not earlier.exists():
        return card
    try:
        kept = read_config(earlier.read_text())[1]
    except WeightsError:  # of a model that this code no longer knows
        return card
    if any(len(w) != len(FEATURES) for w in (kept.confidence_with_image, kept.confidence_without_image)):
        return card
    return replace(kept, name=card.name, version=card.version, licence=card.licence, unfamiliar_above=None)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    recipe = Recipe.from_file(options.recipe)
    state = torch.load(options.checkpoints / "checkpoint.pt", weights_only=True, mmap=True)
    recipe = recipe.with_names(len(state["average"].get("name_guess.spelling", ())))
    try:
        Network(recipe.model).load_state_dict(state["average"])
    except RuntimeError as error:
        raise SystemExit(f"expected a checkpoint of the recipe's network; {error}") from error
    card = card_for(recipe, options.to / CONFIG_FILE)
    (options.to / FAMILIARITY_FILE).unlink(missing_ok=True)
    write_weights(options.to, state["average"], TOKENIZER.read_bytes(), recipe.model, card)
    print({"step": state["progress"]["step"], "minutes": state["progress"]["seconds"] / 60, "to": str(options.to)})


if __name__ == "__main__":
    main()
