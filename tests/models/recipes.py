"""A recipe of seconds: tiny network, few rows, drawn scenes only."""

from training.batches import Group
from training.recipe import Recipe, Stage
from training.sources import Mix

from .conftest import TINY

DRAWN = Group("drawn", 4, 72, 32, {"scenes": 1})
RECIPE = Recipe(
    name="tiny",
    version="0",
    licence="none",
    seed=1,
    sets=(),
    steps=40,
    warmup_steps=4,
    decay_steps=10,
    peak_rate=3e-3,
    last_rate=0.1,
    optimizer="adamw",
    bf16=False,
    weight_decay=0.0,
    clip=1.0,
    average=0.9,
    patch_loss=0.3,
    label_loss=0.0,
    label_smoothing=0.0,
    model=TINY,
    stages=(Stage(40, (DRAWN,), Mix(most_things=2, with_word=0.0)),),
)
