"""What an operator can know about packs without changing one: list, read, test, lint, compare, try, replay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assistant.evaluators import Evaluator
from assistant.messages import PackStamp, TurnRecord, earlier_questions
from assistant.packs import (
    PackDifference,
    PackGrant,
    PackProblem,
    PackSummary,
    PackTests,
    PreviewRow,
    Prompt,
    Replay,
)
from assistant.store import Store
from assistant_constitutions.composing import compose, digest_of
from assistant_constitutions.differing import differences
from assistant_constitutions.engine import check_evaluators, run_pack_tests
from assistant_constitutions.errors import PackError
from assistant_constitutions.in_force import PacksInForce
from assistant_constitutions.linter import lint
from assistant_constitutions.loader import ALWAYS_ON, BUNDLED, is_pack_id, parse_pack
from assistant_constitutions.pack import Pack
from assistant_constitutions.previewing import preview
from assistant_constitutions.replaying import replay
from assistant_constitutions.shelf import Kept, Shelf, ShelfState, packs_in_folder, read_pack_file, sha256_of


class PackReader:
    """The half of an `assistant.packs.PackKeeper` that changes nothing.

    Args:
        shelf: where packs lie.
        in_force: which of them are in force.
        evaluators: by name.
        store: for stored turns and the audit log.
    """

    def __init__(self, shelf: Shelf, in_force: PacksInForce, evaluators: Mapping[str, Evaluator], store: Store) -> None:
        self._shelf = shelf
        self._in_force = in_force
        self._evaluators = evaluators
        self._store = store

    def summaries(self) -> list[PackSummary]:
        """Every pack that there is, by id."""
        state = self._shelf.state()
        grants = self._in_force.grants(state)
        return [self._summary(state, pack_id, grants) for pack_id in self._shelf.ids(state)]

    def problem(self) -> str:
        """How the list of packs differs from what the audit log recorded; empty where it does not."""
        return self._in_force.mismatch()

    def show(self, ref: str) -> tuple[PackStamp, dict[str, Any]]:
        """A pack's stamp and its content as data."""
        kept = self._find(ref)
        return kept.stamp, kept.pack.model_dump(mode="json", by_alias=True)

    def source(self, ref: str) -> str:
        """The file of a pack, as it was written."""
        path = self._path_of(ref)
        if path is not None:
            return read_pack_file(path).decode("utf-8-sig", "replace")
        kept = self._find(ref)
        return self._shelf.source(kept.pack.id, kept.sha256).decode("utf-8-sig")

    def test(self, ref: str) -> PackTests:
        """Run a pack's own test cases."""
        return self._test(self._find(ref))

    def lint(self, refs: Sequence[str]) -> list[PackProblem]:
        """What is wrong in packs, and between them and those in force. A folder of packs stands for all of them."""
        state = self._shelf.state()
        named, found = list[Pack](), list[PackProblem]()
        for ref in refs:
            path = self._path_of(ref)
            inside = packs_in_folder(path) if path is not None else None
            if inside is None:
                named.append(self._find(ref).pack)
                continue
            for file in inside:
                try:
                    named.append(parse_pack(read_pack_file(file), name=str(file)))
                except PackError as error:
                    found.append(PackProblem(level="error", code="unusable", rules=(), message=str(error)))
        ids = {pack.id for pack in named}
        others = [kept.pack for kept in self._kept_in_force(state) if kept.pack.id not in ids]
        if not refs:
            return lint(others, (), self._evaluators)
        return [*found, *lint(named, others, self._evaluators)]

    def diff(self, before: str, after: str) -> list[PackDifference]:
        """Where two packs differ."""
        return differences(self._find(before).pack, self._find(after).pack)

    def preview(self, ref: str | None, prompts: Sequence[Prompt]) -> list[PreviewRow]:
        """Judge prompts without a pack and with it."""
        state = self._shelf.state()
        grants = self._in_force.grants(state)
        present = self._kept_in_force(state)
        if ref is None:
            pack = None
            before, after = [kept for kept in present if kept.pack.id in ALWAYS_ON], present
        else:
            kept = self._find(ref)
            pack = kept.pack
            check_evaluators(pack, self._evaluators)
            before = [each for each in present if each.pack.id != pack.id]
            after = [*before, kept]
        if not prompts:
            packs = [pack] if pack else [kept.pack for kept in present]
            cases = [case for each in packs for case in each.tests]
            prompts = [Prompt(text=case.text, role=case.role, image=case.image) for case in cases]
        return preview(compose(before, grants), compose(after, grants), self._evaluators, prompts)

    def replay(self, record: TurnRecord, drafts: Iterable[str] = ()) -> Replay:
        """Judge a stored turn again, by the packs of its time."""
        turn, path = record.turn, list[TurnRecord]()
        if turn.parent_id is not None:
            path = self._store.branch(turn.conversation_id, turn.parent_id)
        turn = turn.model_copy(update={"earlier": earlier_questions(path)})
        return replay(record.model_copy(update={"turn": turn}), drafts, self._shelf, self._evaluators)

    # Inside

    def _test(self, kept: Kept) -> PackTests:
        others = [self._shelf.bundled(pack_id).pack for pack_id in BUNDLED if pack_id != kept.pack.id]
        report = run_pack_tests(kept.pack, self._evaluators, others)
        return PackTests(
            pack=kept.pack.id,
            version=kept.pack.version,
            sha256=kept.sha256,
            cases=len(report.results),
            failures=tuple(map(str, report.failures)),
        )

    def _summary(self, state: ShelfState, pack_id: str, grants: Sequence[PackGrant]) -> PackSummary:
        digest = state.enabled.get(pack_id)
        standing = "always on" if pack_id in ALWAYS_ON else "enabled" if digest else "off"
        bundled = pack_id in BUNDLED
        versions = state.versions.get(pack_id, ())
        try:
            kept = self._shelf.in_force(state, pack_id)
        except PackError as error:
            version = self._version_of(state, pack_id, digest) if digest else versions[-1].version if versions else "?"
            return PackSummary(
                id=pack_id,
                state=standing,
                bundled=bundled,
                version=version,
                sha256=digest or "",
                versions=versions,
                problem=str(error),
            )
        pack = kept.pack
        return PackSummary(
            id=pack_id,
            state=standing,
            bundled=bundled,
            version=pack.version,
            sha256=kept.sha256,
            title=pack.title,
            domain=pack.domain,
            principles=len(pack.principles),
            tests=len(pack.tests),
            versions=versions,
            asked_for=tuple(sorted({override.rule for override in pack.overrides})),
            grants=tuple(
                each
                for each in grants
                if each.pack == pack_id and any(digest_of(override) == each.digest for override in pack.overrides)
            ),
        )

    def _kept_in_force(self, state: ShelfState) -> list[Kept]:
        names = [*ALWAYS_ON, *(name for name in state.enabled if name not in ALWAYS_ON)]
        return [self._shelf.in_force(state, name) for name in names]

    def _path_of(self, ref: str) -> Path | None:
        """The path that a ref is; ``None`` where it names a pack that is kept."""
        name, _, _ = ref.partition("@")
        return None if is_pack_id(name) else Path(ref)

    def _find(self, ref: str) -> Kept:
        path = self._path_of(ref)
        if path is not None:
            data = read_pack_file(path)
            return Kept(pack=parse_pack(data, name=ref), sha256=sha256_of(data))
        name, _, version = ref.partition("@")
        state = self._shelf.state()
        return self._shelf.version(state, name, version) if version else self._shelf.in_force(state, name)

    def _version_of(self, state: ShelfState, pack_id: str, digest: str) -> str:
        for each in state.versions.get(pack_id, ()):
            if each.sha256 == digest:
                return each.version
        return digest[:12]
