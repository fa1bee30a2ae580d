"""Matrix products of the fast path: exact in float32, or with weights and inputs in 8 bits.

Both kinds give `inputs @ weight.T` and can add it to what is already there. Eight bits: each row of the weights has its
own scale (Jacob et al. 2018, "Quantization and Training of Neural Networks", section 2); the inputs' scale is found at
each call, and rows are brought to one size first, so a row depends on its neighbours in the last bits at most.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Annotated, Protocol

import numpy as np
import torch
from torch import Tensor

from assistant_vlm.errors import SettingsError

Inputs = Annotated[Tensor, "tokens dim"]
Outputs = Annotated[Tensor, "tokens channels"]


class Product(Protocol):
    """A matrix that vectors are multiplied with."""

    bytes: int
    """Memory it takes beyond what it was made from."""

    def __call__(self, inputs: Inputs) -> Outputs:
        """The product."""
        ...

    def add(self, before: Outputs, inputs: Inputs) -> Outputs:
        """`before`, which may be overwritten, plus the product."""
        ...


class Arena:
    """Memory for many matrices in one piece.

    NumPy asks Linux for pages of 2 MiB where torch takes those of 4 KiB, and a token reads every matrix once: with the
    large ones, reading them all takes a quarter less time.

    Args:
        values: How many float32 numbers it can hold.
    """

    def __init__(self, values: int) -> None:
        self._left = torch.from_numpy(np.empty(values, np.float32))

    def copy(self, tensor: Tensor) -> Tensor:
        """A contiguous copy of `tensor` in the arena."""
        taken, self._left = self._left[: tensor.numel()], self._left[tensor.numel() :]
        return taken.view(tensor.shape).copy_(tensor)


class ExactProduct:
    """In float32.

    Args:
        weight: `[channels, dim]`.
        arena: Where its copy goes; None to use it as it is.
    """

    def __init__(self, weight: Annotated[Tensor, "channels dim"], arena: Arena | None = None) -> None:
        weight = weight.detach()
        self.bytes = 0 if arena is None else weight.numel() * weight.element_size()
        # For one row of inputs MKL wants the longer side last, or takes up to four times as long.
        turned = weight.shape[0] >= weight.shape[1]
        self._weight = weight.t() if arena is None else arena.copy(weight.t()) if turned else arena.copy(weight).t()

    def __call__(self, inputs: Inputs) -> Outputs:
        """See `Product`."""
        return torch.mm(inputs, self._weight)

    def add(self, before: Outputs, inputs: Inputs) -> Outputs:
        """See `Product.add`."""
        return before.addmm_(inputs, self._weight)


class EightBitProduct:
    """With signed 8-bit weights; `can_quantise` says whether this torch has the kernels.

    The kernel is FBGEMM's with one scale for the whole matrix: it is given 1, and the rows' scales come after.
    Of torch's 8-bit kernels it is the one that starts at once; `quantized::linear_dynamic` takes three times as long.

    Args:
        weight: `[channels, dim]`.
    """

    def __init__(self, weight: Annotated[Tensor, "channels dim"]) -> None:
        weight = weight.detach()
        # Without dot-product instructions the kernel adds pairs of products in 16 bits; 7-bit weights fit.
        largest = 127 if torch.cpu._is_vnni_supported() else 63  # type: ignore[attr-defined]
        scale = weight.abs().amax(1, keepdim=True).clamp_min(1e-12) / largest
        self._scale = scale.t().contiguous()
        rounded = (weight / scale).round().to(torch.int8)
        packed = torch.fbgemm_pack_quantized_matrix(rounded)
        sums = rounded.sum(1, dtype=torch.int32)
        # Of the plain weights the kernel reads the shape only.
        shape = torch.zeros((), dtype=torch.int8).expand(rounded.shape)
        self._rest = (shape, packed, sums, 1.0, 0, torch.zeros(len(weight)))
        self.bytes = rounded.numel() + 12 * len(weight)
        self._product: Callable[..., Tensor] = torch.fbgemm_linear_int8_weight_fp32_activation

    def __call__(self, inputs: Inputs) -> Outputs:
        """See `Product`."""
        if len(inputs) == 1:
            return self._product(inputs, *self._rest).mul_(self._scale)
        largest = inputs.abs().amax(1, keepdim=True).clamp_min_(1e-12)
        return self._product(inputs / largest, *self._rest).mul_(self._scale).mul_(largest)

    def add(self, before: Outputs, inputs: Inputs) -> Outputs:
        """See `Product.add`."""
        if len(inputs) == 1:
            return before.addcmul_(self._product(inputs, *self._rest), self._scale)
        return before.add_(self(inputs))


@functools.cache
def can_quantise() -> bool:
    """Whether this torch and this processor have the 8-bit kernels that `EightBitProduct` needs."""
    # torch announces that these kernels will go one day; from then on the answer is no.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            product = EightBitProduct(torch.ones(16, 16))
            return bool(torch.allclose(product(torch.ones(1, 16)), torch.full((1, 16), 16.0), rtol=0.02))
        except (AttributeError, RuntimeError):
            return False


def products(*, quantised: bool, values: int) -> Callable[[Tensor], Product]:
    """A maker of products of one kind.

    Args:
        quantised: Whether in 8 bits.
        values: How many numbers all the matrices have together, at most.

    Raises:
        SettingsError: This torch has no 8-bit kernels.
    """
    if quantised:
        if not can_quantise():
            raise SettingsError("expected 8-bit kernels (FBGEMM) in this torch, got none; leave `quantised` off")
        return EightBitProduct
    arena = Arena(values)
    return lambda weight: ExactProduct(weight, arena)
