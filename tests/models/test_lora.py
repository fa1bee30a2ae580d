"""Adapters learn beside the weights, can be kept, and can be taken off without a trace."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from assistant_vlm.errors import AdapterError
from assistant_vlm.lora import FORMAT, Adapters, LoraSettings, fingerprint
from assistant_vlm.network import Network

from .conftest import TINY
from .test_decoder import made

PIXELS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
TOKENS = torch.randint(7, TINY.vocab, (2, 6), generator=torch.Generator().manual_seed(4))
# float32, values of about 10: two thin products added to a result, or to the weights before it
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def scores(network: Network) -> Tensor:
    memory = network.decoder.cross_memory(network.encoder(PIXELS))
    return network.decoder.logits(network.decoder(TOKENS, memory))


def learned(adapters: Adapters, name: str, steps: int = 100) -> list[float]:
    """Fine-tune an adapter to answer with the tokens of a fixed list; the share of them that is likeliest, by step."""
    wanted = torch.randint(7, TINY.vocab, TOKENS.shape, generator=torch.Generator().manual_seed(len(name)))
    optimizer = torch.optim.Adam(adapters.parameters(name), lr=5e-3)
    right: list[float] = []
    for _ in range(steps):
        found = scores(adapters.network)  # type: ignore[arg-type]
        loss = cross_entropy(found.flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right.append(float((found.argmax(-1) == wanted).float().mean()))
    return right


@pytest.fixture
def base() -> Network:
    return made(TINY)


@pytest.fixture
def unchanged(base: Network) -> Iterator[dict[str, Tensor]]:
    """The base as it was; after the test, with all adapters unloaded, it is that again."""
    before = {key: value.clone() for key, value in base.state_dict().items()}
    yield before
    after = base.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_a_new_adapter_changes_nothing(base: Network, unchanged: dict[str, Tensor]) -> None:
    before = scores(base).detach()
    adapters = Adapters(base)
    adapters.attach("new")
    torch.testing.assert_close(scores(base), before, **CLOSE)  # a frozen network takes the fused kernel
    assert adapters.names == ("new",)
    assert base.state_dict().keys() == unchanged.keys()
    adapters.unload("new")


def test_only_the_adapter_learns_and_it_learns_the_task(base: Network, unchanged: dict[str, Tensor]) -> None:
    adapters = Adapters(base)
    adapters.attach("task", LoraSettings(rank=4))
    right = learned(adapters, "task")
    assert right[0] == 0
    assert right[-1] == 1
    assert not any(p.requires_grad for p in base.parameters())
    assert all(torch.equal(base.state_dict()[key], value) for key, value in unchanged.items())
    assert sum(p.numel() for p in adapters.parameters("task")) < base.parameters_count / 2
    adapters.unload("task")
    assert all(p.requires_grad for p in base.parameters())


@pytest.mark.usefixtures("unchanged")
def test_merged_equals_unmerged_and_unloading_is_exact(base: Network) -> None:
    plain = scores(base).detach()
    adapters = Adapters(base)
    adapters.attach("task")
    learned(adapters, "task", 10)
    with_hooks = scores(base).detach()
    assert not torch.allclose(with_hooks, plain, **CLOSE)
    adapters.merge("task")
    adapters.merge("task")
    torch.testing.assert_close(scores(base).detach(), with_hooks, **CLOSE)
    assert all(len(module._forward_hooks) == 0 for module in base.modules())  # pyright: ignore[reportPrivateUsage]
    adapters.unload("task")
    assert torch.equal(scores(base), plain)


@pytest.mark.usefixtures("unchanged")
def test_several_adapters_act_together_and_leave_in_any_order(base: Network) -> None:
    plain = scores(base).detach()
    adapters, alone = Adapters(base), dict[str, Tensor]()
    for seed, name in enumerate(("a", "bb")):
        adapters.attach(name, LoraSettings(targets=(f"decoder.blocks.{seed}.*", "decoder.blocks.0.mlp.up")), seed)
        learned(adapters, name, 5)
        if name == "a":
            alone["a"] = scores(base).detach()
    both = scores(base).detach()
    adapters.merge("a")
    torch.testing.assert_close(scores(base).detach(), both, **CLOSE)
    adapters.merge("bb")
    torch.testing.assert_close(scores(base).detach(), both, **CLOSE)
    adapters.unload("bb")
    torch.testing.assert_close(scores(base).detach(), alone["a"], **CLOSE)
    adapters.unload("a")
    assert torch.equal(scores(base), plain)


@pytest.mark.usefixtures("unchanged")
def test_a_saved_adapter_comes_back(base: Network, tmp_path: Path) -> None:
    adapters = Adapters(base)
    settings = LoraSettings(3, 7.5, ("decoder.blocks.*.cross_attention.*", "encoder.blocks.1.mlp.down"))
    adapters.attach("kept", settings)
    learned(adapters, "kept", 5)
    with_it = scores(base).detach()
    adapters.save("kept", tmp_path / "kept.safetensors")
    adapters.unload("kept")
    again = Adapters(made(TINY))
    assert again.load("other name", tmp_path / "kept.safetensors") == settings
    assert again.settings("other name") == settings
    assert torch.equal(scores(again.network), with_it)  # type: ignore[arg-type]
    again.merge("other name")
    again.save("other name", tmp_path / "merged.safetensors")
    assert (tmp_path / "merged.safetensors").read_bytes() == (tmp_path / "kept.safetensors").read_bytes()


@pytest.fixture
def file(base: Network, tmp_path: Path) -> Path:
    adapters = Adapters(base)
    adapters.attach("kept", LoraSettings(rank=2))
    adapters.save("kept", tmp_path / "kept.safetensors")
    adapters.unload("kept")
    return tmp_path / "kept.safetensors"


def test_an_adapter_of_other_weights_is_refused(file: Path) -> None:
    other = Adapters(made(TINY, seed=1))
    with pytest.raises(AdapterError, match=r"made for other weights .* train it again"):
        other.load("kept", file)
    wider = Adapters(made(dataclasses.replace(TINY, decoder_layers=3)))
    with pytest.raises(AdapterError, match="made for other weights"):
        wider.load("kept", file)
    assert other.names == wider.names == ()


def rewritten(file: Path, tensors: dict[str, Tensor] | None = None, **about: object) -> None:
    with safetensors.safe_open(file, framework="pt") as opened:  # type: ignore[no-untyped-call]
        header = {FORMAT: json.dumps({**json.loads(opened.metadata()[FORMAT]), **about})}
        kept = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    file.write_bytes(safetensors.torch.save(kept if tensors is None else {**kept, **tensors}, header))


NAME = "decoder.blocks.0.mlp.down.down"


@pytest.mark.parametrize(
    ("tensors", "about", "said"),
    [
        ({NAME: torch.zeros(2, 5)}, {}, "expected decoder.blocks.0.mlp.down.down of shape"),
        ({NAME: torch.full((2, 32), float("nan"))}, {}, "expected finite numbers"),
        ({"more": torch.zeros(1)}, {}, r"unknown \['more'\]"),
        (None, {"rank": "many"}, "expected base, rank, alpha and targets"),
        (None, {"rank": 0}, "rank of at least 1"),
        (None, {"targets": 3}, "expected base, rank, alpha and targets"),
        (None, {"targets": ["decoder.nothing"]}, "expected a linear layer"),
    ],
)
def test_a_changed_file_is_refused(
    base: Network, file: Path, tensors: dict[str, Tensor] | None, about: dict[str, object], said: str
) -> None:
    rewritten(file, tensors, **about)
    adapters = Adapters(base)
    with pytest.raises(AdapterError, match=said):
        adapters.load("kept", file)
    assert adapters.names == ()


@pytest.mark.usefixtures("unchanged")
def test_a_truncated_or_missing_file_is_refused(base: Network, file: Path) -> None:
    adapters = Adapters(base)
    safetensors.torch.save_file({"a": torch.zeros(1)}, file.with_name("peft.safetensors"))
    with pytest.raises(AdapterError, match="expected a header with"):
        adapters.load("kept", file.with_name("peft.safetensors"))
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(AdapterError, match=r"kept\.safetensors: expected an adapter"):
        adapters.load("kept", file)
    with pytest.raises(AdapterError, match=r"none\.safetensors"):
        adapters.load("kept", file.with_name("none.safetensors"))


def test_names_and_settings_that_do_not_fit_are_refused(base: Network) -> None:
    adapters = Adapters(base)
    with pytest.raises(AdapterError, match=r"self_attention\.query"):
        adapters.attach("a", LoraSettings(targets=("decoder.*.cros_attention.*",)))
    adapters.attach("a")
    with pytest.raises(AdapterError, match="that no adapter has"):
        adapters.attach("a")
    for call in (adapters.merge, adapters.unload, adapters.settings):
        with pytest.raises(AdapterError, match=r"attached adapter \(a\)"):
            call("b")
    for wrong in ({"rank": 0}, {"alpha": 0.0}, {"alpha": float("inf")}, {"targets": ()}):
        with pytest.raises(AdapterError, match=next(iter(wrong))):
            LoraSettings(**wrong)  # type: ignore[arg-type]


def test_a_fingerprint_depends_on_every_weight(base: Network) -> None:
    before = fingerprint(base)
    assert fingerprint(made(TINY)) == before
    with torch.no_grad():
        base.encoder.norm.gain[3] += 1e-6
    assert fingerprint(base) != before
