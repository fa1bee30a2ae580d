"""Read many continuations of one prefix at once, with the prefix and shared beginnings read and held once.

Source: Miao et al. 2023, "SpecInfer", section 4.2 (tree attention): all tokens are one row, and a mask lets each see
the prefix and its own ancestors. Changed: the tree is read in parts, and grows where the caller wants it to.
"""

from typing import Annotated

import torch
from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.decoder import CrossMemory, Decoder
from assistant_vlm.sites import Sites

_AT_ONCE = 256
"""Tokens read in one pass; more would take memory for their scores without being faster."""


class Tree:
    """A growing tree of tokens behind a prefix.

    Nodes are numbered from 0 in the order in which they are read; -1 is the end of the prefix.

    Args:
        decoder: The network's decoder.
        memory: What all tokens look at.
        prefix: Its keys and values; they stay as they are, and must while the tree is in use.
        room: Nodes to expect; more may come.
        sites: Who watches; each part that is read passes them once.
    """

    def __init__(
        self, decoder: Decoder, memory: CrossMemory | None, prefix: Cache, room: int, sites: Sites | None = None
    ) -> None:
        self._decoder, self._memory, self._sites = decoder, memory, sites
        self._prefix = prefix
        self._nodes = Cache(decoder.config, max(1, room))
        self._parent: list[int] = []
        self._depth: list[int] = []

    def read(self, tokens: list[int], parents: list[int]) -> Annotated[Tensor, "nodes vocab"]:
        """Scores of the token after each of these new nodes, whose parents have been read before."""
        parts = range(0, len(tokens), _AT_ONCE)
        return torch.cat([self._part(tokens[i : i + _AT_ONCE], parents[i : i + _AT_ONCE]) for i in parts])

    def _part(self, tokens: list[int], parents: list[int]) -> Tensor:
        """The keys are the prefix, the ancestors that these nodes have, and the nodes: not the rest of the tree."""
        past, before, count = self._prefix.tokens, self._nodes.tokens, len(tokens)
        rows: list[int] = []
        seen: list[int] = []
        for row, parent in enumerate(parents):
            while parent >= 0:
                rows.append(row)
                seen.append(parent)
                parent = self._parent[parent]
        above = sorted(set(seen))
        place = {node: past + i for i, node in enumerate(above)}
        known = past + len(above)
        allowed = torch.zeros(count, known + count, dtype=torch.bool)
        allowed[:, :past] = True
        allowed[rows, [place[node] for node in seen]] = True
        allowed[:, known:].fill_diagonal_(True)
        self._parent += parents
        self._depth += [past if parent < 0 else self._depth[parent] + 1 for parent in parents]
        positions = torch.tensor(self._depth[before:])
        cache = self._prefix.copy(room=known + count)
        cache.held[:, :, :, past:known] = self._nodes.held[:, :, :, above]
        cache.advance(len(above))
        hidden = self._decoder(
            torch.tensor([tokens]),
            self._memory,
            positions=positions[None],
            allowed=allowed[None, None],
            key_positions=torch.cat(
                (torch.arange(past), torch.tensor([self._depth[node] for node in above], dtype=torch.long), positions)
            )[None],
            cache=cache,
            sites=self._sites,
        )
        self._keep(cache, known, count)
        return self._decoder.logits(hidden, self._sites)[0]

    def _keep(self, cache: Cache, known: int, count: int) -> None:
        end = self._nodes.tokens + count
        if end > self._nodes.room:
            self._nodes = self._nodes.copy(room=2 * end)
        self._nodes.held[:, :, :, self._nodes.tokens : end] = cache.held[:, :, :, known:]
        self._nodes.advance(count)
