"""How unlike its training pictures a picture is.

Source: Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
section 2.1: the Mahalanobis distance to the nearest class centre, with one covariance for all classes. Changed: the
classes are the domains of the training data (drawn scenes, emoji, photographs ...), and the features are the encoder's
vector of the whole picture.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from assistant_vlm.errors import SettingsError, WeightsError
from assistant_vlm.weight_sets import FAMILIARITY_FILE

SHRINKAGE: Final = 0.01
"""Share of the mean variance that is added to each variance, so that few pictures do not make a distance endless."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Where the training pictures lie.

    Attributes:
        centres: Mean vector of each domain.
        factor: A matrix `f` with `f @ f.T` the inverse of the covariance within domains.
    """

    centres: Annotated[Tensor, "domains dim"]
    factor: Annotated[Tensor, "dim dim"]

    def distances(self, features: Annotated[Tensor, "pictures dim"]) -> Annotated[Tensor, "pictures"]:
        """Mahalanobis distance of each picture to the nearest centre, in standard deviations, at least 0."""
        apart = (features[:, None] - self.centres) @ self.factor
        return apart.square().sum(-1).min(dim=1).values.sqrt()

    def to_bytes(self) -> bytes:
        """The contents of `familiarity.safetensors`."""
        return safetensors.torch.save({"centres": self.centres.contiguous(), "factor": self.factor.contiguous()})


def fit(
    features: Annotated[Tensor, "pictures dim"], domains: Annotated[Tensor, "pictures"], shrinkage: float = SHRINKAGE
) -> Familiarity:
    """Centres and covariance of training pictures.

    Args:
        features: `EncodedImage.whole` of each picture.
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
    return Familiarity(centres.float(), factor.float())


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
    centres, factor = shapes.get("centres", []), shapes.get("factor")
    if set(shapes) != {"centres", "factor"} or len(centres) != 2 or centres[0] < 1 or centres[1] != dim:
        raise WeightsError(f"{FAMILIARITY_FILE}: expected centres [domains, {dim}] and factor, got {shapes}")
    if factor != [dim, dim]:
        raise WeightsError(f"{FAMILIARITY_FILE}: expected factor [{dim}, {dim}], got {factor}")
    return Familiarity(stored["centres"].float(), stored["factor"].float())
