"""The fast path says what the plain one says: in every shape, from every kind of cache, alone and together."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from assistant_vlm import fast_linear
from assistant_vlm.cache import Cache
from assistant_vlm.config import ModelConfig
from assistant_vlm.decoder import CrossMemory, Decoder
from assistant_vlm.errors import SettingsError
from assistant_vlm.fast_compiled import CompiledDecoder, can_compile
from assistant_vlm.fast_decoder import FastDecoder
from assistant_vlm.fast_encoder import FastEncoder
from assistant_vlm.fastest import fastest
from assistant_vlm.network import Network
from assistant_vlm.stepper import DecoderStepper, Stepper

from .conftest import TINY

compiled = pytest.param(
    CompiledDecoder,
    id="compiled",
    marks=[
        pytest.mark.skipif(not can_compile(), reason="needs numba: pip install glassbox[fast]"),
        pytest.mark.timeout(600),
    ],
)
MAKERS = [pytest.param(FastDecoder, id="torch"), compiled]
SHAPES = {
    f"{norm} {mlp} {block} {positions} {kv_heads} window {window}": {
        "norm": norm,
        "mlp": mlp,
        "block": block,
        "text_positions": positions,
        "kv_heads": kv_heads,
        "text_window": window,
        "text_globals": 2,
    }
    for norm, mlp, block, positions, (kv_heads, window) in itertools.product(
        ("layer", "rms"),
        ("swiglu", "gelu"),
        ("sequential", "parallel"),
        ("rotary", "learned"),
        ((4, 0), (2, 5), (1, 0)),
    )
}


def made(config: ModelConfig) -> Network:
    torch.manual_seed(0)
    network = Network(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return network


def picture(network: Network, batch: int = 1) -> CrossMemory:
    pixels = torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return network.decoder.cross_memory(network.encoder(pixels))


def close(found: Tensor, wanted: Tensor) -> None:
    # float32, sums in another order: some ten times the rounding of one number, on scores of size 1 to 10
    torch.testing.assert_close(found, wanted, rtol=2e-5, atol=2e-5)


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def greedy(stepper: Stepper, config: ModelConfig, memory: CrossMemory | None) -> tuple[list[int], list[Tensor], Cache]:
    cache, tokens = Cache(config), list[int]()
    stepper.prefill([3, 5, 9], memory, cache)
    scores = [stepper.prefill([6, 40, 41, 7], memory, cache).clone()]
    for _ in range(20):
        tokens.append(int(scores[-1].argmax()))
        scores.append(stepper.step(torch.tensor(tokens[-1:]), cache, memory)[0].clone())
    return tokens, scores, cache


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
@pytest.mark.parametrize("make", MAKERS)
def test_exact_gives_the_same_tokens(make: Callable[[Decoder], Stepper], shape: dict[str, object]) -> None:
    network = made(dataclasses.replace(TINY, **shape))  # type: ignore[arg-type]
    for memory in (picture(network), None):
        wanted = greedy(DecoderStepper(network.decoder), network.config, memory)
        found = greedy(make(network.decoder), network.config, memory)
        assert found[0] == wanted[0]
        for one, other in zip(found[1], wanted[1], strict=True):
            close(one, other)
        close(found[2].held[:, :, :, : found[2].tokens], wanted[2].held[:, :, :, : wanted[2].tokens])


@pytest.mark.parametrize("shape", list(SHAPES.values())[::7], ids=list(SHAPES)[::7])
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("quantised", [False, True])
def test_chats_together_say_what_each_says_alone(
    make: Callable[..., Stepper], shape: dict[str, object], quantised: bool
) -> None:
    network = made(dataclasses.replace(TINY, **shape))  # type: ignore[arg-type]
    stepper, memory = make(network.decoder, quantised=quantised), picture(network, 3)
    alone = [[(k[i : i + 1], v[i : i + 1]) for k, v in memory] for i in range(3)]
    caches, lengths = [Cache(network.config) for _ in range(3)], (2, 9, 5)
    for cache, length, own in zip(caches, lengths, alone, strict=True):
        stepper.prefill(list(range(10, 10 + length)), own, cache)
    many = Cache.stacked(caches, 14)
    for step in range(3):
        tokens = torch.tensor([20 + step, 30 + step, 40 + step])
        together = stepper.step(tokens, many, memory).clone()
        for row, cache in enumerate(caches):
            single = stepper.step(tokens[row : row + 1], cache, alone[row])[0]
            if not quantised:
                close(together[row], single)
                assert together[row].argmax() == single.argmax()
            else:
                assert torch.corrcoef(torch.stack((together[row], single)))[0, 1] > 0.99


@pytest.mark.parametrize("make", MAKERS)
def test_eight_bits_are_close(make: Callable[..., Stepper]) -> None:
    network = made(TINY)
    memory = picture(network)
    tokens = [4, 8, 15, 16, 23, 42]
    scores = []
    for stepper in (DecoderStepper(network.decoder), make(network.decoder, quantised=True)):
        cache = Cache(TINY)
        stepper.prefill(tokens, memory, cache)
        scores.append(stepper.step(torch.tensor([7]), cache, memory)[0].clone())
    # 8 bits of weights leave errors of a hundredth of the spread, in each of some dozen products
    assert (scores[0] - scores[1]).std() < 0.05 * scores[0].std()


@pytest.mark.parametrize("make", MAKERS)
def test_no_room(make: Callable[[Decoder], Stepper]) -> None:
    network = made(TINY)
    stepper, cache = make(network.decoder), Cache(TINY, room=3)
    stepper.prefill([1, 2, 3], None, cache)
    with pytest.raises(SettingsError, match="at most 3 tokens"):
        stepper.step(torch.tensor([4]), cache, None)


STEMS = {
    "one convolution": {"stem_channels": (), "stem_blocks": ()},
    "batch": {"stem_norm": "batch"},
    "weight": {"stem_norm": "weight"},
    "group": {"stem_norm": "group"},
}
ENCODERS = {
    "plain": {},
    "parallel": {"block": "parallel", "norm": "rms", "mlp": "gelu"},
    "window": {"patch_window": 1, "kv_heads": 1},
    "linear": {"patch_attention": "linear"},
    "guessed name": {"names": 5, "name_tokens": 3},
    "learned": {"patch_positions": "learned", "class_token": False},
}


@pytest.mark.parametrize("stem", STEMS.values(), ids=list(STEMS))
@pytest.mark.parametrize("shape", ENCODERS.values(), ids=list(ENCODERS))
def test_encoder(stem: dict[str, object], shape: dict[str, object]) -> None:
    network = made(dataclasses.replace(TINY, **stem, **shape))  # type: ignore[arg-type]
    fast, quantised = FastEncoder(network), FastEncoder(network, quantised=True)
    # the places are learned for one grid only
    for pixels in [torch.rand(2, 3, 32, 32)] + [torch.rand(1, 3, 16, 40)] * (shape.get("patch_positions") != "learned"):
        wanted = network.encode(pixels)
        close(fast(pixels) / wanted.abs().max(), wanted / wanted.abs().max())
        assert (quantised(pixels) - wanted).std() < 0.05 * wanted.std()
        for one, other in zip(fast.cross_memory(wanted), network.decoder.cross_memory(wanted), strict=True):
            close(one[0], other[0])
            close(one[1], other[1])


def test_without_8_bit_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_linear, "can_quantise", lambda: False)
    with pytest.raises(SettingsError, match="8-bit kernels"):
        FastDecoder(made(TINY).decoder, quantised=True)


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant_vlm.fast_compiled.can_compile", lambda: False)
    monkeypatch.setattr("assistant_vlm.fastest.can_compile", lambda: False)
    network = made(TINY)
    with pytest.raises(SettingsError, match="numba"):
        CompiledDecoder(network.decoder)
    assert type(fastest(network)[0]) is FastDecoder
