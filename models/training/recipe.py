"""A training recipe: every choice that shapes the weights, read from a TOML file."""

import tomllib
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast, get_type_hints

from assistant_vlm.config import ModelConfig
from assistant_vlm.errors import WeightsError
from training.batches import Group
from training.datasets import ALL_SETS
from training.sources import GENERATED, SOURCES, Mix


@dataclass(frozen=True)
class Stage:
    """What the steps up to `until` are made of: one batch of each group, and the mix of the drawn ones.

    `rate` is the share of the recipe's peak at which its learning rate stays, above 0.
    """

    until: int
    groups: tuple[Group, ...]
    mix: Mix
    rate: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """What to train and for how long.

    The learning rate rises over `warmup_steps`, stays, and falls in a straight line over the last `decay_steps` (Hu et
    al. 2024, "MiniCPM", section 4: warm-up, stable, decay). A run may therefore be made longer later without having
    been another run until then.

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
        label_loss: Weight of naming the whole picture from the class token alone; what learns it is shipped where the
            network passes on its guess (`name_tokens`), and is another such help where not.
        label_smoothing: Share of probability that the label loss spreads over all names.
        length_power: A token of an answer of n tokens counts `n ** -length_power`. 0: every token counts the same, and
            a count of one token is drowned by sentences; 1: every answer counts the same.
        entropy_loss: Weight of the cross-attention's entropy: positive wants it narrow, negative wide; 0: off.
        diversity_loss: Weight of the likeness of the cross-attention of heads of one layer; 0: off.
        name_tokens: So many tokens of the name that the picture half guesses are passed on to the decoder (see
            `ModelConfig.name_tokens`); 0: it does not guess. The number of names is that of the data's labels.
        model: Shape of the network.
        stages: What the steps are made of, in order; the last one goes on to the end.

    Raises:
        ValueError: A value is of another kind, out of its range, or does not fit the others.
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
    model: ModelConfig
    stages: tuple[Stage, ...]
    start: str | None = None
    length_power: float = 0.0
    entropy_loss: float = 0.0
    diversity_loss: float = 0.0
    name_tokens: int = 0

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name, kind in hints.items():
            value = getattr(self, name)
            wanted = (int, float) if kind is float else kind
            if kind in (str, int, float, bool) and (
                not isinstance(value, wanted) or isinstance(value, bool) != (kind is bool)
            ):
                raise ValueError(f"expected {name} to be of the kind {kind.__name__}, got {value!r}")
        if self.optimizer not in ("adamw", "muon"):
            raise ValueError(f"expected optimizer to be adamw or muon, got {self.optimizer!r}")
        for name, low, high in _RANGES:
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"expected {name} in [{low:g}, {high:g}], got {getattr(self, name)}")
        if self.model.name_tokens not in (0, self.name_tokens):
            raise ValueError("expected name_tokens of the recipe itself, none under [model]; names come from the data")
        if self.name_tokens and not self.label_loss:
            raise ValueError("expected label_loss above 0 with name_tokens: nothing else teaches the guess")
        if not self.stages:
            raise ValueError("expected at least one stage, got none")
        ends = [stage.until for stage in self.stages]
        if any(a >= b for a, b in pairwise(ends)):
            raise ValueError(f"expected `until` to rise from stage to stage, got {ends}")
        for stage in self.stages:
            self._check_groups(stage.groups)

    def _check_groups(self, groups: tuple[Group, ...]) -> None:
        names = [group.name for group in groups]
        if not groups or len(set(names)) < len(names):
            raise ValueError(f"expected groups with names of their own in each stage, got {names}")
        for group in groups:
            if group.rows < 1 or group.tokens < 0:
                raise ValueError(f"group {group.name}: expected rows above 0 and tokens of at least 0")
            if group.side < 1 or group.side % self.model.patch:
                raise ValueError(f"group {group.name}: expected a side of whole patches ({self.model.patch} pixels)")
            for source, share in group.shares.items():
                if source not in SOURCES:
                    raise ValueError(f"group {group.name}: expected a source among {SOURCES}, got {source!r}")
                if source in ALL_SETS and source not in self.sets:
                    raise ValueError(f"group {group.name}: expected {source!r} in sets too, got {list(self.sets)}")
                if share < 0:
                    raise ValueError(f"group {group.name}: expected a share of at least 0 for {source}, got {share}")

    def drawn_only(self) -> "Recipe":
        """The same recipe with what can be drawn, for training without data.

        Raises:
            ValueError: A stage has nothing that is drawn.
        """
        stages: list[Stage] = []
        for stage in self.stages:
            groups = [replace(g, shares={k: v for k, v in g.shares.items() if k in GENERATED}) for g in stage.groups]
            kept = tuple(group for group in groups if group.tokens and any(group.shares.values()))
            if not kept:
                raise ValueError(f"expected data for {', '.join(self.sets)}; a stage of {self.name} draws nothing")
            stages.append(replace(stage, groups=kept))
        return replace(self, stages=tuple(stages))

    def with_names(self, names: int) -> "Recipe":
        """The same recipe for a network that guesses one of `names` names; with 0 it guesses none."""
        tokens = self.name_tokens if names else 0
        return replace(self, model=replace(self.model, names=names if tokens else 0, name_tokens=tokens))

    @property
    def asked_sets(self) -> tuple[str, ...]:
        """The data sets that some step draws from."""
        shares = [group.shares for stage in self.stages for group in stage.groups]
        return tuple(name for name in self.sets if any(share.get(name, 0) > 0 for share in shares))

    @classmethod
    def from_file(cls, path: Path) -> "Recipe":
        """The recipe in the TOML file at `path`.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is not TOML, or a field is missing, unknown or wrong; the message names it.
        """
        try:
            data = tomllib.loads(path.read_text())
            model, stages = data.pop("model"), cast("list[dict[str, Any]]", data.pop("stages"))
            made = tuple(_stage(stage, data["steps"]) for stage in stages)
            data["sets"] = tuple(data["sets"])
            return cls(**data, model=ModelConfig.from_json(model), stages=made)
        except (KeyError, TypeError, ValueError, WeightsError) as error:
            raise ValueError(f"{path}: expected a training recipe in TOML; {type(error).__name__}: {error}") from error

    def stage(self, step: int) -> Stage:
        """What the step (from 0) is made of."""
        return next((stage for stage in self.stages if step < stage.until), self.stages[-1])

    def rate(self, step: int) -> float:
        """The learning rate of a step (from 0)."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = (self.steps - step) / max(1, self.decay_steps)
        peak = self.peak_rate * self.stage(step).rate
        return peak * warm * (self.last_rate + (1 - self.last_rate) * min(1.0, max(0.0, left)))


def _stage(data: dict[str, Any], steps: int) -> Stage:
    if unknown := set(data) - {"until", "groups", "mix", "rate"}:
        raise ValueError(f"expected until, groups, mix and rate in a stage, got {sorted(unknown)}")
    rate = float(data.get("rate", 1.0))
    if not rate > 0:
        raise ValueError(f"expected a stage's rate above 0, got {rate}")
    groups = tuple(Group(**group) for group in data["groups"])
    return Stage(int(data.get("until", steps)), groups, Mix(**data.get("mix", {})), rate)


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("steps", 1, 1e9),
    ("warmup_steps", 0, 1e9),
    ("decay_steps", 0, 1e9),
    ("peak_rate", 1e-9, 10),
    ("last_rate", 0, 1),
    ("weight_decay", 0, 10),
    ("clip", 1e-9, 1e9),
    ("average", 0, 0.999999),
    ("patch_loss", 0, 1e3),
    ("label_loss", 0, 1e3),
    ("label_smoothing", 0, 0.999),
    ("name_tokens", 0, 64),
    ("length_power", 0, 1),
)
