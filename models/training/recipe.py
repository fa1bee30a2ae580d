"""A training recipe: every choice that shapes the weights, read from a TOML file."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from assistant_vlm.config import ModelConfig
from training.batches import Group, Mix


@dataclass(frozen=True)
class Stage:
    """What the steps up to `until` are made of: one batch of each group, and the mix of the drawn ones."""

    until: int
    groups: tuple[Group, ...]
    mix: Mix


@dataclass(frozen=True)
class Recipe:
    """What to train and for how long.

    The learning rate rises over `warmup_steps`, stays, and falls in a straight line over the last `decay_steps` (Hu et
    al. 2024, "MiniCPM", section 4: warm-up, stable, decay). A run may therefore be made longer later without having been
    another run until then.

    Attributes:
        name: Name of the weights.
        version: Version of the weights.
        licence: Terms of the weights.
        seed: Seeds initial weights and every batch; the batch of a step depends on the seed and the step alone.
        start: Weights of another recipe to start from, by its name; None starts from random weights.
        sets: Data sets to read, by the file's name without ending, as in `open-mnist`.
        steps: Number of steps in all.
        warmup_steps: Steps over which the learning rate rises from zero.
        decay_steps: Last steps, over which it falls to `last_rate`.
        peak_rate: Highest learning rate.
        last_rate: Learning rate at the end, as a share of the peak.
        optimizer: `adamw`, or `muon` for the matrices inside the blocks with AdamW for the rest.
        bf16: Whether matrix products in training run in bfloat16 (weights and inference stay float32).
        weight_decay: AdamW's decay of matrices.
        clip: Largest gradient norm.
        average: Decay of the running average of the weights, which is what ships.
        patch_loss: Weight of naming what covers each patch of drawn scenes, a help in training that is not shipped.
        label_loss: Weight of naming the whole picture from the class token alone, another such help.
        label_smoothing: Share of probability that the label loss spreads over all names.
        entropy_loss: Weight of the cross-attention's entropy: positive wants it narrow, negative wide; 0: off.
        diversity_loss: Weight of the likeness of the cross-attention of heads of one layer; 0: off.
        tokenizer_lines: Examples the tokenizer is trained on.
        model: Shape of the network.
        stages: What the steps are made of, in order; the last one goes on to the end.
    """

    name: str
    version: str
    licence: str
    seed: int
    sets: tuple[str, ...]
    steps: int
    warmup_steps: int
    decay_steps: int
    peak_rate: float
    last_rate: float
    optimizer: Literal["adamw", "muon"]
    bf16: bool
    weight_decay: float
    clip: float
    average: float
    patch_loss: float
    label_loss: float
    label_smoothing: float
    tokenizer_lines: int
    model: ModelConfig
    stages: tuple[Stage, ...]
    start: str | None = None
    entropy_loss: float = 0.0
    diversity_loss: float = 0.0

    @classmethod
    def from_file(cls, path: Path) -> "Recipe":
        """The recipe in the TOML file at `path`.

        Raises:
            ValueError: The file is not TOML, or a field is missing or unknown; the message names it.
        """
        try:
            data = cast("dict[str, Any]", tomllib.loads(path.read_text()))
            model, stages = data.pop("model"), cast("list[dict[str, Any]]", data.pop("stages"))
            made = tuple(
                Stage(
                    int(stage.get("until", data["steps"])),
                    tuple(Group(**group) for group in stage["groups"]),
                    Mix(**stage.get("mix", {})),
                )
                for stage in stages
            )
            data["sets"] = tuple(data["sets"])
            return cls(**data, model=ModelConfig.from_json(model), stages=made)
        except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: expected a training recipe in TOML, got {error!r}") from error

    def stage(self, step: int) -> Stage:
        """What the step (from 0) is made of."""
        return next((stage for stage in self.stages if step < stage.until), self.stages[-1])

    def rate(self, step: int) -> float:
        """The learning rate of a step (from 0)."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = (self.steps - step) / max(1, self.decay_steps)
        return self.peak_rate * warm * (self.last_rate + (1 - self.last_rate) * min(1.0, max(0.0, left)))
