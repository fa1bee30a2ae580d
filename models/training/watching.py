"""What attention does while a model learns: entropy of each head, heads that do nothing, keys that take everything."""

from typing import Final

import torch
from torch import Tensor

from assistant_vlm.network import Network
from assistant_vlm.sites import Sites, site_names
from assistant_vlm.windows import patch_window, text_window
from training.batches import Batch
from training.learner import fused_memory, picked, questions_of
from training.regularisers import entropies

DEAD: Final = 0.98
"""A head is called dead when its entropy reaches this share of the highest possible: it looks nowhere in particular."""
SINK: Final = 0.5
"""A head has a sink when one place gets this share of all its attention."""
ROWS: Final = 4
"""Pictures that a report looks at."""

HeadReport = dict[str, list[float] | list[int]]


@torch.no_grad()
def attention_report(network: Network, batch: Batch) -> dict[str, HeadReport]:
    """For each softmax attention of the network, by its site: what its heads do; empty where the batch asks nothing.

    `entropy` is each head's mean entropy as a share of the highest possible over what it may look at, `dead` are heads
    where that is all but 1, `sinks` heads that give most of their attention to one place: a patch, or a position in the
    conversation or question (Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks"). Patterns
    are those of the first rows that have a picture; in the decoder, of the tokens that an answer is predicted from.
    """
    rows = [i for i in range(len(batch.tokens)) if float(batch.seen[i]) > 0 and bool((batch.targets[i] > 0).any())]
    if not rows:
        return {}
    was_training, batch = network.training, picked(batch, rows[:ROWS])
    network.eval()
    sites = Sites(network.config, read=[n for n in site_names(network.config) if n.endswith(".pattern")])
    encoded = network.encode(batch.pixels, sites)
    memory, looks = fused_memory(network, encoded, batch, sites)
    same = (batch.segments[:, :, None] == batch.segments[:, None, :]).tril()[:, None]
    network.decoder(batch.tokens, memory, positions=batch.positions, allowed=same, looks=looks, sites=sites)
    network.train(was_training)
    seen = _Views(network, batch, encoded.shape[1], same, looks, memory[0][0].shape[2])
    return {name: _heads(values[0], *seen.of(name)) for name, values in sites.values.items()}


class _Views:
    """For each site: which tokens count, which keys each may look at, and which place each key is."""

    def __init__(
        self, network: Network, batch: Batch, keys: int, same: Tensor, looks: Tensor | None, memory_keys: int
    ) -> None:
        self.config, self.batch, self.keys, self.same, self.looks = network.config, batch, keys, same, looks
        self.memory_keys = memory_keys

    def of(self, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens `[batch tokens]`, keys they may look at `[batch tokens keys]`, and places `[batch keys]`."""
        part, kind = name.split(".")[0], name.split(".")[-2]
        device, rows = self.batch.tokens.device, len(self.batch.tokens)
        patches = torch.arange(self.keys, device=device)
        if part == "encoder":
            keys = self.keys - self.config.guess_keys
            allowed = torch.ones(1, 1, keys, keys, dtype=torch.bool, device=device)
            if self.config.patch_window:
                cells = self.batch.pixels.shape[2] // self.config.patch, self.batch.pixels.shape[3] // self.config.patch
                allowed = patch_window(*cells, self.config.patch_window, keys - cells[0] * cells[1], device)
            return _filled(rows, keys, device), allowed[:, 0].expand(rows, -1, -1), patches[:keys].expand(rows, -1)
        if part == "fusion":
            return self._fusion(kind, patches)
        learned = self.batch.targets > 0
        if kind == "self":
            allowed, positions = self.same, self.batch.positions
            if self.config.text_window:
                allowed = allowed & text_window(positions, positions, self.config.text_window, self.config.text_globals)
            return learned, allowed[:, 0], positions
        allowed = self.looks
        if allowed is None:
            allowed = torch.ones(rows, 1, learned.shape[1], self.memory_keys, dtype=torch.bool, device=device)
        return learned, allowed[:, 0], self._memory_places(patches).expand(rows, -1)

    def _memory_places(self, patches: Tensor) -> Tensor:
        turns = int(self.batch.turns.max()) + 1
        places = patches.repeat(turns if self.config.patches_to_question else 1)
        asked = torch.arange((self.memory_keys - len(places)) // turns, device=patches.device)
        return torch.cat((places, (self.keys + asked).repeat(turns)))

    def _fusion(self, kind: str, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        _, real = questions_of(self.batch, int(self.batch.turns.max()) + 1)
        rows, longest = real.shape
        asked = torch.arange(longest, device=patches.device).expand(rows, -1)
        if kind == "question_to_patches":
            return (
                real,
                _filled(rows, longest, real.device)[:, :, None].expand(-1, -1, self.keys),
                patches.expand(rows, -1),
            )
        count = self.keys if kind == "patches_to_question" else longest
        tokens = _filled(rows, count, real.device) if kind == "patches_to_question" else real
        return tokens, real[:, None].expand(-1, count, -1), asked


def _filled(rows: int, count: int, device: torch.device) -> Tensor:
    return torch.ones(rows, count, dtype=torch.bool, device=device)


def _heads(pattern: Tensor, tokens: Tensor, allowed: Tensor, places: Tensor) -> HeadReport:
    tokens = tokens & (allowed.sum(-1) > 1)
    highest = allowed.sum(-1).clamp_min(2).log()[:, None]
    entropy = (entropies(pattern) / highest).transpose(1, 2)[tokens].mean(0)
    by_place = pattern.new_zeros(*pattern.shape[:3], int(places.max()) + 1)
    by_place.scatter_add_(-1, places[:, None, None].expand_as(pattern), pattern)
    most = by_place.transpose(1, 2)[tokens].mean(0).max(-1).values
    return {
        "entropy": [round(float(e), 3) for e in entropy],
        "dead": [i for i, e in enumerate(entropy) if float(e) > DEAD],
        "sinks": [i for i, m in enumerate(most) if float(m) > SINK],
    }
