"""From an overturned refusal to a test case: the question stands in its pack's tests as one that is to be allowed.

A pack that was added gets a new version with the case. Where the case holds, that version takes the place of the one in
force; where it does not, it is a draft in a file, and nothing changes until a person has mended the rule. A pack that
comes with the program is not replaced: its case goes into a pack of exceptions to it, with an exception for these very
words, which has no effect until an operator grants it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assistant.errors import GlassboxError
from assistant.messages import Appeal, TurnRecord
from assistant.pack_text import NewCase, bumped, cases_of, with_cases, with_items, with_version
from assistant.packs import PackKeeper, PackSummary, Prompt
from assistant.verdicts import Frozen

if TYPE_CHECKING:
    from assistant.runtime import Runtime

DRAFTS = "pack-drafts"
"""The folder inside the data folder where drafts lie."""
SUFFIX = "-exceptions"
"""The exceptions to `core` are the pack `core-exceptions`."""
LONGEST_CASE = 2_000
"""Characters in the text of a test case."""
WORDS = 30
"""So many words of a question stand at most in a drafted exception."""


class WrittenCase(Frozen):
    """What became of the test case of an overturned refusal.

    ``enabled``: in a new version that is in force. ``added``: in a new version that is kept and not in force.
    ``draft``: in the file ``path``, because the cases in ``failures`` do not hold. ``none``: nowhere; ``message`` says
    why.
    """

    state: Literal["enabled", "added", "draft", "none"]
    pack: str = ""
    version: str = ""
    path: str = ""
    failures: tuple[str, ...] = ()
    message: str


def write_case(runtime: Runtime, appeal: Appeal, record: TurnRecord, who: str) -> WrittenCase:
    """Write the question of a refusal into the tests of the pack that refused it.

    Cases of the same pack that were overturned earlier and are not in its tests yet come with it.

    Raises:
        GlassboxError: the pack cannot be read or the draft not be written.
    """
    missing = _why_none(record)
    if missing:
        return WrittenCase(state="none", message=missing)
    keeper = runtime.packs
    there = {each.id: each for each in keeper.summaries()}
    pack = there.get(appeal.pack)
    if pack is None:
        return WrittenCase(
            state="none",
            message=f"No test case was written: the rule {appeal.rule} is of {appeal.pack}, which is no pack that is "
            "kept here.",
        )
    cases = _cases(runtime, appeal)
    folder = runtime.settings.data_dir / DRAFTS
    if pack.bundled:
        return _exception(keeper, there, pack, appeal, cases, folder, who)
    return _revision(keeper, pack, cases, folder, who)


def _why_none(record: TurnRecord) -> str:
    refusal = record.refusal
    text = record.turn.question.text.strip()
    if refusal is None or refusal.cause == "check_failed":
        return "No test case was written: a check could not run, and no rule was at fault."
    if refusal.stage == "answer":
        return "No test case was written: the drafted answer was refused, and no word of it is kept."
    if refusal.regions:
        return "No test case was written: what stands in the picture decided, and a test case holds words alone."
    if not text or len(text) > LONGEST_CASE:
        return f"No test case was written: it holds 1 to {LONGEST_CASE:,} characters; the question has {len(text):,}."
    return ""


def _cases(runtime: Runtime, appeal: Appeal) -> list[NewCase]:
    """The case of this appeal, and those of earlier overturned ones against the same pack."""
    found: dict[str, NewCase] = {}
    for each in runtime.store.appeals("overturned"):
        if each.pack != appeal.pack:
            continue
        record = runtime.store.turn(each.turn_id)
        if not _why_none(record):
            text = record.turn.question.text.strip()
            found[text] = NewCase(text, "allow", each.rule)
    return list(found.values())


def _revision(keeper: PackKeeper, pack: PackSummary, cases: Sequence[NewCase], folder: Path, who: str) -> WrittenCase:
    """A new version of a pack that was added."""
    base = keeper.source(pack.id)
    fresh = _not_in(base, cases)
    if not fresh:
        return WrittenCase(
            state="added",
            pack=pack.id,
            version=pack.version,
            message=f"The question is in the tests of {pack.id} {pack.version} already.",
        )
    version = _next_version(pack)
    source = with_version(with_cases(base, fresh), version)
    path, failures = _kept(keeper, folder, pack.id, version, source, who)
    if failures:
        hint = (
            f"# A draft, not in force. It is {pack.id} {pack.version} with test cases of overturned refusals; as long "
            "as a case does not hold, mend its rule\n# (a narrower pattern, or an exception). Then type, in turn:\n"
            f"#   assistant packs test {path}\n#   assistant packs add {path}\n"
            f"#   assistant packs enable {pack.id}\n"
        )
        path.write_text(hint + source, encoding="utf-8")
        message = (
            f"The rules of {pack.id} are as they were, and would refuse the question again: {failures[0]} "
            f"Draft {version} with the new test case: {path}. Mend the rule in it, then type: "
            f"assistant packs add {path} && assistant packs enable {pack.id}"
        )
        return _draft(pack.id, version, path, failures, message)
    state: Literal["enabled", "added"] = "added"
    message = f"{pack.id} {version} has the question as a test case, which holds; it is kept, and not in force."
    if pack.state == "enabled":
        keeper.enable(pack.id, version, who)
        state = "enabled"
        message = f"{pack.id} {version} is in force: the same rules, with the question as a test case, which holds."
    return WrittenCase(state=state, pack=pack.id, version=version, message=message)


def _exception(
    keeper: PackKeeper,
    there: dict[str, PackSummary],
    pack: PackSummary,
    appeal: Appeal,
    cases: Sequence[NewCase],
    folder: Path,
    who: str,
) -> WrittenCase:
    """A new version of the pack of exceptions to a pack that comes with the program."""
    if _held(keeper, cases, appeal):
        return WrittenCase(
            state="none",
            pack=pack.id,
            version=pack.version,
            message=f"No test case was needed: {pack.id} {pack.version} lets the question pass by now.",
        )
    target = pack.id[: 64 - len(SUFFIX)] + SUFFIX
    before = there.get(target)
    base = keeper.source(target) if before else _new_exceptions(pack, target)
    fresh = _not_in(base, cases)
    version = _next_version(before) if before else "1.0.0"
    source = with_items(base, "overrides", [_override(each, pack.id) for each in fresh])
    source = with_version(with_cases(source, fresh), version)
    path, failures = _kept(keeper, folder, target, version, source, who)
    how = (
        f"assistant packs enable {target} && assistant packs grant {target} {appeal.rule} --reason "
        f"{json.dumps('appeal ' + appeal.id[:8])}"
    )
    if failures:
        message = (
            f"{pack.id} comes with the program and stays as it is: the question would be refused again. "
            f"A pack of exceptions to it is drafted, and does not hold yet: {failures[0]} Mend {path}, then type: "
            f"assistant packs add {path} && {how}"
        )
        return _draft(target, version, path, failures, message)
    return WrittenCase(
        state="added",
        pack=target,
        version=version,
        message=f"{pack.id} comes with the program and stays as it is: the question would be refused again. {target} "
        f"{version} has it as a test case, with an exception for these very words; it has no effect yet. To let it, "
        f"switch it on and grant the exception under “Packs” on the page, or type: {how}",
    )


def _kept(
    keeper: PackKeeper, folder: Path, pack: str, version: str, source: str, who: str
) -> tuple[Path, Sequence[str]]:
    """Add a new version of a pack where its test cases hold; else leave it in the folder of drafts.

    Returns:
        The file of the draft, and the cases that do not hold; where there is none, the file is gone.
    """
    path = _put(folder, f"{pack}-{version}", source)
    failures = _failures(keeper, path)
    if not failures:
        keeper.add(str(path), who)
        path.unlink(missing_ok=True)
    return path, failures


def _draft(pack: str, version: str, path: Path, failures: Sequence[str], message: str) -> WrittenCase:
    return WrittenCase(
        state="draft", pack=pack, version=version, path=str(path), failures=tuple(failures), message=message
    )


def _held(keeper: PackKeeper, cases: Sequence[NewCase], appeal: Appeal) -> bool:
    """Whether the pack, as it stands, lets every one of these questions pass."""
    rows = keeper.preview(appeal.pack, [Prompt(text=each.text) for each in cases])
    return all(row.with_pack.rule != each.rule for row, each in zip(rows, cases, strict=True))


def _not_in(source: str, cases: Sequence[NewCase]) -> list[NewCase]:
    known = {(each.text, each.expect) for each in cases_of(source)}
    return [each for each in cases if (each.text, each.expect) not in known]


def _next_version(pack: PackSummary) -> str:
    taken = {pack.version, *(each.version for each in pack.versions)}
    version = bumped(pack.version)
    while version in taken:
        version = bumped(version)
    return version


def _new_exceptions(pack: PackSummary, target: str) -> str:
    title = json.dumps(f"Exceptions to {pack.title}", ensure_ascii=False)
    return (
        f"# Exceptions to rules of the pack {pack.id}, from refusals that a reviewer overturned. Each holds for any\n"
        "# question in which its words stand: read it twice. It has no effect until an operator grants it.\n"
        f'id: {target}\nversion: "0.0.0"\ntitle: {title}\n'
        f"domain: {json.dumps(pack.domain, ensure_ascii=False)}\nlicence: CC0-1.0\n\nprinciples: []\n"
    )


def _override(case: NewCase, pack: str) -> str:
    because = f"A reviewer overturned a refusal of these words by {case.rule} of {pack}."
    phrase = " ".join(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", case.text)[:WORDS])
    words = json.dumps(phrase, ensure_ascii=False)
    return (
        f"rule: {case.rule}\nbecause: {json.dumps(because, ensure_ascii=False)}\nwhen:\n"
        f"  - {{name: lexical, options: {{patterns: [{{any_of: [{words}]}}]}}}}"
    )


def _failures(keeper: PackKeeper, path: Path) -> Sequence[str]:
    try:
        return keeper.test(str(path)).failures
    except GlassboxError as error:
        return [str(error)]


def _put(folder: Path, name: str, source: str) -> Path:
    """Write a draft into a file that is not there yet.

    Raises:
        GlassboxError: the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = 1
        while True:
            path = folder / (f"{name}.yaml" if number == 1 else f"{name}-{number}.yaml")
            try:
                with path.open("x", encoding="utf-8") as opened:
                    opened.write(source)
            except FileExistsError:
                number += 1
            else:
                return path
    except OSError as error:
        raise GlassboxError(
            f"The draft cannot be written into {folder}: {error.strerror or error}.", hint="Free some space."
        ) from error
