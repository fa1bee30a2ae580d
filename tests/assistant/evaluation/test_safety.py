"""The rules measured on small folders, with rules that do what the text says."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant import Rule, Turn, Verdict, hookimpl
from assistant.errors import InputError
from assistant.evaluation.safety import evaluate
from assistant.evaluation.safety_figure import SafetyFigure, count_tokens, poisson_interval
from assistant.evaluation.safety_judging import risk_of
from assistant.evaluation.safety_report import SafetyReport, as_text, problem_lines
from assistant.evaluation.safety_rows import MAX_LINE, read_folder
from assistant.evaluators import Subject
from assistant.runtime import Runtime
from assistant.testing import make_runtime, picture

Write = Callable[..., Path]


def rule(pack: str) -> Rule:
    return Rule(id=f"{pack}.words", title="Words", text="A rule of the test.", pack=pack, pack_version="1.0")


class Obedient:
    """Gives the score that the text names ("score 0.8"); refuses from 0.5 on. Further words do further things."""

    def __init__(self) -> None:
        self.calls = 0

    @hookimpl(on_failure="closed")
    def before_turn(self, turn: Turn) -> list[Verdict]:
        self.calls += 1
        words = turn.question.text.split()
        found: list[Verdict] = []
        if "broken" in words:
            raise ValueError("the check is broken")
        if "score" in words:
            score = float(words[words.index("score") + 1])
            action = "refuse" if score >= 0.5 else "allow"
            found.append(Verdict(action=action, rule=rule("core"), score=score, threshold=0.5))
        if "duty" in words:
            found.append(Verdict(action="warn", rule=rule("legal"), message="Ask a lawyer.", score=0.9, threshold=0.5))
        if "illegal" in words:
            found.append(Verdict(action="refuse", rule=rule("legal")))
        if "fickle" in words and self.calls % 2:
            found.append(Verdict(action="refuse", rule=rule("core")))
        if "picture" in words and turn.images:
            found.append(Verdict(action="refuse", rule=rule("core")))
        return found


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    made = make_runtime(tmp_path / "data", plugins=[("obedient", Obedient())])
    made.host.packs.update({"core": "1.0", "legal": "1.0"})
    yield made
    made.close()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows into a file below the folder ``suite`` and returns that folder."""

    def write(rows: list[Any], name: str = "some.jsonl") -> Path:
        file = tmp_path / "suite" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [each if isinstance(each, str) else json.dumps(each) for each in rows]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")
        return tmp_path / "suite"

    return write


def row(row_id: str | int, text: str, label: str, **more: Any) -> dict[str, Any]:
    return {"id": row_id, "text": text, "label": label, **more}


def measure(folder: Path, runtime: Runtime, **options: Any) -> SafetyReport:
    return evaluate(folder, runtime, **options)[0]


def test_shares_are_by_source_and_their_mean_gives_each_source_the_same_weight(runtime: Runtime, write: Write):
    rows = [row(n, "score 0.9", "harmful", source="easy") for n in range(8)]
    rows += [row(n, "score 0.1", "harmful", source="hard") for n in range(8, 10)]
    rows += [row(n, "score 0.2", "safe", source="hard") for n in range(10, 14)]
    rows += [row(14, "score 0.6", "safe", source="hard")]
    group = measure(write(rows), runtime).groups["requests"]
    assert (group.sources["easy"].blocked.right, group.sources["easy"].blocked.n) == (8, 8)
    assert group.sources["easy"].refused.share is None
    assert (group.mean_blocked, group.pooled.blocked.share) == (0.5, 0.8)
    assert group.mean_refused == pytest.approx(0.2)
    assert group.f1.balanced == pytest.approx(2 * 0.5 / (1 + 0.5 + 0.2))
    assert group.f1.pooled == pytest.approx(2 * 8 / (2 * 8 + 2 + 1))
    assert group.f1.mean == 0.0  # the one source with both kinds: nothing harmful blocked


def test_folders_below_are_groups_of_their_own(runtime: Runtime, write: Write):
    write([row(1, "score 0.9", "harmful")])
    folder = write([row(1, "score 0.1", "harmful")], "attacks/deep/some.jsonl")
    report = measure(folder, runtime)
    assert {name: group.pooled.blocked.share for name, group in report.groups.items()} == {
        "attacks": 0.0,
        "requests": 1.0,
    }


def test_the_auc_and_the_operating_points_are_those_of_the_risk(runtime: Runtime, write: Write):
    harmful, safe = (0.9, 0.8, 0.4, 0.3), (0.7, 0.35, 0.2, 0.1)
    rows = [row(f"h{score}", f"score {score}", "harmful") for score in harmful]
    rows += [row(f"s{score}", f"score {score}", "safe") for score in safe]
    group = measure(write(rows), runtime).groups["requests"]
    assert group.auc == pytest.approx(sum(a > b for a in harmful for b in safe) / 16)
    half, most, _ = group.operating_points
    assert half.refused is not None
    assert (half.threshold, half.refused.right) == (pytest.approx(0.8), 0)
    assert most.refused is not None
    assert (most.blocked, most.refused.right) == (1.0, 2)


def test_an_operating_point_that_needs_rows_without_risk_is_not_reached(runtime: Runtime, write: Write):
    rows = [row(1, "score 0.9", "harmful"), row(2, "hello", "harmful"), row(3, "score 0.95", "safe")]
    half, most, _ = measure(write(rows), runtime).groups["requests"].operating_points
    assert half.refused is not None
    assert half.refused.share == 1.0
    assert (most.threshold, most.refused) == (None, None)


def test_risk_puts_every_threshold_at_one_half():
    def verdict(action: Any, score: float | None, threshold: float | None = 0.5) -> Verdict:
        return Verdict(action=action, rule=rule("core"), score=score, threshold=threshold)

    assert risk_of([]) == 0.0
    assert risk_of([verdict("refuse", None, None)]) == 1.0
    assert risk_of([verdict("refuse", 0.8, 0.8)]) == 0.5
    assert risk_of([verdict("refuse", 1.0, 1.0)]) == 1.0
    assert risk_of([verdict("allow", 0.4, 0.8)]) == 0.25
    assert 0.499 < risk_of([verdict("allow", 0.9, 0.5)]) < 0.5  # excused
    assert risk_of([verdict("warn", 1.0)]) == 0.0
    assert risk_of([verdict("allow", 0.1), verdict("refuse", 0.75)]) == 0.75


def test_a_duty_that_is_added_is_told_from_a_refusal(runtime: Runtime, write: Write):
    texts = ["may I duty", "illegal duty", "plain"]
    rows = [row(n, text, "safe", domain="legal") for n, text in enumerate(texts)]
    legal = measure(write(rows), runtime).domains["legal"]
    assert (legal.n, legal.within_the_rule.right, legal.refused.right) == (3, 1, 1)
    assert legal.actions == {"allow": 1, "refuse": 1, "warn": 1}


def test_pairs_are_counted_together(runtime: Runtime, write: Write):
    rows = [
        row("a", "score 0.9", "harmful", pair=1),
        row("b", "score 0.1", "safe", pair=1),
        row("c", "score 0.4", "harmful", twin="d"),
        row("d", "score 0.6", "safe", twin="c"),
        row("e", "score 0.9", "safe", pair="alone"),
    ]
    pairs = measure(write(rows), runtime).pairs
    assert pairs is not None
    assert (pairs.pairs, pairs.both_right.right, pairs.told_apart) == (2, 1, 0.5)
    assert (pairs.cell.blocked.n, pairs.cell.refused.n) == (2, 2)


def test_a_verdict_that_changes_with_the_history_is_found(runtime: Runtime, write: Write):
    rows = [row(1, "score 0.9", "harmful"), row(2, "fickle", "harmful"), row(3, "fickle", "harmful")]
    replay = measure(write(rows), runtime).replay
    assert (replay.blocks, replay.names_a_rule.share) == (2, 1.0)
    assert replay.same_again.right == 1  # the third call blocked; asked again as the fourth, it does not


def test_a_check_that_cannot_run_is_no_block(runtime: Runtime, write: Write):
    report = measure(write([row(1, "score 0.9", "harmful"), row(2, "broken", "harmful")]), runtime)
    (problem,) = report.problems
    assert (problem.line, problem.id) == (2, "2")
    assert "not judged" in problem.why
    assert report.groups["requests"].pooled.blocked.n == 1


def test_a_row_that_no_door_would_take_is_named(runtime: Runtime, write: Write):
    folder = write([row(1, "score 0.9", "harmful"), row(2, " ", "safe"), row(3, "x" * 20_001, "safe")])
    report = measure(folder, runtime)
    assert [problem.line for problem in report.problems] == [2, 3]
    assert "20,001" in report.problems[1].why
    assert "line 2" in "\n".join(problem_lines(report))


def test_pictures_come_from_the_folder_of_the_file(runtime: Runtime, write: Write):
    folder = write([row(1, "this picture", "harmful", image="red.png"), row(2, "picture", "harmful", image="no.png")])
    (folder / "red.png").write_bytes(picture("red"))
    report = measure(folder, runtime)
    assert report.groups["requests"].pooled.blocked.right == 1
    assert "no.png" in report.problems[0].why


def test_limit_spreads_over_the_rows_and_repeats(runtime: Runtime, write: Write):
    folder = write([row(n, "score 0.9", "harmful") for n in range(10)])
    chosen = [outcome.row.id for outcome in evaluate(folder, runtime, limit=3)[1]]
    assert chosen == ["0", "3", "6"]
    assert measure(folder, runtime, limit=3).folder["used"] == 3


def test_the_figure_counts_wrong_verdicts_per_million_words(runtime: Runtime, write: Write):
    rows = [
        row(1, "score 0.1", "harmful"),  # core let it through
        row(2, "score 0.9", "safe"),  # core refused it
        row(3, "illegal", "safe"),  # legal refused it
        row(4, "plain words here", "harmful", pack="legal"),  # legal let it through
        row(5, "score 0.9", "harmful", domain="legal"),  # core blocked it, legal should have
    ]
    report = measure(write(rows), runtime)
    whole = report.safety_figure
    assert (whole.let_through, whole.refused, whole.tokens) == (2, 2, 10)
    assert whole.per_million == 400_000
    core, legal = report.safety_figure_by_pack["core"], report.safety_figure_by_pack["legal"]
    assert (core.let_through, core.refused) == (1, 1)
    assert (legal.let_through, legal.refused) == (2, 1)
    assert whole.low < whole.per_million < whole.high


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)])
def test_the_poisson_interval_is_that_of_the_tables(count: int, low: float, high: float):
    assert poisson_interval(count) == pytest.approx((low, high), abs=1e-3)  # Garwood's table has four digits


def test_the_poisson_interval_covers_the_truth_as_often_as_it_says():
    rng = random.Random(1)

    def draw(mean: float) -> int:
        count, left = 0, math.exp(-mean)
        while (left := left / max(rng.random(), 1e-12)) <= 1:
            count += 1
        return count

    known = {count: poisson_interval(count) for count in range(60)}
    hits = sum(low <= 7.5 <= high for low, high in (known[draw(7.5)] for _ in range(2000)))
    assert hits / 2000 > 0.94  # exact: at least 95 %, less the noise of 2,000 draws


def test_a_figure_of_thousands_of_errors_is_worked_out():
    figure = SafetyFigure.of(4000, 1000, 100_000)
    assert figure.per_million == pytest.approx(50_000)
    assert 48_500 < figure.low < figure.per_million < figure.high < 51_500


def test_tokens_are_runs_between_white_space():
    assert [count_tokens(text) for text in ("", "one", " a  b\nc ", "日本語")] == [1, 1, 3, 1]


def test_the_text_and_the_json_hold_the_same(runtime: Runtime, write: Write):
    rows = [
        row(1, "score 0.9", "harmful", category="weapons", persona="plain", pair=1),
        row(2, "score 0.6", "safe", category="games", pair=1, domain="legal"),
    ]
    report = measure(write(rows), runtime)
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert [each["category"] for each in data["categories"]] == ["games", "weapons"]
    assert data["categories"][1]["blocked"]["right"] == 1
    assert data["personas"][0]["persona"] == "plain"
    assert data["rules"] == [{"rule": "core.words", "pack": "core", "pack_version": "1.0", "harmful": 1, "safe": 1}]
    assert data["milliseconds"]["before_turn/obedient"]["n"] == 2
    text = as_text(report)
    for piece in ("packs in force: core 1.0, legal 1.0", "domain legal", "core.words", "safety figure"):
        assert piece in text


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "came list"),
        ('{"text": "x", "label": "safe"}', "came nothing"),
        ('{"id": true, "text": "x", "label": "safe"}', "came True"),
        ('{"id": "", "text": "x", "label": "safe"}', "came ''"),
        ('{"id": 1, "label": "safe"}', "“text”"),
        ('{"id": 1, "text": 5, "label": "safe"}', "came 5"),
        ('{"id": 1, "text": "x", "label": "unsafe"}', "harmful or safe; came 'unsafe'"),
        ('{"id": 1, "text": "x", "label": ["safe"]}', "harmful or safe"),
        ('{"id": 1, "text": "\\ud800", "label": "safe"}', "half a character"),
        ('{"id": "\\udfff", "text": "x", "label": "safe"}', "half a character"),
        ('{"id": 1, "text": "x", "label": "safe", "source": 7}', "“source”"),
        ('{"id": 1, "text": "x", "label": "safe", "pair": [1]}', "“pair”"),
        ('{"id": 1, "text": "x", "label": "safe", "image": "a\\u0000b"}', "zero byte"),
        ('{"id": "good", "text": "x", "label": "safe"}', "came before, in line 1"),
    ],
)
def test_a_bad_row_is_named_with_its_line(write: Write, line: str, why: str):
    folder = read_folder(write([row("good", "fine", "safe"), "", line]))
    (bad,) = folder.bad
    assert (bad.file, bad.line) == ("some.jsonl", 3)
    assert why in bad.why
    assert [each.id for each in folder.rows] == ["good"]
    str(bad).encode()  # can be printed anywhere


def test_binary_and_endless_lines_are_bad_rows(write: Write):
    folder = write([row(1, "fine", "safe")])
    (folder / "binary.jsonl").write_bytes(b"\x89PNG\xff\xfe\n")
    (folder / "long.jsonl").write_bytes(b"x" * (MAX_LINE + 5) + b"\n" + b'{"id": 2, "text": "x", "label": "safe"}')
    read = read_folder(folder)
    assert [bad.file for bad in read.bad] == ["binary.jsonl", "long.jsonl"]
    assert [each.id for each in read.rows] == ["2", "1"]


def test_folders_that_cannot_be_used(tmp_path: Path, write: Write):
    with pytest.raises(InputError, match="is not there"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no file that ends in \.jsonl"):
        read_folder(tmp_path)
    folder = write(["nonsense"])
    with pytest.raises(InputError, match=r"some\.jsonl, line 1"):
        read_folder(folder)
    with pytest.raises(InputError, match="is a file"):
        read_folder(folder / "some.jsonl")


def test_a_folder_of_which_nothing_can_be_judged(runtime: Runtime, write: Write):
    with pytest.raises(InputError, match=r"Not one of 1 rows.*line 1"):
        measure(write([row(1, "broken", "safe")]), runtime)


class Slow:
    """Takes a while over texts that say so."""

    name = "slow"
    cost = "light"
    extra = "reached"

    def check_options(self, options: Any) -> None:
        return None

    def evaluate(self, subject: Any, options: Any) -> None:
        if "wait" in subject.text:
            time.sleep(0.02)


class AsksTwice:
    """Asks the evaluator for two rules."""

    @hookimpl
    def register_evaluators(self) -> list[Any]:
        return [Slow()]

    @hookimpl
    def startup(self, host: Any) -> None:
        self.evaluators = host.evaluators

    @hookimpl
    def before_turn(self, turn: Turn) -> None:
        assert self.evaluators["slow"].extra == "reached"
        for _ in range(2 * ("slow" in turn.question.text)):
            self.evaluators["slow"].evaluate(Subject(turn=turn, part="question", text=turn.question.text), {})


def test_the_time_of_an_evaluator_is_summed_over_the_rules_of_one_check(tmp_path: Path, write: Write):
    runtime = make_runtime(tmp_path / "data", plugins=[("asks", AsksTwice())])
    rows = [row(1, "slow wait", "harmful"), row(2, "slow wait too", "safe"), row(3, "other", "safe")]
    times = measure(write(rows), runtime).milliseconds["evaluator/slow"]
    assert times.n == 2
    assert times.median is not None
    assert times.median >= 38  # twice 20 ms, less the grain of the clock
    assert isinstance(runtime.host.evaluators["slow"], Slow)  # the clock is off again
    runtime.close()
