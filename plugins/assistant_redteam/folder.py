"""The folder of a red team run: the report, and the drafts that wait for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.errors import InputError
from assistant_redteam.drafting import Draft
from assistant_redteam.report import AttackReport, as_page, plain

REPORT, PAGE, DRAFTS = "report.json", "report.md", "drafts.json"
MAX_BYTES = 10_000_000
HOW_TO_ACCEPT = (
    "In {file}, with a test case for each line. A term also counts in harmless sentences that no test case holds: read "
    "each, strike what you doubt out of the file, then type `assistant redteam accept {folder}`."
)


class DraftEntry(BaseModel):
    """What stands about a draft in drafts.json. ``base_sha256`` is the hash of the pack that it was drafted from, empty
    for a new pack; ``file`` lies in the same folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pack: str
    base_version: str
    base_sha256: str
    version: str
    file: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A draft that waits for a person: what is said about it, and where its file is."""

    entry: DraftEntry
    path: Path


def must_be_empty(folder: Path) -> None:
    """Make sure that nothing of an earlier run is overwritten, and make the folder.

    Raises:
        InputError: it is a file, holds something, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"The folder {folder} is not empty.", hint="Name another one with --out.")
    except OSError as error:
        reason = "it is a file" if folder.is_file() else error.strerror or error
        raise InputError(f"The folder {folder} cannot be used: {reason}.", hint="Name another one.") from error


def write_folder(folder: Path, report: AttackReport, drafts: Sequence[Draft], hashes: dict[str, str]) -> None:
    """Write the report and the drafts.

    Args:
        folder: from `must_be_empty`.
        report: what was found.
        drafts: those without a kept change leave no file.
        hashes: the hash of each pack as it stands, by id.

    Raises:
        InputError: something cannot be written.
    """
    entries: list[dict[str, Any]] = []
    try:
        for draft in drafts:
            if not draft.changed:
                continue
            file = f"{draft.pack}.yaml"
            (folder / file).write_text(draft.source, encoding="utf-8")
            base = hashes.get(draft.pack, "")
            entry = DraftEntry(
                pack=draft.pack, base_version=draft.base_version, base_sha256=base, version=draft.version, file=file
            )
            entries.append(entry.model_dump())
        data = {**report.to_json(), "drafts": drafts_as_json(drafts)}
        (folder / REPORT).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        (folder / PAGE).write_text(as_page(report, _as_markdown(folder, drafts)), encoding="utf-8")
        (folder / DRAFTS).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.", hint="Name another one.") from error


def read_drafts(folder: Path) -> list[Waiting]:
    """The drafts of a run.

    Raises:
        InputError: the folder is not one of a run, nothing waits in it, or a file of it is not there.
    """
    file = folder / DRAFTS
    try:
        with file.open("rb") as opened:
            values = json.loads(opened.read(MAX_BYTES))
        if not isinstance(values, list):
            raise ValueError("expected a list")
        entries = [DraftEntry.model_validate(value) for value in values]
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror or error}.", hint="Name the folder that --out named."
        ) from error
    except (ValueError, RecursionError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise InputError(f"{file} is not what `assistant redteam --out` writes: {reason}.") from error
    if not entries:
        raise InputError(f"{folder} holds no draft: nothing that got through could be mended with words.")
    waiting: list[Waiting] = []
    for entry in entries:
        path = folder / entry.file
        if Path(entry.file).name != entry.file or not path.is_file() or path.is_symlink():
            raise InputError(f"{path} is not there, or is no file of this folder.", hint="Put it back, or run again.")
        waiting.append(Waiting(entry, path))
    return waiting


def drafts_as_json(drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    """The drafts as plain data, without the text of their files."""
    return [
        {
            "pack": draft.pack,
            "base_version": draft.base_version,
            "version": draft.version,
            "changed": draft.changed,
            "failing": list(draft.failing),
            "proposals": [asdict(proposal) for proposal in draft.proposals],
        }
        for draft in drafts
    ]


def _as_markdown(folder: Path, drafts: Sequence[Draft]) -> str:
    lines = ["## Drafted revisions", ""]
    if not any(draft.changed for draft in drafts):
        lines += ["None: nothing that got through could be mended with words.", ""]
    for draft in drafts:
        kept = [proposal for proposal in draft.proposals if proposal.kept]
        rejected = [proposal for proposal in draft.proposals if proposal.terms and not proposal.kept]
        rest = len(draft.proposals) - len(kept) - len(rejected)
        if kept:
            origin = f"from {draft.base_version}" if draft.base_version else "new"
            lines += [
                f"### {draft.pack} {draft.version}, {origin}",
                "",
                HOW_TO_ACCEPT.format(file=f"{draft.pack}.yaml", folder=plain(folder.name).strip("`")),
                "",
                "| rule | new terms (list: term) | the request that it now refuses |",
                "| --- | --- | --- |",
            ]
            for proposal in kept:
                terms = ", ".join(f"{name}: {term}" for name, term in proposal.terms) or "those above"
                lines.append(f"| {proposal.rule} | {terms} | {plain(proposal.text)} |")
            lines.append("")
        if rejected:
            lines += [f"Rejected for {draft.pack}, because a test case stands against it:", ""]
            for proposal in rejected:
                terms = ", ".join(f"{name}: {term}" for name, term in proposal.terms)
                lines.append(f"- {proposal.rule}, {terms}: {plain(proposal.why)}")
            lines.append("")
        if draft.failing and draft.changed:
            lines += [f"These cases of {draft.pack} do not hold even without a change; mend them first:", ""]
            lines += [*(f"- {plain(failure)}" for failure in draft.failing), ""]
        if rest:
            lines += [f"{rest:,} that got through {draft.pack} are out of reach of its lists of words.", ""]
    return "\n".join(lines)
