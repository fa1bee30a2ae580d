"""A training recipe: every choice that shapes the weights, read from a TOML file."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from assistant_vlm.config import ModelConfig
from training.batches import Mix


@dataclass(frozen=True)
class Recipe:
    """What to train and for how long.

    Attributes:
        name: Name of the weights.
        version: Version of the weights.
        licence: Terms of the weights.
        seed: Seeds initial weights and every batch; the batch of a step depends on the seed and the step alone.
        minutes: Training time, resumed parts added up; the learning rate follows the share of it that has passed.
        rows: Pictures in a batch.
        tokens: Packed tokens for each picture.
        optimizer: `adamw`, or `muon` for the matrices inside the blocks with AdamW for the rest.
        bf16: Whether matrix products in training run in bfloat16 (weights and inference stay float32).
        peak_rate: Highest learning rate.
        last_rate: Learning rate at the end, as a share of the peak.
        warmup_steps: Steps over which the learning rate rises from zero.
        weight_decay: AdamW's decay of matrices.
        clip: Largest gradient norm.
        average: Decay of the running average of the weights, which is what ships.
        patch_loss: Weight of naming what covers each patch of drawn scenes, a help in training that is not shipped.
        easy_steps: For the first steps, scenes have at most `easy_things` things.
        easy_things: See `easy_steps`.
        tokenizer_lines: Examples the tokenizer is trained on.
        model: Sizes of the network.
        mix: Shares of the kinds of examples.
    """

    name: str
    version: str
    licence: str
    seed: int
    minutes: float
    rows: int
    tokens: int
    optimizer: Literal["adamw", "muon"]
    bf16: bool
    peak_rate: float
    last_rate: float
    warmup_steps: int
    weight_decay: float
    clip: float
    average: float
    patch_loss: float
    easy_steps: int
    easy_things: int
    tokenizer_lines: int
    model: ModelConfig
    mix: Mix = field(default_factory=Mix)

    @classmethod
    def from_file(cls, path: Path) -> "Recipe":
        """The recipe in the TOML file at `path`."""
        data = cast("dict[str, Any]", tomllib.loads(path.read_text()))
        model, mix = data.pop("model"), data.pop("mix")
        model["stem_channels"] = tuple(model["stem_channels"])
        return cls(**data, model=ModelConfig(**model), mix=Mix(**mix))
