"""Low-rank adapters: what a model learned later, kept beside its weights, so that it can be taken off again.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1. The product of two thin
matrices is added to what a linear layer gives, times `alpha / rank`; one of the two starts at zero, so that an adapter
that has learned nothing changes nothing. There is no dropout.

    adapters = Adapters(network)
    adapters.attach("mine", LoraSettings(rank=8))
    ...  # train adapters.parameters("mine")
    adapters.save("mine", path)
"""

import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from assistant_vlm.errors import AdapterError

FORMAT: Final = "assistant_vlm.lora/1"
"""The one key of a file's header; its value is JSON, because several keys would be written in any order."""


@dataclass(frozen=True)
class LoraSettings:
    """Size and places of an adapter.

    Attributes:
        rank: Width of the thin matrices, at least 1.
        alpha: The adapter's product is multiplied by `alpha / rank`.
        targets: Dotted names of linear layers, `*` for any part; by default all of the decoder.

    Raises:
        AdapterError: A value is out of its range.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ("decoder.blocks.*",)

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise AdapterError(f"expected a rank of at least 1, got {self.rank}")
        if not 0 < self.alpha < float("inf"):
            raise AdapterError(f"expected a finite alpha above 0, got {self.alpha}")
        if not self.targets:
            raise AdapterError("expected at least one name of a linear layer in targets, got none")


class _Thin(nn.Module):
    """What an adapter adds to one linear layer."""

    def __init__(self, layer: nn.Linear, settings: LoraSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = settings.alpha / settings.rank
        start = torch.randn(settings.rank, layer.in_features, generator=generator) / layer.in_features**0.5
        self.down = nn.Parameter(start.to(layer.weight))
        self.up = nn.Parameter(layer.weight.new_zeros(layer.out_features, settings.rank))

    def forward(self, hidden: Annotated[Tensor, "... inputs"]) -> Annotated[Tensor, "... outputs"]:
        """What is added to the layer's result."""
        return (hidden @ self.down.T @ self.up.T) * self.scale

    def product(self) -> Annotated[Tensor, "outputs inputs"]:
        """The same as one matrix."""
        return (self.up @ self.down) * self.scale


class _Adapter:
    """Thin matrices by the name of their layer, and the hooks that add them; no hooks while merged."""

    def __init__(self, settings: LoraSettings, parts: dict[str, _Thin]) -> None:
        self.settings, self.parts, self.merged = settings, parts, False
        self.hooks: list[RemovableHandle] = []

    def hang(self, layers: dict[str, nn.Linear]) -> None:
        """Add to the layers' results from now on."""
        for name, part in self.parts.items():
            self.hooks.append(layers[name].register_forward_hook(_adding(part)))

    def take_off(self) -> None:
        """Add no more."""
        while self.hooks:
            self.hooks.pop().remove()


def _adding(part: _Thin):
    def add(_: nn.Module, given: tuple[Tensor], result: Tensor) -> Tensor:
        return result + part(given[0])

    return add


class Adapters:
    """The adapters of one network, by name; all attached ones act together.

    While there is an adapter the network's own weights do not learn; the last one to go gives them back as they were,
    bit by bit. Names and number of the network's own weights never change.

    Args:
        network: Weights that nobody else changes meanwhile: the fingerprint is taken now.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.fingerprint = fingerprint(network)
        self._layers = {n: m for n, m in network.named_modules() if isinstance(m, nn.Linear)}
        self._adapters: dict[str, _Adapter] = {}
        self._own: dict[str, Tensor] = {}
        self._learned: dict[str, bool] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the attached adapters, in the order in which they came."""
        return tuple(self._adapters)

    def settings(self, name: str) -> LoraSettings:
        """Size and places of an adapter.

        Raises:
            AdapterError: There is none of this name.
        """
        return self._get(name).settings

    def parameters(self, name: str) -> Iterator[nn.Parameter]:
        """The weights of an adapter, for an optimizer; no others of the network learn while it is attached.

        Raises:
            AdapterError: There is none of this name.
        """
        for part in self._get(name).parts.values():
            yield from part.parameters()

    def attach(self, name: str, settings: LoraSettings = LoraSettings(), seed: int = 0) -> None:
        """A new adapter, which changes nothing until it has learned something.

        Args:
            name: What to call it.
            settings: Size and places.
            seed: Seeds the half of it that does not start at zero.

        Raises:
            AdapterError: The name is taken, or a target fits no linear layer.
        """
        self._check_free(name)
        layers = self._fitting(settings.targets)
        generator = torch.Generator().manual_seed(seed)
        self._hang(name, _Adapter(settings, {n: _Thin(self._layers[n], settings, generator) for n in layers}))

    def save(self, name: str, path: Path) -> None:
        """Write an adapter: thin matrices, settings and the fingerprint of the weights it was made for.

        Raises:
            AdapterError: There is none of this name.
        """
        adapter = self._get(name)
        tensors = {
            f"{layer}.{half}": getattr(part, half).detach().cpu().contiguous()
            for layer, part in adapter.parts.items()
            for half in ("down", "up")
        }
        settings = adapter.settings
        about = json.dumps({**asdict(settings), "base": self.fingerprint}, sort_keys=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(safetensors.torch.save(tensors, {FORMAT: about}))
        os.replace(temporary, path)

    def load(self, name: str, path: Path) -> LoraSettings:
        """Attach an adapter from a file that `save` wrote.

        Raises:
            AdapterError: The name is taken; the file cannot be read, or is of other weights or other shapes.
        """
        self._check_free(name)
        settings, tensors = self._read(path)
        generator = torch.Generator()
        parts = {n: _Thin(self._layers[n], settings, generator) for n in self._fitting(settings.targets)}
        wanted = {f"{layer}.{half}": getattr(part, half) for layer, part in parts.items() for half in ("down", "up")}
        if wanted.keys() != tensors.keys():
            missing, unknown = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
            raise AdapterError(f"{path}: expected other tensors; missing {missing[:3]}, unknown {unknown[:3]}")
        for key, parameter in wanted.items():
            if tensors[key].shape != parameter.shape:
                raise AdapterError(
                    f"{path}: expected {key} of shape {tuple(parameter.shape)}, got {tuple(tensors[key].shape)}"
                )
            if not bool(tensors[key].isfinite().all()):
                raise AdapterError(f"{path}: expected finite numbers in {key}")
            parameter.data.copy_(tensors[key])
        self._hang(name, _Adapter(settings, parts))
        return settings

    def merge(self, name: str) -> None:
        """Add an adapter into the weights, so that it costs no time; `unload` still takes it off again.

        Raises:
            AdapterError: There is none of this name.
        """
        adapter = self._get(name)
        if not adapter.merged:
            adapter.take_off()
            adapter.merged = True
            self._write_weights(adapter.parts)

    def unload(self, name: str) -> None:
        """Take an adapter off and forget it.

        Raises:
            AdapterError: There is none of this name.
        """
        adapter = self._get(name)
        del self._adapters[name]
        adapter.take_off()
        if adapter.merged:
            self._write_weights(adapter.parts)
        if not self._adapters:
            for key, parameter in self.network.named_parameters():
                parameter.requires_grad_(self._learned[key])
            self._learned = {}

    def _get(self, name: str) -> _Adapter:
        if name not in self._adapters:
            there = ", ".join(self._adapters) or "none"
            raise AdapterError(f"expected the name of an attached adapter ({there}), got {name!r}")
        return self._adapters[name]

    def _check_free(self, name: str) -> None:
        if name in self._adapters:
            raise AdapterError(f"expected a name that no adapter has, got {name!r}; unload that one first")

    def _fitting(self, targets: tuple[str, ...]) -> list[str]:
        for target in targets:
            if not fnmatch.filter(self._layers, target):
                some = ", ".join(sorted({".".join(n.split(".")[-2:]) for n in self._layers}))
                raise AdapterError(f"expected a linear layer in targets, got {target!r}; they end in {some}")
        return [name for name in self._layers if any(fnmatch.fnmatchcase(name, target) for target in targets)]

    def _hang(self, name: str, adapter: _Adapter) -> None:
        if not self._adapters:
            self._learned = {key: p.requires_grad for key, p in self.network.named_parameters()}
            self.network.requires_grad_(False)
        self._adapters[name] = adapter
        adapter.hang(self._layers)

    @torch.no_grad()
    def _write_weights(self, layers: dict[str, _Thin]) -> None:
        """Own weights and merged adapters into these layers, always from the own ones: sums do not undo exactly."""
        for name in layers:
            weight = self._layers[name].weight
            own = self._own.setdefault(name, weight.detach().clone())
            weight.copy_(own)
            here = [a.parts[name] for a in self._adapters.values() if a.merged and name in a.parts]
            for part in here:
                weight.add_(part.product())
            if not here:
                del self._own[name]

    def _read(self, path: Path) -> tuple[LoraSettings, dict[str, Tensor]]:
        try:
            with safetensors.safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
                header = cast("dict[str, str]", file.metadata() or {})
                tensors = {key: cast("Tensor", file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
        except (OSError, safetensors.SafetensorError) as error:
            raise AdapterError(f"{path}: expected an adapter that `Adapters.save` wrote, got {error}") from error
        if FORMAT not in header:
            raise AdapterError(f"{path}: expected a header with {FORMAT}, got {sorted(header)}")
        try:
            about = cast("dict[str, Any]", json.loads(header[FORMAT]))
            targets = tuple(str(target) for target in about["targets"])
            base, settings = str(about["base"]), LoraSettings(int(about["rank"]), float(about["alpha"]), targets)
        except (KeyError, ValueError, TypeError) as error:
            raise AdapterError(f"{path}: expected base, rank, alpha and targets in its header, {error!r}") from error
        if base != self.fingerprint:
            raise AdapterError(
                f"{path}: this adapter was made for other weights (fingerprint {base[:12]}) than those of the model"
                f" (fingerprint {self.fingerprint[:12]}); train it again on these"
            )
        return settings, tensors


def fingerprint(network: nn.Module) -> str:
    """SHA-256 over names, shapes and values of a network's weights and statistics, in hexadecimal."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
