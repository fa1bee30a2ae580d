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
        prefix: Its keys and values; they are copied.
        room: Nodes to expect; more may come.
        sites: Who watches; each part that is read passes them once.
    """

    def __init__(
        self, decoder: Decoder, memory: CrossMemory | None, prefix: Cache, room: int, sites: Sites | None = None
    ) -> None:
        self._decoder, self._memory, self._sites = decoder, memory, sites
        self._past = prefix.tokens
        self._cache = prefix.copy(room=self._past + max(1, room))
        self._depth: list[int] = []
        self._path = torch.zeros(0, 0, dtype=torch.bool)

    def read(self, tokens: list[int], parents: list[int]) -> Annotated[Tensor, "nodes vocab"]:
        """Scores of the token after each of these new nodes, whose parents have been read before."""
        parts = range(0, len(tokens), _AT_ONCE)
        return torch.cat([self._part(tokens[i : i + _AT_ONCE], parents[i : i + _AT_ONCE]) for i in parts])

    def _part(self, tokens: list[int], parents: list[int]) -> Tensor:
        before, count = len(self._depth), len(tokens)
        self._grow(before + count)
        above = torch.zeros(count, before, dtype=torch.bool)
        for row, parent in enumerate(parents):
            if parent >= 0:
                above[row, : parent + 1] = self._path[parent, : parent + 1]
        self._path[before : before + count, :before] = above
        self._path[before : before + count, before : before + count] = torch.eye(count, dtype=torch.bool)
        self._depth += [0 if parent < 0 else self._depth[parent] + 1 for parent in parents]
        places = torch.tensor(self._depth) + self._past
        allowed = torch.ones(count, self._past + before + count, dtype=torch.bool)
        allowed[:, self._past :] = self._path[before : before + count, : before + count]
        hidden = self._decoder(
            torch.tensor([tokens]),
            self._memory,
            positions=places[None, before:],
            allowed=allowed[None, None],
            key_positions=torch.cat((torch.arange(self._past), places))[None],
            cache=self._cache,
            sites=self._sites,
        )
        return self._decoder.logits(hidden, self._sites)[0]

    def _grow(self, nodes: int) -> None:
        if nodes > len(self._path):
            wider = torch.zeros(max(nodes, 2 * len(self._path)), max(nodes, 2 * len(self._path)), dtype=torch.bool)
            wider[: len(self._path), : len(self._path)] = self._path
            self._path = wider
        if self._past + nodes > self._cache.room:
            self._cache = self._cache.copy(room=self._past + 2 * nodes)
