"""Named activations that can be read and edited while the network runs.

A site is a dotted name in TransformerLens' vocabulary, such as `decoder.3.cross.pattern`. Whoever runs the network may
pass a `Sites`; without one no name is built and nothing is kept, so nobody watching costs nothing.
"""

import difflib
import fnmatch
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping

from torch import Tensor, is_tensor

from assistant_vlm.config import ModelConfig
from assistant_vlm.errors import SitesError

Edit = Callable[[Tensor], Tensor]

_ATTENTION = ("q", "k", "v", "scores", "pattern", "z", "out")
_MLP = ("mlp_post", "mlp_out")


def site_names(config: ModelConfig) -> tuple[str, ...]:
    """Every site of a network of this shape, in the order in which a run passes them first.

    Of an attention: `q k v` as they are multiplied (turned by their positions; keys and values also of cached tokens),
    `scores` before and `pattern` after the softmax, `z` what each head gathered, `out` what is added to the residual
    stream. `stem` is a patch before its place is added, `embed` after. Of a guessed name, `scores` and `probabilities`
    are of all names, before and after the softmax, and `keys` join the memory. `memory` is what the decoder attends to.
    """
    names = ["encoder.stem", "encoder.embed"]
    patterned = tuple(p for p in _ATTENTION if config.patch_attention == "softmax" or p not in ("scores", "pattern"))
    for layer in range(config.encoder_layers):
        parts = ("resid_pre", *(f"attn.{p}" for p in patterned), "resid_mid", *_MLP, "resid_post")
        names += [f"encoder.{layer}.{p}" for p in parts if config.block == "sequential" or p != "resid_mid"]
    names += ["encoder.out"]
    if config.names:
        names += [f"name_guess.{part}" for part in ("scores", "probabilities", "keys")]
    for layer in range(config.fusion_layers):
        here = [f"self.{p}" for p in _ATTENTION]
        here += [f"question_to_patches.{p}" for p in _ATTENTION if config.question_to_patches]
        if config.question_to_patches or layer < config.fusion_layers - 1:
            here += [f"question.{p}" for p in _MLP]
        if config.patches_to_question:
            here += [f"patches_to_question.{p}" for p in _ATTENTION] + [f"patches.{p}" for p in _MLP]
        names += [f"fusion.{layer}.{p}" for p in here]
    names += ["memory", "decoder.embed"]
    for layer in range(config.decoder_layers):
        parts = ("resid_pre", *(f"self.{p}" for p in _ATTENTION), *(f"cross.{p}" for p in _ATTENTION), "resid_mid")
        parts = (*parts, *_MLP, "resid_post")
        names += [f"decoder.{layer}.{p}" for p in parts if config.block == "sequential" or p != "resid_mid"]
    return (*names, "decoder.out", "logits")


class Sites:
    """Which activations to read, and how to change others on their way.

    Attributes:
        values: What was read: one tensor for each time the run passed the site (a generation passes the decoder's once
            for the prefix and once for each token). They are copies of the values after an edit, without gradients; who
            wants gradients takes the value in an edit that gives it back.

    Args:
        config: Shape of the network it is for.
        read: Site names or patterns with `*`, as in `decoder.*.cross.pattern`; `*` stands for dots too.
        edit: For a site name or pattern, what to put in the activation's place; the shape must stay. It gets a copy, so
            it may change that in place, but must return it. Several that fit a site follow each other in their order.

    Raises:
        SitesError: A name or pattern fits no site.
    """

    def __init__(self, config: ModelConfig, read: Collection[str] = (), edit: Mapping[str, Edit] | None = None) -> None:
        names = site_names(config)
        self.values: dict[str, list[Tensor]] = {}
        self._edits: dict[str, list[Edit]] = defaultdict(list)
        for wanted in read:
            self.values |= {name: [] for name in _fitting(wanted, names)}
        for wanted, change in (edit or {}).items():
            for name in _fitting(wanted, names):
                self._edits[name].append(change)

    def within(self, prefix: str) -> "Scope":
        """The sites whose names start with `prefix` and a dot."""
        return Scope(self, prefix + ".")

    def wants(self, name: str) -> bool:
        """Whether somebody reads or edits this site."""
        return name in self.values or name in self._edits

    def visit(self, name: str, value: Tensor) -> Tensor:
        """The value to go on with.

        Raises:
            SitesError: An edit changed the shape, or gave no tensor back.
        """
        for change in self._edits.get(name, ()):
            # A copy: keys and values are the cache's own memory, and the residual stream has several names.
            changed = change(value.clone())
            if not is_tensor(changed):
                raise SitesError(f"{name}: expected the edit to return a tensor, got {type(changed).__name__}")
            if changed.shape != value.shape:
                raise SitesError(
                    f"{name}: expected the edit to keep the shape {tuple(value.shape)}, got {tuple(changed.shape)}"
                )
            value = changed
        if name in self.values:
            self.values[name].append(value.detach().clone())
        return value

    def only(self, name: str) -> Tensor:
        """The one value read at `name`.

        Raises:
            SitesError: The site was not read, or not passed exactly once.
        """
        found = self.values.get(name, [])
        if len(found) != 1:
            raise SitesError(f"{name}: expected one value, got {len(found)}; read it, and run the network once")
        return found[0]


class Scope:
    """Sites under a common prefix."""

    def __init__(self, sites: Sites, prefix: str) -> None:
        self.sites, self.prefix = sites, prefix

    def within(self, part: str) -> "Scope":
        """The sites under a longer prefix."""
        return Scope(self.sites, f"{self.prefix}{part}.")

    def visit(self, name: str, value: Tensor) -> Tensor:
        """The value to go on with; see `Sites.visit`."""
        return self.sites.visit(self.prefix + name, value)

    def wants(self, *names: str) -> bool:
        """Whether somebody reads or edits one of these sites."""
        return any(self.sites.wants(self.prefix + name) for name in names)


def _fitting(wanted: str, names: tuple[str, ...]) -> list[str]:
    found = fnmatch.filter(names, wanted)
    if not found:
        near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
        raise SitesError(
            f"expected a site of this model, got {wanted!r}"
            + (f"; near are {', '.join(near)}" if near else "; `site_names(config)` lists them")
        )
    return found
