"""Which packs are in force now: looked at before every question, so that a change needs no restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from assistant.errors import StoreError
from assistant.evaluators import Evaluator
from assistant.packs import PackGrant
from assistant.store.values import AuditLeaf
from assistant_constitutions.composing import Constitution, compose
from assistant_constitutions.engine import check_evaluators, run_pack_tests
from assistant_constitutions.errors import PackError
from assistant_constitutions.loader import ALWAYS_ON
from assistant_constitutions.shelf import Kept, Shelf, ShelfState, sha256_of

log = logging.getLogger("glassbox.constitutions")


class PacksInForce:
    """The packs that are always on, those that are enabled, and those that a question names.

    Args:
        shelf: where packs lie.
        evaluators: by name.
        last_change: the newest leaf of the audit log about packs.
        changed: told of every new constitution.
    """

    def __init__(
        self,
        shelf: Shelf,
        evaluators: Mapping[str, Evaluator],
        last_change: Callable[[], AuditLeaf | None],
        changed: Callable[[Constitution], None] = lambda _: None,
    ) -> None:
        self._shelf = shelf
        self._evaluators = evaluators
        self._last_change = last_change
        self._changed = changed
        self._lock = threading.Lock()
        self._mark: object = None
        self._state = ShelfState()
        self._kept: tuple[Kept, ...] = ()
        self._now: Constitution | None = None
        self._tested: set[str] = set()

    def load(self) -> Constitution:
        """The packs in force, read anew.

        Raises:
            PackError: one of them cannot be used.
        """
        with self._lock:
            return self._load(self._shelf.mark())

    def now(self) -> Constitution:
        """The packs in force. Where they have changed since the last look and cannot be used, those of before stay, and
        the log says why: a slip in a file must neither switch rules off nor stop the house.

        Raises:
            PackError: they were never loaded.
        """
        mark = self._shelf.mark()
        with self._lock:
            if self._now is None:
                raise PackError("No constitution pack is loaded.", hint="`startup` has to run before the first turn.")
            if mark != self._mark:
                try:
                    self._load(mark)
                except StoreError as error:  # looked at again with the next question
                    log.warning("Whether the packs have changed cannot be told now. %s", error)
                except PackError as error:
                    self._mark = mark
                    log.error("The packs have changed and cannot be used; those of before stay in force. %s", error)
            return self._now

    def with_named(self, names: Sequence[str]) -> Constitution:
        """The packs in force and those that a question names. The tests of a named one must pass.

        Raises:
            UnknownPack: there is no pack of that name.
            PackError: it cannot be applied.
        """
        now = self.now()
        there = {pack.id for pack in now.packs}
        named = [name for name in dict.fromkeys(names) if name not in there]
        if not named:
            return now
        with self._lock:
            state, kept = self._state, self._kept
        more = [self._shelf.in_force(state, name) for name in named]
        for each in more:
            self._must_pass(each)
            self._shelf.keep_bundled(each)
        return compose([*kept, *more], self.grants(state))

    def grants(self, state: ShelfState) -> Sequence[PackGrant]:
        """The grants that count: where the audit log does not know this state, none does."""
        return state.grants if state.grants and not self.mismatch() else ()

    def mismatch(self) -> str:
        """How the state on the disk differs from the one that the audit log recorded last; empty where it does not."""
        data = self._shelf.read_bytes()
        leaf = self._last_change()
        recorded = None if leaf is None else leaf.data.get("state")
        if (None if data is None else sha256_of(data)) == recorded:
            return ""
        return (
            "The list of packs is not the one that the audit log recorded last (leaf "
            f"{'none' if leaf is None else leaf.index}). Enabled packs stay in force; grants do not."
        )

    def _load(self, mark: object) -> Constitution:
        state = self._shelf.state()
        kept = [self._shelf.bundled(pack_id) for pack_id in ALWAYS_ON]
        kept += [
            self._shelf.load(pack_id, digest) for pack_id, digest in state.enabled.items() if pack_id not in ALWAYS_ON
        ]
        for each in kept:
            check_evaluators(each.pack, self._evaluators)
            self._shelf.keep_bundled(each)
        now = compose(kept, self.grants(state))
        self._mark, self._state, self._kept, self._now = mark, state, tuple(kept), now
        self._changed(now)
        return now

    def _must_pass(self, kept: Kept) -> None:
        if kept.sha256 in self._tested:
            return
        report = run_pack_tests(kept.pack, self._evaluators)
        if not report.passed:
            failures = "\n".join(map(str, report.failures[:5]))
            raise PackError(f"Pack {kept.pack.id} {kept.pack.version} does not pass its own tests:\n{failures}")
        self._tested.add(kept.sha256)
