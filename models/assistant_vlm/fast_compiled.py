"""A decoder whose step for one chat is compiled by numba; the rest is `FastDecoder`'s.

Needs the extra `fast`: numba brings its own compiler. The first model on a machine waits some twenty seconds for it;
the result is kept on disk. Eight bits: rows of the weights have a scale each, and the inputs are rounded to 14 bits, so
that nearly all of the loss is the weights'; see `fast_kernel`.
"""

import importlib.util
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.decoder import CrossMemory, Decoder
from assistant_vlm.errors import SettingsError
from assistant_vlm.fast_decoder import FastDecoder, Matrices, Rows
from assistant_vlm.rotary import rotary_table

Array = np.ndarray[Any, Any]


def can_compile() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


class CompiledDecoder(FastDecoder):
    """A `Stepper`, exact or with 8-bit matrices.

    Exact means float32 throughout: logits differ from the decoder's by rounding only.

    Args:
        decoder: The network's decoder; its weights are read now, and later changes are not seen.
        quantised: Whether to use 8-bit matrices.

    Raises:
        SettingsError: numba is not installed, or this torch has no 8-bit kernels for prefixes and several chats.
    """

    def __init__(self, decoder: Decoder, *, quantised: bool = False) -> None:
        if not can_compile():
            raise SettingsError('expected numba for the compiled decoder, got none: pip install "glassbox[fast]"')
        from assistant_vlm import fast_kernel

        self._kernel: Any = fast_kernel
        matrices = Matrices.of(decoder)
        self._matrices, self._scales = _packed(matrices, quantised)
        if not quantised:
            matrices = Matrices(*(torch.from_numpy(matrix) for matrix in self._matrices))
        super().__init__(decoder, quantised=quantised, matrices=matrices)
        self.bytes += sum(array.nbytes for array in (*self._matrices, *self._scales))
        config, gains = decoder.config, list[Tensor]()
        for block in decoder.blocks:
            norms = (block.self_norm, block.self_norm, block.self_norm)
            norms = norms if block.parallel else (block.self_norm, block.cross_norm, block.mlp_norm)
            gains += [norm.gain.detach() for norm in norms]
        self._gains: Array = torch.stack([*gains, decoder.norm.gain.detach()]).numpy()
        turn = rotary_table(torch.arange(config.max_tokens)[None], config.head_dim, config.rotary_base)
        self._turn: list[Array] = [part[0, 0].numpy()[: 0 if self._learned is not None else None] for part in turn]
        self._shape = (
            config.heads,
            config.norm == "layer",
            config.mlp == "swiglu",
            config.block == "parallel",
            config.text_window,
            config.text_globals,
        )
        self._widest = max(size for matrix in self._matrices for size in matrix.shape[1:])
        self._no_picture: Array = np.empty((2 * config.decoder_layers, config.kv_heads, 0, config.head_dim), np.float32)
        self._last_stack: tuple[CrossMemory | None, Array] = None, self._no_picture
        self._compile()

    @torch.inference_mode()
    def _compile(self) -> None:
        """Compile everything now, so that no answer waits for it."""
        picture = torch.zeros(1, self.config.kv_heads, 1, self.config.head_dim)
        for batch in (1, 2):
            cache, tokens = Cache(self.config, 1, batch), torch.zeros(batch, dtype=torch.long)
            self.step(tokens, cache, [(picture, picture)] * self.config.decoder_layers)

    def step(
        self, tokens: Annotated[Tensor, "batch"], cache: Cache, memory: CrossMemory | None
    ) -> Annotated[Tensor, "batch vocab"]:
        """See `Stepper.step`."""
        if len(tokens) > 1 or cache.lengths is not None:
            return super().step(tokens, cache, memory)
        self._check_room(cache, 1)
        past, token = cache.tokens, int(tokens)
        hidden = self._embedding[token].clone()
        if self._learned is not None:
            hidden += self._learned[past]
        cos, sin = (table[past : past + 1].reshape(-1) for table in self._turn)
        pictures = self._no_picture if memory is None else self._stacked(memory)
        widest = max(self._widest, past + 1, pictures.shape[2])
        scores = self._kernel.one_token(
            hidden.numpy(),
            cache.held[:, 0].numpy(),
            past,
            pictures,
            cos,
            sin,
            self._shape,
            self._gains,
            self._matrices,
            self._scales,
            (np.empty(widest, np.int16), np.empty(widest, np.int32)),
        )
        cache.advance(1)
        return torch.from_numpy(scores)[None]

    def _looking_back(self, cache: Cache) -> Callable[[int, Rows], Rows]:
        batch, config = cache.batch, self.config
        held = cache.held.view(-1, batch * config.kv_heads, cache.room, config.head_dim).numpy()
        lengths = torch.full((batch,), cache.tokens) if cache.lengths is None else cache.lengths
        lengths, out = lengths.numpy(), torch.empty(batch, config.heads, config.head_dim)
        given = (*self._turn, config.heads, config.text_window, config.text_globals, out.numpy())

        def look(layer: int, all_three: Rows) -> Rows:
            self._kernel.look_back(all_three.numpy(), held, layer, lengths, *given)
            return out.view(batch, -1)

        return look

    def _looking_at_picture(self, memory: CrossMemory) -> Callable[[int, Rows], Rows]:
        pictures, config = self._stacked(memory), self.config

        def look(layer: int, q: Rows) -> Rows:
            out = torch.empty_like(q)
            heads = (-1, config.heads, config.head_dim)
            self._kernel.look_at_pictures(
                q.view(heads).numpy(), pictures, layer, config.kv_heads, out.view(heads).numpy()
            )
            return out

        return look

    def _stacked(self, memory: CrossMemory) -> Array:
        """Keys and values of all layers in one array, kept from step to step."""
        before, pictures = self._last_stack
        if before is not memory:
            pictures = torch.stack([part.flatten(0, 1) for layer in memory for part in layer]).numpy()
            self._last_stack = memory, pictures
        return pictures


def _packed(weights: Matrices, quantised: bool) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The matrices one after the other in one piece of memory, for the sake of large pages, and their rows' scales."""
    held: Array = np.empty(sum(weight.numel() for weight in weights), np.int8 if quantised else np.float32)
    matrices, scales, begin = list[Array](), list[Array](), 0
    for weight in weights:
        scale = weight.abs().amax(-1, keepdim=True).clamp_min(1e-12) / 127
        place = held[begin : begin + weight.numel()].reshape(weight.shape)
        place[...] = (weight / scale).round().numpy() if quantised else weight.numpy()
        begin += weight.numel()
        matrices.append(place)
        scales.append(scale[..., 0].numpy().copy())
    return tuple(matrices), tuple(scales)
