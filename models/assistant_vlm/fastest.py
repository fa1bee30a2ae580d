"""The fastest decoder and encoder that can run here."""

from assistant_vlm.fast_compiled import CompiledDecoder, can_compile
from assistant_vlm.fast_decoder import FastDecoder
from assistant_vlm.fast_encoder import FastEncoder
from assistant_vlm.network import Network
from assistant_vlm.stepper import Stepper


def fastest(network: Network, *, quantised: bool = False) -> tuple[Stepper, FastEncoder]:
    """A decoder and an encoder for `LoadedModel.decode_with` and `encode_with`; plain torch where numba is missing.

    Args:
        network: Its weights are read now: call it again after they were changed.
        quantised: Whether to use 8-bit matrices: answers may differ in rare cases, see `docs/benchmarks.md`.

    Raises:
        SettingsError: 8 bits are wanted, and this torch has no kernels for them.
    """
    encoder = FastEncoder(network, quantised=quantised)
    if can_compile():
        try:
            return CompiledDecoder(network.decoder, quantised=quantised), encoder
        except (ImportError, RuntimeError):
            # numba is there but cannot work: made for another NumPy, or without a folder to keep its results in.
            pass
    return FastDecoder(network.decoder, quantised=quantised), encoder
