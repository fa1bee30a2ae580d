"""Pictures that show nothing."""

import random

import numpy as np
from PIL import Image


def no_information(rng: random.Random, side: int = 128) -> Image.Image:
    """A picture that shows nothing: noise of some grain, or one plain colour, perhaps with a gradient."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    if rng.random() < 0.6:
        cells = rng.choice((8, 16, 32, 64, 96, 128))
        depth = rng.choice((1, 3))
        grain = numbers.normal(rng.uniform(60, 190), rng.uniform(20, 90), (cells, cells, depth))
        if rng.random() < 0.5:
            grain = numbers.uniform(0, 255, (cells, cells, depth))
        array = np.clip(np.broadcast_to(grain, (cells, cells, 3)), 0, 255).astype(np.uint8)
        how = rng.choice((Image.Resampling.NEAREST, Image.Resampling.BICUBIC))
        return Image.fromarray(array).resize((side, side), how)
    start, end = numbers.integers(0, 256, 3), numbers.integers(0, 256, 3)
    ramp = np.linspace(0, 1 if rng.random() < 0.4 else 0, side)[:, None, None]
    array = np.broadcast_to(start * (1 - ramp) + end * ramp, (side, side, 3)) + numbers.normal(
        0, rng.choice((0, 3)), (side, side, 1)
    )
    return Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))
