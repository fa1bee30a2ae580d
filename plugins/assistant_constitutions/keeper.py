"""What an operator changes about packs: add, enable, roll back, grant, take away.

Every change has a leaf in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assistant.errors import GlassboxError, InputError
from assistant.messages import now
from assistant.packs import PackChange, PackGrant, PackVersion
from assistant_constitutions.composing import digest_of
from assistant_constitutions.engine import check_evaluators
from assistant_constitutions.errors import PackError
from assistant_constitutions.linter import lint, look_alike
from assistant_constitutions.loader import ALWAYS_ON, BUNDLED, parse_pack
from assistant_constitutions.looking import PackReader
from assistant_constitutions.shelf import Kept, ShelfState, read_pack_file, sha256_of

SHOWN = 5
"""So many problems stand in one message."""

Change = Callable[[ShelfState], "tuple[ShelfState, PackChange, dict[str, Any]]"]


class Keeper(PackReader):
    """The `assistant.packs.PackKeeper` of this plugin: `PackReader`, and what changes a pack's state."""

    def add(self, path: str, who: str) -> PackChange:
        """Take a copy of a pack into the data folder."""
        data = read_pack_file(Path(path))
        pack = parse_pack(data, name=path)
        if pack.id in BUNDLED:
            raise PackError(f"{path}: the id {pack.id!r} is that of a bundled pack.", hint="Give yours another id.")
        digest = sha256_of(data)

        def change(state: ShelfState) -> tuple[ShelfState, PackChange, dict[str, Any]]:
            versions = state.versions.get(pack.id, ())
            for each in versions:
                if each.version == pack.version and each.sha256 != digest:
                    raise PackError(
                        f"{path}: version {pack.version} of {pack.id} is here already, with another text.",
                        hint="Give the new text a new version.",
                    )
            twin = next((name for name in self._shelf.ids(state) if look_alike(name, pack.id)), None)
            if twin is not None:
                raise PackError(
                    f"{path}: the id {pack.id!r} looks like that of the pack {twin!r}.", hint="Give it another id."
                )
            done = PackChange(change="add", pack=pack.id, version=pack.version, sha256=digest)
            if any(each.sha256 == digest for each in versions):
                return state, done, {}
            self._shelf.keep(pack, data)
            added = PackVersion(version=pack.version, sha256=digest, added_at=now())
            return _with(state, versions={**state.versions, pack.id: (*versions, added)}), done, {}

        return self._change(who, change)

    def remove(self, pack_id: str, who: str) -> PackChange:
        """Forget a pack that is not enabled."""

        def change(state: ShelfState) -> tuple[ShelfState, PackChange, dict[str, Any]]:
            if pack_id in BUNDLED:
                raise InputError(f"{pack_id} comes with Glassbox and stays.", hint=_how_off(pack_id))
            newest = self._newest_version(state, pack_id)
            if pack_id in state.enabled:
                raise InputError(f"{pack_id} is enabled.", hint=f"First type: assistant packs disable {pack_id}")
            done = PackChange(change="remove", pack=pack_id, version=newest.version, sha256=newest.sha256)
            fresh = _with(
                state,
                versions={name: each for name, each in state.versions.items() if name != pack_id},
                before={name: each for name, each in state.before.items() if name != pack_id},
                grants=tuple(each for each in state.grants if each.pack != pack_id),
            )
            return fresh, done, {}

        return self._change(who, change)

    def enable(self, pack_id: str, version: str | None, who: str) -> PackChange:
        """Apply a pack to every further question."""
        state = self._shelf.state()
        kept = self._shelf.version(state, pack_id, version) if version else self._shelf.newest(state, pack_id)
        if pack_id in ALWAYS_ON:
            raise InputError(f"{pack_id} is always on.")
        self._must_be_fit(state, kept)

        def change(state: ShelfState) -> tuple[ShelfState, PackChange, dict[str, Any]]:
            return self._put_in_force(state, kept)

        return self._change(who, change)

    def disable(self, pack_id: str, who: str) -> PackChange:
        """Apply a pack no more."""

        def change(state: ShelfState) -> tuple[ShelfState, PackChange, dict[str, Any]]:
            if pack_id in ALWAYS_ON:
                raise InputError(f"{pack_id} is always on; nobody can switch it off.")
            digest = state.enabled.get(pack_id)
            newest = self._newest_version(state, pack_id)
            before = self._version_of(state, pack_id, digest) if digest else ""
            done = PackChange(
                change="disable",
                pack=pack_id,
                version=before or newest.version,
                sha256=digest or newest.sha256,
                before=before,
            )
            if digest is None:
                return state, done, {}
            fresh = _with(
                state,
                enabled={name: each for name, each in state.enabled.items() if name != pack_id},
                before=_remembered(state, pack_id, digest),
            )
            return fresh, done, {}

        return self._change(who, change)

    def rollback(self, pack_id: str, who: str) -> PackChange:
        """Put the version in force that was before the present one."""

        def change(state: ShelfState) -> tuple[ShelfState, PackChange, dict[str, Any]]:
            earlier = state.before.get(pack_id, ())
            if not earlier:
                self._newest_version(state, pack_id)
                raise InputError(f"No other version of {pack_id} was in force before.", hint=_how_off(pack_id))
            kept = self._shelf.load(pack_id, earlier[-1])
            check_evaluators(kept.pack, self._evaluators)
            present = state.enabled.get(pack_id)
            done = PackChange(
                change="rollback",
                pack=pack_id,
                version=kept.pack.version,
                sha256=kept.sha256,
                before=self._version_of(state, pack_id, present) if present else "",
            )
            fresh = _with(
                state,
                enabled={**state.enabled, pack_id: kept.sha256},
                before={**state.before, pack_id: earlier[:-1]},
            )
            return fresh, done, {"from": present}

        return self._change(who, change)

    def grant(self, pack_id: str, rule: str, reason: str, who: str) -> PackChange:
        """Let a pack add its exception to a rule of another pack."""

        def change(state: ShelfState) -> tuple[ShelfState, PackChange, dict[str, Any]]:
            kept = self._shelf.in_force(state, pack_id)
            asked = [override for override in kept.pack.overrides if override.rule == rule]
            if not asked:
                names = ", ".join(sorted({override.rule for override in kept.pack.overrides})) or "none"
                raise InputError(f"{pack_id} asks for no exception to {rule!r}; it asks for: {names}.")
            if not reason.strip():
                raise InputError("A grant needs a reason.", hint="Give it with --reason; the audit log shows it.")
            moment = now()
            fresh = tuple(
                PackGrant(pack=pack_id, rule=rule, digest=digest_of(each), reason=reason.strip(), who=who, at=moment)
                for each in asked
            )
            others = tuple(each for each in state.grants if (each.pack, each.rule) != (pack_id, rule))
            done = PackChange(change="grant", pack=pack_id, version=kept.pack.version, sha256=kept.sha256)
            told = {"rule": rule, "reason": reason.strip(), "exceptions": [each.digest for each in fresh]}
            return _with(state, grants=(*others, *fresh)), done, told

        return self._change(who, change)

    def revoke(self, pack_id: str, rule: str, reason: str, who: str) -> PackChange:
        """Take a grant back."""

        def change(state: ShelfState) -> tuple[ShelfState, PackChange, dict[str, Any]]:
            kept = self._shelf.in_force(state, pack_id)
            left = tuple(each for each in state.grants if (each.pack, each.rule) != (pack_id, rule))
            if len(left) == len(state.grants):
                raise InputError(f"{pack_id} has no grant for {rule!r}.")
            done = PackChange(change="revoke", pack=pack_id, version=kept.pack.version, sha256=kept.sha256)
            return _with(state, grants=left), done, {"rule": rule, "reason": reason.strip()}

        return self._change(who, change)

    def _change(self, who: str, change: Change) -> PackChange:
        """Make a change and write its leaf, both or neither."""
        before = self._shelf.read_bytes()
        done: list[PackChange] = []
        same = False

        def act() -> dict[str, Any]:
            nonlocal before, same
            before = self._shelf.read_bytes()
            state = self._shelf.state(before) if before is not None else ShelfState()
            fresh, what, more = change(state)
            done.append(what)
            same = fresh == state
            if same:
                raise _Same
            data = (fresh.model_dump_json(indent=1) + "\n").encode()
            self._shelf.write(data)
            return {
                "at": now().isoformat(),
                "who": who,
                "change": what.change,
                "pack": what.pack,
                "version": what.version,
                "sha256": what.sha256,
                "before": what.before,
                "state": sha256_of(data),
                **more,
            }

        try:
            leaf = self._store.record_pack_change(act)
        except _Same:
            return done[0]
        except GlassboxError:
            if done and self._shelf.read_bytes() != before:
                self._shelf.restore(before)
            raise
        return done[0].model_copy(update={"leaf": leaf.index, "leaf_hash": leaf.hash})

    def _put_in_force(self, state: ShelfState, kept: Kept) -> tuple[ShelfState, PackChange, dict[str, Any]]:
        pack_id = kept.pack.id
        present = state.enabled.get(pack_id)
        done = PackChange(
            change="enable",
            pack=pack_id,
            version=kept.pack.version,
            sha256=kept.sha256,
            before=self._version_of(state, pack_id, present) if present else "",
        )
        if present == kept.sha256:
            return state, done, {}
        versions = state.versions
        if pack_id in BUNDLED:
            # What comes with Glassbox changes with it; a copy of this version stays.
            self._shelf.keep(kept.pack, self._shelf.source(pack_id, kept.sha256))
            had = versions.get(pack_id, ())
            if all(each.sha256 != kept.sha256 for each in had):
                own = PackVersion(version=kept.pack.version, sha256=kept.sha256, added_at=now())
                versions = {**versions, pack_id: (*had, own)}
        fresh = _with(
            state,
            versions=versions,
            enabled={**state.enabled, pack_id: kept.sha256},
            before=_remembered(state, pack_id, present) if present else state.before,
        )
        return fresh, done, {"from": present}

    # Inside

    def _must_be_fit(self, state: ShelfState, kept: Kept) -> None:
        check_evaluators(kept.pack, self._evaluators)
        others = [each.pack for each in self._kept_in_force(state) if each.pack.id != kept.pack.id]
        errors = [each for each in lint([kept.pack], others, self._evaluators) if each.level == "error"]
        if errors:
            shown = "\n".join(each.message for each in errors[:SHOWN])
            raise PackError(
                f"{kept.pack.id} {kept.pack.version} is not enabled, the linter finds {len(errors)} errors:\n{shown}",
                hint=f"\nSee: assistant packs lint {kept.pack.id}",
            )
        tests = self._test(kept)
        if not tests.passed:
            shown = "\n".join(tests.failures[:SHOWN])
            raise PackError(
                f"{kept.pack.id} {kept.pack.version} is not enabled, {len(tests.failures)} of its {tests.cases} own "
                f"tests do not pass:\n{shown}"
            )

    def _newest_version(self, state: ShelfState, pack_id: str) -> PackVersion:
        versions = state.versions.get(pack_id)
        if versions:  # also where its file is gone: it must be possible to disable and remove it
            return versions[-1]
        kept = self._shelf.newest(state, pack_id)
        return PackVersion(version=kept.pack.version, sha256=kept.sha256)


class _Same(Exception):
    """All was so already: there is nothing to write."""


def _with(state: ShelfState, **changes: Any) -> ShelfState:
    return state.model_copy(update=changes)


def _remembered(state: ShelfState, pack_id: str, digest: str) -> dict[str, tuple[str, ...]]:
    return {**state.before, pack_id: (*state.before.get(pack_id, ()), digest)}


def _how_off(pack_id: str) -> str:
    return f"To apply it no more, type: assistant packs disable {pack_id}"
