"""Where the training pictures of a model lie, so that it can say that another one is unlike them.

`training.calibrate` writes the statistics (`familiarity.safetensors`) and the limit. Centres are those of the classes
of sets of named pictures, and one for each other set and each kind of generated picture. Noise is no domain.
"""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Final

import torch
from PIL import Image
from torch import Tensor

from assistant_vlm import LoadedModel
from assistant_vlm.familiarity import Familiarity, fit
from training.asking import LABEL_SETS
from training.augmenting import open_picture
from training.datasets import VisionData
from training.sources import GENERATED, Mix, make_example

LIMIT: Final = 0.98
"""Share of held-out pictures of the training's domains that lie below the limit."""
LEAST_OF_CLASS: Final = 10
"""A class with fewer training pictures shares one centre with the others of its set."""


def domain_pictures(data: VisionData | None, seed: int, per_set: int, side: int) -> Iterator[tuple[str, Image.Image]]:
    """Pictures as they are with the names of their domains, up to `per_set` of each set and each generated source."""
    rng = random.Random(f"familiar/{seed}")
    for source in GENERATED:
        if source in ("noise", "talk"):
            continue
        for _ in range(per_set):
            pixels = make_example(rng, source, side, Mix(), data).pixels
            if pixels is not None:
                yield source, Image.fromarray(pixels)
    for name, rows in data.rows.items() if data else ():
        often = Counter(row.label for row in rows)
        for row in rng.sample(rows, min(per_set, len(rows))):
            own = name in LABEL_SETS and often[row.label] >= LEAST_OF_CLASS
            yield f"{name}:{row.label}" if own else name, open_picture(row)


def encoded(model: LoadedModel, pictures: Iterator[tuple[str, Image.Image]]) -> tuple[Tensor, list[str]]:
    """The encoder's vectors of whole pictures, `[pictures dim]`, and the names of their domains."""
    vectors: list[Tensor] = []
    names: list[str] = []
    for name, picture in pictures:
        vectors.append(model.encode_image(picture).whole.flatten())
        names.append(name)
    return torch.stack(vectors), names


def fit_familiarity(
    model: LoadedModel, train: VisionData | None, held_out: VisionData | None, seed: int, per_set: int
) -> tuple[Familiarity, float]:
    """The statistics of training pictures, and the distance above which a picture is unlike them.

    Args:
        model: With the finished weights.
        train: Training rows; None: generated pictures only.
        held_out: Rows that set the limit (`LIMIT` of them lie below it).
        seed: For the choice of pictures.
        per_set: Most pictures of each set and of each generated source; a tenth of it for the limit.
    """
    side = model.config.side
    vectors, names = encoded(model, domain_pictures(train, seed, per_set, side))
    numbers = {name: i for i, name in enumerate(sorted(set(names)))}
    known = fit(vectors, torch.tensor([numbers[name] for name in names]))
    unseen, _ = encoded(model, domain_pictures(held_out, seed + 1, max(1, per_set // 10), side))
    return known, float(known.distances(unseen).quantile(LIMIT))
