"""A person accepts drafts: everything is checked once more, and only then is anything installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from assistant.errors import InputError
from assistant.packs import PackChange, PackKeeper, PackSummary
from assistant_redteam.folder import Waiting, read_drafts

SHOWN = 5


def accept(keeper: PackKeeper, folder: Path, who: str) -> list[PackChange]:
    """Install the drafts of a run and put them in force; each change has a leaf in the audit log.

    A draft of an enabled pack takes its place, and a new pack of additions is enabled. Where one draft cannot be
    accepted, none is.

    Args:
        keeper: of the packs.
        folder: the one that `--out` named.
        who: the person who accepts.

    Returns:
        The changes, in order.

    Raises:
        InputError: the folder cannot be used; a pack is another one by now; the linter finds an error; a test case does
            not hold, which is then named.
        GlassboxError: the pack cannot be read or installed.
    """
    waiting = read_drafts(folder)
    there = {each.id: each for each in keeper.summaries()}
    for each in waiting:
        _must_be_fit(keeper, each, there.get(each.entry.pack))
    changes: list[PackChange] = []
    for each in waiting:
        before = there.get(each.entry.pack)
        added = keeper.add(str(each.path), who)
        changes.append(added)
        if before is None or before.state == "enabled":
            changes.append(keeper.enable(added.pack, added.version, who))
    return changes


def _must_be_fit(keeper: PackKeeper, each: Waiting, now: PackSummary | None) -> None:
    entry, ref = each.entry, str(each.path)
    if (now.sha256 if now else "") != entry.base_sha256:
        is_now = f"it is {now.version} now" if now else "it is gone"
        drafted = f"version {entry.base_version}" if entry.base_sha256 else "nothing"
        raise InputError(
            f"The draft of {entry.pack} was made from {drafted}; {is_now}.", hint="Run `assistant redteam` again."
        )
    stamp, _ = keeper.show(ref)
    if stamp.id != entry.pack:
        raise InputError(f"{each.path}: expected the pack {entry.pack}; came {stamp.id}.")
    if stamp.version == entry.base_version:
        raise InputError(f"{each.path}: expected a version above {stamp.version}.", hint=f"Write {entry.version}.")
    errors = [problem.message for problem in keeper.lint([ref]) if problem.level == "error"]
    _reject(entry.pack, errors, lambda count: f"the linter finds {count} errors")
    tests = keeper.test(ref)
    _reject(entry.pack, tests.failures, lambda count: f"{count} of its {tests.cases} test cases do not hold")


def _reject(pack: str, reasons: Sequence[str], what: Callable[[int], str]) -> None:
    if reasons:
        shown = "\n".join(reasons[:SHOWN])
        raise InputError(f"The draft of {pack} is rejected, {what(len(reasons))}:\n{shown}")
