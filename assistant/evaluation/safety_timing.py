"""How long each evaluator takes in a check. The trace of a turn has the time of a whole hook; this looks inside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from assistant.evaluation.rows import spread
from assistant.evaluation.safety_judging import judge_row
from assistant.evaluation.safety_rows import SafetyRow
from assistant.evaluators import Evaluator, Finding, Subject
from assistant.messages import TurnSettings

if TYPE_CHECKING:
    from assistant.runtime import Runtime

TIMED_ROWS = 300
"""So many rows are checked once more, with a clock around every evaluator: the clock would slow all of them down."""


class _Timed:
    """An evaluator with a clock."""

    def __init__(self, inner: Evaluator, spent: dict[str, float]) -> None:
        self.name = inner.name
        self._inner = inner
        self._spent = spent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        begin = perf_counter()
        try:
            return self._inner.evaluate(subject, options)
        finally:
            self._spent[self.name] += 1000 * (perf_counter() - begin)


def time_evaluators(runtime: Runtime, rows: Sequence[SafetyRow], settings: TurnSettings) -> dict[str, list[float]]:
    """Milliseconds that each evaluator spends in one check, over all rules that use it.

    Args:
        runtime: with the packs that are in force.
        rows: at most `TIMED_ROWS` of them are checked, spread evenly.
        settings: further packs.

    Returns:
        By name of the evaluator, one number for each check in which a rule used it.
    """
    times: dict[str, list[float]] = defaultdict(list)
    with _clocks(runtime) as spent:
        for at in spread(len(rows), TIMED_ROWS):
            spent.clear()
            judge_row(runtime, rows[at], settings)
            for name, milliseconds in spent.items():
                times[name].append(milliseconds)
    return dict(sorted(times.items()))


@contextmanager
def _clocks(runtime: Runtime) -> Generator[dict[str, float]]:
    """A clock around every evaluator of the house, taken off afterwards."""
    spent: dict[str, float] = defaultdict(float)
    evaluators = cast("dict[str, Evaluator]", runtime.host.evaluators)
    plain = dict(evaluators)
    try:
        for name, evaluator in plain.items():
            evaluators[name] = cast("Evaluator", _Timed(evaluator, spent))
        yield spent
    finally:
        evaluators.update(plain)
