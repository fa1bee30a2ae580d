"""The text cache of chats so far, kept between their turns.

A new prefix is compared with the kept ones token by token, so nothing needs to say which chat it belongs to.
"""

import threading
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from assistant_vlm.cache import Cache
from assistant_vlm.config import ModelConfig
from assistant_vlm.prefix import Prefix


@dataclass(frozen=True, eq=False)
class _Conversation:
    """A filled cache; `prefix` counts the tokens before its last answer, and `logits` are those of its first token."""

    picture: str
    tokens: tuple[int, ...]
    prefix: int
    cache: Cache
    logits: Tensor


class Conversations:
    """Caches by what they hold, the one used longest ago first; safe for several threads.

    A cache is handed out to one caller at a time and comes back with `give`. Where a chat goes on, or its last question
    is asked again, the cache itself is handed out, cut back to what is shared; where an earlier turn was changed, it is
    a copy of what is shared: the chat may go back to its other branch.

    Args:
        config: Shape of the network.
        most_bytes: The caches together take no more.
    """

    def __init__(self, config: ModelConfig, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._config = config
        self._by_turn = config.fusion_layers > 0
        self._kept: list[_Conversation] = []
        self._lock = threading.Lock()

    def take(self, picture: str, prefix: Prefix) -> tuple[Cache, Annotated[Tensor, "vocab"] | None]:
        """A cache that holds as much of the start of `prefix` as is kept, and the scores after it.

        The scores are there where the same question is asked again, and then nothing is left to read; else they are
        None, and the cache holds less than all of `prefix`.

        Args:
            picture: Key of the picture that the tokens look at; empty for none.
            prefix: What is to be read.
        """
        with self._lock:
            best, shared = -1, 0
            for i, one in enumerate(self._kept):
                if one.picture == picture and (common := _common(one.tokens, prefix.tokens)) >= max(1, shared):
                    best, shared = i, common
            again = shared == len(prefix.tokens) == self._kept[best].prefix
            usable = shared if again else self._usable(min(shared, len(prefix.tokens) - 1), prefix)
            if usable == 0:
                return Cache(self._config), None
            one = self._kept[best]
            if shared < one.prefix:
                self._kept.append(self._kept.pop(best))
                return one.cache.copy(usable), None
            del self._kept[best]
        one.cache.cut(usable)
        return one.cache, one.logits if again else None

    def give(self, picture: str, tokens: tuple[int, ...], prefix: int, cache: Cache, logits: Tensor) -> None:
        """Keep a cache for the next turn.

        Args:
            picture: Key of the picture that the tokens look at; empty for none.
            tokens: What the cache holds.
            prefix: How many of them come before the last answer.
            cache: Nobody else may use it from now on.
            logits: Scores of the first token of the last answer, `[vocab]`.
        """
        with self._lock:
            self._kept.append(_Conversation(picture, tokens[: cache.tokens], prefix, cache, logits))
            while sum(one.cache.bytes for one in self._kept) > self.most_bytes:
                del self._kept[0]

    def _usable(self, shared: int, prefix: Prefix) -> int:
        """With fusion, all of a turn's tokens depend on its whole question: it is shared whole or not at all."""
        if not self._by_turn:
            return shared
        for turn in prefix.turns:
            if turn.begin <= shared < turn.asked:
                return turn.begin
        return shared

    def forget(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()

    @property
    def bytes(self) -> int:
        """Memory that the kept caches take."""
        return sum(one.cache.bytes for one in self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return min(len(a), len(b))
