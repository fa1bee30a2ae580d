"""Pictures as the decoder sees them, worked out once and kept over the turns of a chat."""

import hashlib
from dataclasses import dataclass
from typing import Annotated

import torch
from PIL import Image
from torch import Tensor

from assistant_vlm.decoder import CrossMemory
from assistant_vlm.encoding import Encoder, NetworkEncoder
from assistant_vlm.kept import Kept
from assistant_vlm.network import Network
from assistant_vlm.preprocess import check_pixels, patch_box, to_pixels
from assistant_vlm.sites import Sites


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """A picture after the encoder; make it once and ask many questions.

    Attributes:
        patches: One vector for each patch, row by row, then that of the whole picture and those of the guessed name,
            where the model has them.
        memory: Cross-attention keys and values of each decoder layer; None where the question changes them.
        rows: Patches from top to bottom.
        cols: Patches from left to right.
        key: Hash of its pixels; empty when it was made under watch, and nothing that follows from it is kept.
    """

    patches: Annotated[Tensor, "1 keys dim"]
    memory: CrossMemory | None
    rows: int
    cols: int
    key: str = ""

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return _bytes(self.patches) + (0 if self.memory is None else memory_bytes(self.memory))

    @property
    def whole(self) -> Annotated[Tensor, "dim"]:
        """The vector of the whole picture: the class token's, or the mean of the patches where there is none."""
        patches = self.patches[0]
        places = self.rows * self.cols
        return patches[places] if len(patches) > places else patches.mean(0)

    @property
    def mean(self) -> Annotated[Tensor, "dim"]:
        """The mean of the patches' vectors."""
        return self.patches[0, : self.rows * self.cols].mean(0)

    def patch_box(self, row: int, col: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a patch in fractions [0, 1] of the original picture."""
        return patch_box(row, col, self.rows, self.cols)


class Pictures:
    """Encodes pictures and makes the decoder's memory of them; equal pixels are worked out once.

    With fusion the memory depends on the question too, and is kept for each pair of picture and question: the tokens of
    a turn look at what their own question made of the picture, as in training.

    Attributes:
        encoder: How to encode when nobody watches.
        encoded: Pictures by the hash of their pixels.
        fused: Memories by picture and question.

    Args:
        network: The network.
        most_bytes: Memory for pictures, and again for memories with fusion.
    """

    def __init__(self, network: Network, most_bytes: int) -> None:
        self._network = network
        self.encoder: Encoder = NetworkEncoder(network)
        self.encoded: Kept[EncodedImage] = Kept(most_bytes, lambda image: image.bytes)
        self.fused: Kept[CrossMemory] = Kept(most_bytes, memory_bytes)

    def encode(self, picture: Image.Image | Tensor, sites: Sites | None = None) -> EncodedImage:
        """The picture after the encoder; see `LoadedModel.encode_image`."""
        config = self._network.config
        given = isinstance(picture, Tensor)
        pixels = check_pixels(picture, config.patch) if given else to_pixels(picture, config.side)
        key = hashlib.blake2b(pixels.numpy().tobytes(), digest_size=16).hexdigest() + f"-{pixels.shape[2]}"
        found = self.encoded.get(key) if sites is None else None
        if found is not None:
            return found
        patches = self._how(sites)(pixels[None])
        memory = self.encoder.cross_memory(patches) if self._network.fusion is None else None
        rows, cols = (length // config.patch for length in pixels.shape[1:])
        image = EncodedImage(patches, memory, rows, cols, key if sites is None else "")
        return image if sites is not None else self.encoded.put(key, image)

    def memory(self, image: EncodedImage, question: tuple[int, ...], sites: Sites | None = None) -> CrossMemory:
        """What the tokens of a turn with this question look at: what `Network.encode` gives, then the fused question.

        Args:
            image: The picture.
            question: Token ids of the question with the marks before and after it.
            sites: Who watches; then nothing is kept.
        """
        if image.memory is not None and sites is None:
            return image.memory
        if self._network.fusion is None:
            return self._how(sites).cross_memory(image.patches)
        keep = bool(image.key) and sites is None
        found = self.fused.get((image.key, question)) if keep else None
        if found is not None:
            return found
        tokens = torch.tensor([question])
        patches, fused = self._network.memory(image.patches, tokens, torch.ones_like(tokens, dtype=torch.bool), sites)
        whole = patches if fused is None else torch.cat((patches, fused), dim=1)
        memory = self._network.decoder.cross_memory(whole, sites)
        return self.fused.put((image.key, question), memory) if keep else memory

    def forget(self) -> None:
        """Drop everything that is kept."""
        self.encoded.forget()
        self.fused.forget()

    def _how(self, sites: Sites | None) -> Encoder:
        return self.encoder if sites is None else NetworkEncoder(self._network, sites)


def memory_bytes(memory: CrossMemory) -> int:
    """Memory that cross-attention keys and values take."""
    return sum(_bytes(keys) + _bytes(values) for keys, values in memory)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
