"""The narrow place where another image encoder can be plugged in."""

from typing import Annotated, Protocol

from torch import Tensor

from assistant_vlm.decoder import CrossMemory
from assistant_vlm.network import Network
from assistant_vlm.sites import Sites


class Encoder(Protocol):
    """What answering needs of the picture half of a network. Callers hold `torch.inference_mode`."""

    def __call__(self, pixels: Annotated[Tensor, "batch 3 height width"]) -> Annotated[Tensor, "batch keys dim"]:
        """As `Network.encode`."""
        ...

    def cross_memory(self, memory: Annotated[Tensor, "batch keys dim"]) -> CrossMemory:
        """As `Decoder.cross_memory`; asked only of networks without fusion, once for each picture."""
        ...


class NetworkEncoder:
    """The network's own parts; the encoder that can be watched and edited.

    Args:
        network: The network.
        sites: Who watches.
    """

    def __init__(self, network: Network, sites: Sites | None = None) -> None:
        self.network, self.sites = network, sites

    def __call__(self, pixels: Annotated[Tensor, "batch 3 height width"]) -> Annotated[Tensor, "batch keys dim"]:
        """See `Encoder`."""
        return self.network.encode(pixels, self.sites)

    def cross_memory(self, memory: Annotated[Tensor, "batch keys dim"]) -> CrossMemory:
        """See `Encoder`."""
        return self.network.decoder.cross_memory(memory, self.sites)
