"""Matrix products of the fast path: exact in float32, or with weights and inputs in 8 bits.

Both kinds give `inputs @ weight.T` and can add it to what is already there. Eight bits: each row of the weights has its
own scale, as in Jacob et al. 2018, "Quantization and Training of Neural Networks", section 2; the inputs' scale is found
at each call for all rows together, so a row's result may depend on its neighbours in the last bits.
"""

import warnings
from typing import Annotated, Protocol

import torch
from torch import Tensor


class Product(Protocol):
    """A matrix that vectors are multiplied with."""

    @property
    def bytes(self) -> int:
        """Memory it takes beyond the network's own weights."""
        ...

    def __call__(self, inputs: Annotated[Tensor, "tokens dim"]) -> Annotated[Tensor, "tokens channels"]:
        """The product."""
        ...

    def add(
        self, before: Annotated[Tensor, "tokens channels"], inputs: Annotated[Tensor, "tokens dim"]
    ) -> Annotated[Tensor, "tokens channels"]:
        """`before`, which may be overwritten, plus the product."""
        ...


class ExactProduct:
    """In float32.

    Args:
        weight: `[channels, dim]`. Wide matrices are copied with `dim` first: MKL reads that order a quarter faster where
            there is one row of inputs, and the other order where `dim` is the longer side.
    """

    def __init__(self, weight: Annotated[Tensor, "channels dim"]) -> None:
        weight = weight.detach()
        self._copied = weight.shape[0] >= weight.shape[1]
        self._turned = weight.t().contiguous() if self._copied else weight.t()

    @property
    def bytes(self) -> int:
        """See `Product.bytes`."""
        return self._turned.numel() * self._turned.element_size() if self._copied else 0

    def __call__(self, inputs: Annotated[Tensor, "tokens dim"]) -> Annotated[Tensor, "tokens channels"]:
        """See `Product`."""
        return torch.mm(inputs, self._turned)

    def add(
        self, before: Annotated[Tensor, "tokens channels"], inputs: Annotated[Tensor, "tokens dim"]
    ) -> Annotated[Tensor, "tokens channels"]:
        """See `Product.add`."""
        return before.addmm_(inputs, self._turned)


class EightBitProduct:
    """With signed 8-bit weights; `can_quantise` says whether this torch has the kernels.

    Args:
        weight: `[channels, dim]`.
    """

    def __init__(self, weight: Annotated[Tensor, "channels dim"]) -> None:
        weight = weight.detach()
        scale = weight.abs().amax(1).clamp_min(1e-12) / 127
        # torch announces that its quantised tensors will go one day; `can_quantise` is false from then on.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rounded = torch.quantize_per_channel(weight, scale, torch.zeros(len(scale), dtype=torch.long), 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(rounded, None)
        self._product = torch.ops.quantized.linear_dynamic
        self._bytes = weight.numel() + 8 * len(scale)
        # Without dot-product instructions the kernel adds pairs in 16 bits, which 8-bit inputs would overflow.
        self._seven_bits = not torch.cpu._is_vnni_supported()  # type: ignore[attr-defined]  # noqa: SLF001

    @property
    def bytes(self) -> int:
        """See `Product.bytes`."""
        return self._bytes

    def __call__(self, inputs: Annotated[Tensor, "tokens dim"]) -> Annotated[Tensor, "tokens channels"]:
        """See `Product`."""
        return self._product(inputs, self._packed, self._seven_bits)

    def add(
        self, before: Annotated[Tensor, "tokens channels"], inputs: Annotated[Tensor, "tokens dim"]
    ) -> Annotated[Tensor, "tokens channels"]:
        """See `Product.add`."""
        return before.add_(self._product(inputs, self._packed, self._seven_bits))


def can_quantise() -> bool:
    """Whether this torch has the 8-bit kernels that `EightBitProduct` needs."""
    try:
        product = EightBitProduct(torch.ones(8, 8))
        return bool(torch.allclose(product(torch.ones(1, 8)), torch.full((1, 8), 8.0), rtol=0.02))
    except (AttributeError, RuntimeError):
        return False
