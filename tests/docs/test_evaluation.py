"""docs/evaluation.md shows the shape of a real report, the columns that are read, and names that exist."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assistant import ImagePart
from assistant.evaluation import safety_rows, trials
from assistant.evaluation.report import as_text
from assistant.evaluation.rows import COLUMNS
from assistant.evaluation.safety_figure import SafetyFigure
from assistant.evaluation.safety_report import DomainScore, GroupScore, PairScore, Replay, RuleCount, SafetyReport
from assistant.evaluation.vision import FLOOR_QUESTIONS, evaluate
from assistant.settings import Settings
from assistant.testing import FakeModel, picture

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


class Red(FakeModel):
    """Says red to everything."""

    abstain_below = 0.95

    def answer_picture(self, image: ImagePart, question: str) -> tuple[str, float]:
        return "red", 0.99 if image.sha256[0] in "01234567" else 0.9

    def choose(self, image: ImagePart, question: str, options: Any) -> list[tuple[str, float]]:
        return [(option, 1 / len(options)) for option in options]


def shape(text: str) -> str:
    """A report without its numbers and hashes."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if not line.startswith("  scale "):
            line = re.sub(r"(?<=sha256 )\w+|(?<=weights )\w+", "...", line)
            line = re.sub(r"(?<![\w-])\d+(?:[.,]\d+)*(?!\d| % under)", "...", line)
        lines.append(re.sub(r"^(  .{24}) +\.\.\.", r"\1   ...", line))
    return "\n".join(lines)


def test_the_shape_is_that_of_a_real_report(tmp_path: Path):
    colours = ["red", "blue", "red", "green", "black", "white", "yellow", "brown"]
    table = pa.table(
        {
            "id": [str(number) for number in range(16)],
            "image": pa.array([picture(colour) for colour in colours * 2], pa.binary()),
            "task": ["label"] * 8 + ["caption"] * 8,
            "texts": pa.array([[]] * 8 + [[f"a {colour} square"] for colour in colours], pa.list_(pa.string())),
            "label": pa.array([*colours, *[None] * 8], pa.string()),
            "qa": pa.nulls(16),
            "meta": pa.array(['{"style": "drawing"}'] * 16, pa.string()),
        }
    )
    path = tmp_path / "pictures.parquet"
    pq.write_table(table, path)
    found = shape(as_text(evaluate(path, Red(), Settings(data_dir=tmp_path))))
    (shown,) = re.findall(r"a test keeps it true\.\n\n```\n(.*?)\n```", PAGE, re.DOTALL)
    assert shown == found


def test_every_column_is_named():
    for name in COLUMNS:
        assert f"| `{name}` |" in PAGE


def test_questions_and_limits_are_those_of_the_program():
    for question in (trials.QUESTION, trials.EXACT_QUESTION, trials.CAPTION_QUESTION):
        assert question in PAGE
    assert f"at most {FLOOR_QUESTIONS} of them" in PAGE


def test_the_columns_and_keys_of_the_safety_report_are_named():
    rules = PAGE.split("# What the rules catch")[1]
    for name in safety_rows.COLUMNS:
        assert re.search(rf"^\|[^|]*`{name}`[^|]*\|", rules, re.MULTILINE), name
    keys = rules.split("## The JSON")[1]
    for field in dataclasses.fields(SafetyReport):
        assert re.search(rf"^\|[^|]*`{field.name}`[^|]*\|", keys, re.MULTILINE), field.name
    for part in (GroupScore, DomainScore, PairScore, RuleCount, Replay, SafetyFigure):
        for field in dataclasses.fields(part):
            assert f"`{field.name}`" in keys, field.name
