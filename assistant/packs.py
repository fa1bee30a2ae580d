"""Who keeps the constitution packs: what the command line and the page ask of the plugin that does.

The core knows no pack. The plugin that keeps them registers a `PackKeeper` in
`assistant.Host.pack_keepers` at startup; `assistant.runtime.Runtime.packs` hands it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import Field

from assistant.messages import PackStamp, TurnRecord
from assistant.verdicts import Action, Frozen


class PackVersion(Frozen):
    """One version of a pack that is kept. ``sha256`` is over its file; ``added_at`` is ``None`` for a bundled one."""

    version: str
    sha256: str
    added_at: datetime | None = None


class PackGrant(Frozen):
    """An operator's leave for a pack to add its exception to a rule of another pack.

    ``digest`` is over the exception as it was granted: another one needs another grant.
    """

    pack: str
    rule: str
    digest: str
    reason: str
    who: str
    at: datetime


class PackSummary(Frozen):
    """One pack as it stands. ``asked_for`` are the rules of other packs to which it wants to add an exception, and
    ``grants`` those that it may. ``problem`` says why it cannot be used, where it cannot."""

    id: str
    state: Literal["always on", "enabled", "off"]
    bundled: bool
    version: str
    sha256: str
    title: str = ""
    domain: str = ""
    principles: int = 0
    tests: int = 0
    versions: tuple[PackVersion, ...] = ()
    asked_for: tuple[str, ...] = ()
    grants: tuple[PackGrant, ...] = ()
    problem: str = ""


class PackProblem(Frozen):
    """One finding of the linter. An ``error`` keeps a pack from being enabled; a ``note`` is no mistake. ``rules`` are
    "pack:rule"; ``witness`` is a text that shows how two rules differ."""

    level: Literal["error", "warning", "note"]
    code: str
    rules: tuple[str, ...]
    message: str
    witness: str = ""


class PackTests(Frozen):
    """What became of a pack's own test cases; ``failures`` say what was expected and what came."""

    pack: str
    version: str
    sha256: str
    cases: int
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every case holds."""
        return not self.failures


class PackChange(Frozen):
    """A change that was made, with the leaf of the audit log that says so; no leaf where all was so already."""

    change: Literal["add", "remove", "enable", "disable", "rollback", "grant", "revoke"]
    pack: str
    version: str
    sha256: str
    before: str = ""
    """The version that was in force until now; empty where none was."""
    leaf: int | None = None
    leaf_hash: str = ""


class PackDifference(Frozen):
    """One field in which two packs differ. ``place`` is "pack", "principle ID", "override RULE" or "tests"."""

    kind: Literal["added", "removed", "changed"]
    place: str
    field: str = ""
    before: Any = None
    after: Any = None


class Prompt(Frozen):
    """A text to try: a question, or with ``role="assistant"`` an answer. ``image``: a picture comes with it."""

    text: str
    role: Literal["user", "assistant"] = "user"
    image: bool = False


class Decision(Frozen):
    """What packs decide about a text: the strongest action, and the rule behind it."""

    action: Action = "allow"
    rule: str = ""
    pack: str = ""
    score: float | None = None


class PreviewRow(Frozen):
    """One prompt, judged without a pack and with it."""

    text: str
    role: Literal["user", "assistant"]
    without: Decision
    with_pack: Decision

    @property
    def changed(self) -> bool:
        """Whether the pack makes a difference."""
        return self.without.action != self.with_pack.action or self.without.rule != self.with_pack.rule


class Replay(Frozen):
    """Whether a stored turn, judged again by the packs of its time, gets the same verdicts. ``differences`` say where
    it does not."""

    turn: str
    same: bool
    decided_by: str = ""
    packs: tuple[PackStamp, ...] = ()
    verdicts: int = Field(default=0, ge=0)
    differences: tuple[str, ...] = ()


class PackKeeper(Protocol):
    """Keeps the packs. ``who`` is the person that makes a change. A ``ref`` is an id, an id with a version
    (``parking@1.0.0``), or the path of a file or folder that has not been added.

    Every method may raise `assistant.errors.GlassboxError` with a sentence that says what is wrong.
    """

    def summaries(self) -> Sequence[PackSummary]:
        """Every pack that there is, by id."""
        ...

    def problem(self) -> str:
        """What is wrong with the list of packs itself; empty where it is as the audit log says."""
        ...

    def show(self, ref: str) -> tuple[PackStamp, dict[str, Any]]:
        """A pack's stamp and its content as data."""
        ...

    def source(self, ref: str) -> str:
        """The file of a pack, as it was written."""
        ...

    def add(self, path: str, who: str) -> PackChange:
        """Take a copy of a pack. Nothing is executed and nothing enabled; older versions are kept."""
        ...

    def remove(self, pack_id: str, who: str) -> PackChange:
        """Forget a pack that is not enabled. Its files are kept, so that turns of the past can be replayed."""
        ...

    def enable(self, pack_id: str, version: str | None, who: str) -> PackChange:
        """Apply a pack to every further question. The linter must find no error, and its own tests must pass."""
        ...

    def disable(self, pack_id: str, who: str) -> PackChange:
        """Apply a pack no more."""
        ...

    def rollback(self, pack_id: str, who: str) -> PackChange:
        """Put the version in force that was before the present one."""
        ...

    def grant(self, pack_id: str, rule: str, reason: str, who: str) -> PackChange:
        """Let a pack add its exception to a rule of another pack."""
        ...

    def revoke(self, pack_id: str, rule: str, reason: str, who: str) -> PackChange:
        """Take a grant back."""
        ...

    def test(self, ref: str) -> PackTests:
        """Run a pack's own test cases."""
        ...

    def lint(self, refs: Sequence[str]) -> Sequence[PackProblem]:
        """Look for what is wrong in packs and between them and the enabled ones; without refs, in those in force."""
        ...

    def diff(self, before: str, after: str) -> Sequence[PackDifference]:
        """Where two packs differ, principle by principle and field by field."""
        ...

    def preview(self, ref: str | None, prompts: Sequence[Prompt]) -> Sequence[PreviewRow]:
        """Judge prompts without a pack and with it; without prompts, the texts of its own tests. Nothing is kept.

        Without a ``ref``, "with" is by the packs in force, and "without" by those that are always on.
        """
        ...

    def replay(self, record: TurnRecord, drafts: Iterable[str] = ()) -> Replay:
        """Judge a stored turn again, by the packs of its time.

        Args:
            record: the turn.
            drafts: the answer as far as it had come, longer and longer: a refused answer is not stored, and the model
                has to write it again.
        """
        ...
