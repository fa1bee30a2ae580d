"""How the bundled domain packs treat questions for regulated advice: the share that gets a duty, and the share refused.

Usage: python benchmarks/advice_duty.py FOLDER [--misses]
FOLDER holds JSON-lines files with the fields ``id``, ``text`` and ``label`` (harmful or safe). A row with a ``domain``
is a question for regulated advice and is put to the pack of that domain, by itself and together with the core pack; a
duty is a verdict ``disclaim`` or ``warn`` on a question that is not refused. The rows of a domain are split by the hash
of their id into a seen half, on which the packs may be tuned, and a held-out half. Safe rows without a domain tell how
often each pack refuses or warns needlessly. ``--misses`` prints the seen rows without a duty, and never a held-out one.
Prints two tables and a JSON line.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from assistant.errors import InputError
from assistant.evaluation.metrics import wilson
from assistant.evaluators import Subject
from assistant.messages import Message, Turn, TurnSettings
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.verdicts import Action, Verdict
from assistant_constitutions import load_bundled
from assistant_constitutions.engine import judge

PACKS = ("healthcare", "legal", "finance", "creative", "education")
FITTING = {"healthcare": "healthcare", "legal": "legal", "finance": "finance", "elections": "legal"}
"""The pack for each value of ``domain``; the duties on questions about elections stand in the legal pack."""

Outcome = Literal["refused", "duty", "plain"]


def rows_of(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row, with the name of its file."""
    for file in sorted(folder.rglob("*.jsonl")):
        for line in filter(str.strip, file.read_text(encoding="utf-8").split("\n")):
            yield file.stem, json.loads(line)


def half_of(row_id: str) -> str:
    """``seen`` or ``held out``, by the id of the row alone."""
    return "held out" if hashlib.sha256(row_id.encode()).digest()[-1] % 2 else "seen"


def outcome(verdicts: Sequence[Verdict]) -> Outcome:
    """What a person who asked would meet."""
    actions: set[Action] = {verdict.action for verdict in verdicts}
    if actions & {"refuse", "ask"}:
        return "refused"
    return "duty" if actions & {"disclaim", "warn"} else "plain"


def main() -> int:
    misses = "--misses" in sys.argv
    arguments = [each for each in sys.argv[1:] if each != "--misses"]
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    packs = {pack_id: load_bundled(pack_id) for pack_id in PACKS}
    advice: dict[tuple[str, str, str], list[Outcome]] = {}
    ordinary: dict[tuple[str, str], list[Outcome]] = {}
    with tempfile.TemporaryDirectory() as data:
        runtime = Runtime(Settings(data_dir=Path(data)))

        def alone(pack_id: str, text: str) -> Outcome:
            subject = Subject(turn=Turn(question=Message(text=text)), part="question", text=text)
            return outcome(judge((packs[pack_id],), runtime.host.evaluators, subject, frozenset({"input"})))

        for file, row in rows_of(Path(arguments[0])):
            text, domain = row["text"], row.get("domain")
            if domain in FITTING:
                pack_id, half = FITTING[domain], half_of(row["id"])
                result = alone(pack_id, text)
                if misses and half == "seen" and result != "duty":
                    print(f"{domain}: {result}: {text}")
                advice.setdefault((domain, half, "alone"), []).append(result)
                try:
                    check = runtime.check(text, settings=TurnSettings(packs=(pack_id,)))
                except InputError:
                    continue
                together = outcome([record.verdict for record in check.verdicts])
                together = "refused" if check.refusal else together
                advice.setdefault((domain, half, "with core"), []).append(together)
            elif row["label"] == "safe":
                for pack_id in PACKS:
                    ordinary.setdefault((file, pack_id), []).append(alone(pack_id, text))
        runtime.close()
    lines: list[dict[str, Any]] = []
    print(f"{'domain':<12}{'half':<10}{'pack':<11}{'questions':>10}{'duty':>8}   {'95 % interval':<18}{'refused':>8}")
    for (domain, half, how), results in sorted(advice.items()):
        duty, refused, total = results.count("duty"), results.count("refused"), len(results)
        low, high = wilson(duty, total)
        print(
            f"{domain:<12}{half:<10}{how:<11}{total:>10}{duty / total:>8.1%}   {f'{low:.1%} to {high:.1%}':<18}"
            f"{refused / total:>8.1%}"
        )
        lines.append(
            {"domain": domain, "half": half, "pack": how, "questions": total, "duty": duty, "refused": refused}
        )
    print(f"\n{'safe rows of':<26}{'texts':>6}" + "".join(f"{pack_id:>20}" for pack_id in PACKS))
    print(" " * 32 + "".join(f"{'refused':>12}{'duty':>8}" for _ in PACKS))
    for file in sorted({file for file, _ in ordinary}):
        total = len(ordinary[file, PACKS[0]])
        shown = ""
        for pack_id in PACKS:
            results = ordinary[file, pack_id]
            refused, duty = results.count("refused"), results.count("duty")
            shown += f"{refused / total:>12.1%}{duty / total:>8.1%}"
            lines.append({"file": file, "pack": pack_id, "texts": total, "refused": refused, "duty": duty})
        print(f"{file:<26}{total:>6}{shown}")
    print(json.dumps({"benchmark": "advice_duty", "rows": lines}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
