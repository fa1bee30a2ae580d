"""How unlike its training pictures a picture is.

Two distances, both measured where the spread of pictures within a domain (drawn scenes, emoji, photographs ...) is one
in every direction: how far the picture points from the nearest training pictures, and how far it lies from the nearest
domain's centre. A photograph of an unknown kind lies among the others and points elsewhere; noise points somewhere and
lies far out. The features are the mean of the encoder's patches.

Sources: Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest Neighbors", section 3 (the distance between
unit vectors), and Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
Adversarial Attacks", section 2.1 (the distance to the nearest centre, with one covariance for all classes). Changed:
both together, and unit vectors are taken after the covariance is made round.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor
from torch.nn.functional import normalize

from assistant_vlm.errors import SettingsError, WeightsError
from assistant_vlm.weight_sets import FAMILIARITY_FILE

SHRINKAGE: Final = 0.01
"""Share of the mean variance that is added to each variance, so that few pictures do not make a distance endless."""
NEIGHBOURS: Final = 3
"""Training pictures that the direction is compared with: the mean of so many distances."""
LENGTH_SHARE: Final = 0.006
"""What one standard deviation from the nearest centre counts, where two opposite directions are 2 apart."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Where the training pictures lie.

    Attributes:
        mean: Mean vector of all training pictures.
        factor: A matrix `f` with `f @ f.T` the inverse of the covariance within domains.
        centres: Mean vector of each domain, less `mean`, times `factor`.
        known: Training pictures, likewise, each of length 1; rounded to float16, which the file holds.
    """

    mean: Annotated[Tensor, "dim"]
    factor: Annotated[Tensor, "dim dim"]
    centres: Annotated[Tensor, "domains dim"]
    known: Annotated[Tensor, "pictures dim"]

    def distances(self, features: Annotated[Tensor, "pictures dim"]) -> Annotated[Tensor, "pictures"]:
        """How far each picture points and lies from the training pictures, at least 0; see the module's text."""
        round_ = (features - self.mean) @ self.factor
        apart = torch.cdist(normalize(round_, dim=-1), self.known)
        nearest = apart.topk(min(NEIGHBOURS, apart.shape[1]), largest=False).values.mean(-1)
        return nearest + LENGTH_SHARE * torch.cdist(round_, self.centres).min(dim=1).values

    def to_bytes(self) -> bytes:
        """The contents of `familiarity.safetensors`."""
        kept = {"mean": self.mean, "factor": self.factor, "centres": self.centres, "known": self.known.half()}
        return safetensors.torch.save({name: value.contiguous() for name, value in kept.items()})


def fit(
    features: Annotated[Tensor, "pictures dim"], domains: Annotated[Tensor, "pictures"], shrinkage: float = SHRINKAGE
) -> Familiarity:
    """Centres, covariance and directions of training pictures.

    Args:
        features: `EncodedImage.mean` of each picture.
        domains: Number of each picture's domain; any integers.
        shrinkage: Above 0; see `SHRINKAGE`.

    Raises:
        SettingsError: Shapes that do not fit together, no more pictures than domains, or values that are not finite.
    """
    if features.ndim != 2 or domains.shape != features.shape[:1]:
        raise SettingsError(
            f"expected features [pictures, dim] and domains [pictures], got {list(features.shape)} and"
            f" {list(domains.shape)}"
        )
    if not bool(features.isfinite().all()):
        raise SettingsError("expected finite features, got some that are not")
    if not shrinkage > 0:
        raise SettingsError(f"expected shrinkage above 0, got {shrinkage}")
    names, member = domains.unique(return_inverse=True)
    if len(features) <= len(names):
        raise SettingsError(f"expected more pictures than the {len(names)} domains, got {len(features)}")
    x = features.double()
    centres = torch.stack([x[member == i].mean(0) for i in range(len(names))])
    apart = x - centres[member]
    covariance = apart.T @ apart / (len(x) - len(names))
    ridge = shrinkage * float(covariance.diagonal().mean()) + 1e-12
    precision = torch.linalg.inv(covariance + ridge * torch.eye(x.shape[1], dtype=x.dtype))
    factor = torch.linalg.cholesky((precision + precision.T) / 2)
    mean = x.mean(0)
    known = normalize((x - mean) @ factor, dim=-1)
    return Familiarity(mean.float(), factor.float(), ((centres - mean) @ factor).float(), known.half().float())


def read_familiarity(data: bytes, dim: int) -> Familiarity:
    """The statistics in the contents of `familiarity.safetensors`.

    Raises:
        WeightsError: Truncated, or of another shape.
    """
    try:
        stored = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{FAMILIARITY_FILE}: expected a whole safetensors file, got {len(data)} bytes: {error}"
        ) from error
    shapes = {name: list(value.shape) for name, value in stored.items()}
    wanted = {"mean": [dim], "factor": [dim, dim]} | {
        name: [max(1, shapes.get(name, [1])[0]), dim] for name in ("centres", "known")
    }
    if shapes != wanted:
        raise WeightsError(
            f"{FAMILIARITY_FILE}: expected mean [{dim}], factor [{dim}, {dim}], centres [domains, {dim}] and known"
            f" [pictures, {dim}], got {shapes}; `training.familiarise` writes the file anew"
        )
    return Familiarity(**{name: value.float() for name, value in stored.items()})
