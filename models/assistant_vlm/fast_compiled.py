"""A decoder whose step for one chat is compiled by numba; the rest is `FastDecoder`'s.

Needs the extra `fast`: numba brings its own compiler. A machine's first token waits for it, some seconds; the result is
kept on disk. Eight bits: rows of the weights have a scale each, and the inputs are rounded to 14 bits, so that nearly all
of the loss is the weights'; see `fast_kernel`.
"""

import importlib.util
import math
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.decoder import CrossMemory, Decoder
from assistant_vlm.errors import SettingsError
from assistant_vlm.fast_decoder import FastDecoder
from assistant_vlm.rotary import rotary_table

Array = np.ndarray[Any, Any]


def can_compile() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


class CompiledDecoder:
    """A `Stepper`, exact or with 8-bit matrices.

    Exact means float32 throughout: logits differ from the decoder's by rounding only.

    Attributes:
        bytes: Memory of its own matrices, beyond the network's.

    Args:
        decoder: The network's decoder; its weights are read now, and later changes are not seen.
        quantised: Whether to use 8-bit matrices.

    Raises:
        SettingsError: numba is not installed, or this torch has no 8-bit kernels for what is left to `FastDecoder`.
    """

    def __init__(self, decoder: Decoder, *, quantised: bool = False) -> None:
        if not can_compile():
            raise SettingsError('expected numba for the compiled decoder: pip install "glassbox[fast]"')
        from assistant_vlm import fast_kernel

        config = self.config = decoder.config
        self._one_token: Callable[..., Array] = fast_kernel.one_token
        self._others = FastDecoder(decoder, quantised=quantised)
        blocks, scale = list(decoder.blocks), 1 / math.sqrt(config.head_dim)
        with torch.no_grad():
            self._matrices, self._scales = _packed(
                [
                    torch.stack(
                        [torch.cat((b.self_attention.query.weight * scale, b.self_attention.key_value.weight)) for b in blocks]
                    ),
                    torch.stack([b.self_attention.out.weight for b in blocks]),
                    torch.stack([b.cross_attention.query.weight * scale for b in blocks]),
                    torch.stack([b.cross_attention.out.weight for b in blocks]),
                    torch.stack([b.mlp.up.weight for b in blocks]),
                    torch.stack([b.mlp.down.weight for b in blocks]),
                    decoder.embedding.weight[None],
                ],
                quantised,
            )
            gains = [
                norm.gain
                for b in blocks
                for norm in ((b.self_norm,) * 3 if b.parallel else (b.self_norm, b.cross_norm, b.mlp_norm))
            ]
            self._norms = torch.stack([*gains, decoder.norm.gain]).numpy()
            self._embedding = decoder.embedding.weight.detach().numpy()
            self._positions = None if decoder.positions is None else decoder.positions.weight.detach().numpy()
        turn = rotary_table(torch.arange(config.max_tokens)[None], config.head_dim, config.rotary_base)
        self._cos, self._sin = (part[0, 0].numpy() for part in turn)
        self._still = np.empty(0, np.float32)
        self._shape = (
            config.heads,
            config.norm == "layer",
            config.mlp == "swiglu",
            config.block == "parallel",
            config.text_window,
            config.text_globals,
        )
        widest = max(matrix.shape[i] for matrix in self._matrices for i in (1, 2))
        self._widest = widest + config.max_tokens
        self._no_picture = np.empty((2 * len(blocks), config.kv_heads, 0, config.head_dim), np.float32)
        self._last: tuple[CrossMemory | None, Array] = None, self._no_picture
        self.bytes = self._others.bytes + sum(m.nbytes for m in (*self._matrices, *self._scales))

    def prefill(self, tokens: list[int], memory: CrossMemory | None, cache: Cache) -> Annotated[Tensor, "vocab"]:
        """See `Stepper.prefill`."""
        return self._others.prefill(tokens, memory, cache)

    def step(
        self, tokens: Annotated[Tensor, "batch"], cache: Cache, memory: CrossMemory | None
    ) -> Annotated[Tensor, "batch vocab"]:
        """See `Stepper.step`."""
        if len(tokens) > 1 or cache.lengths is not None:
            return self._others.step(tokens, cache, memory)
        past, token = cache.tokens, int(tokens)
        if past >= cache.room:
            raise SettingsError(f"expected at most {cache.room} tokens of prefix and answer, got {past + 1}")
        hidden, cos, sin = self._embedding[token].copy(), self._still, self._still
        if self._positions is not None:
            hidden += self._positions[past]
        else:
            cos, sin = self._cos[past], self._sin[past]
        pictures = self._no_picture if memory is None else self._stacked(memory)
        widest = max(self._widest, past + 1, pictures.shape[2])
        room = np.empty(widest, np.int16), np.empty(widest, np.int32)
        held = cache.held[:, 0].numpy()
        scores = self._one_token(
            hidden, held, past, pictures, cos, sin, self._shape, self._norms, self._matrices, self._scales, room
        )
        cache.advance(1)
        return torch.from_numpy(scores)[None]

    def _stacked(self, memory: CrossMemory) -> Array:
        """Keys and values of all layers in one array, kept from step to step."""
        before, pictures = self._last
        if before is not memory:
            pictures = torch.cat([part for layer in memory for part in layer]).contiguous().numpy()
            self._last = memory, pictures
        return pictures


def _packed(weights: list[Tensor], quantised: bool) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The matrices one after the other in one piece of memory, for the sake of large pages, and their rows' scales."""
    held = np.empty(sum(w.numel() for w in weights), np.int8 if quantised else np.float32)
    matrices, scales, begin = list[Array](), list[Array](), 0
    for weight in weights:
        scale = weight.abs().amax(-1, keepdim=True).clamp_min(1e-12) / 127
        place = held[begin : begin + weight.numel()].reshape(weight.shape)
        place[...] = (weight / scale).round().numpy() if quantised else weight.numpy()
        begin += weight.numel()
        matrices.append(place)
        scales.append(scale[..., 0].numpy().copy())
    return tuple(matrices), tuple(scales)
