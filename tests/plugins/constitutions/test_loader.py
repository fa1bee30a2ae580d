"""Packs come from strangers: what is wrong is said with its line, and nothing is executed or blown up."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from assistant_constitutions import BUNDLED, PackError, UnknownPack, load_bundled, load_file
from assistant_constitutions import loader as loader_module
from assistant_constitutions.loader import MAX_BYTES, parse_pack
from assistant_constitutions.shelf import Shelf, ShelfState

GOOD = """\
id: demo
version: "1.0.0"
title: A demonstration
domain: test
licence: CC0-1.0
principles:
  - id: demo.secrets
    title: No secrets
    text: Secrets stay secret.
    kind: privacy
    applies_to: [input]
    severity: low
    action: refuse
    evaluators:
      - name: lexical
        threshold: 0.5
        options: {patterns: [{any_of: [the secret word]}]}
tests:
  - {text: "Tell me the secret word", expect: refuse, rule: demo.secrets}
  - {text: "Tell me a word", expect: allow, rule: demo.secrets}
"""


def parse(text: str) -> object:
    return parse_pack(text.encode(), name="demo.yaml")


def test_a_good_pack_loads() -> None:
    pack = parse_pack(GOOD.encode(), name="demo.yaml", expected_id="demo")
    assert pack.id == "demo"
    assert pack.principles[0].evaluators[0].options == {"patterns": [{"any_of": ["the secret word"]}]}
    rule = pack.rule(pack.principles[0])
    assert (rule.pack, rule.pack_version, rule.id) == ("demo", "1.0.0", "demo.secrets")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("action: refuse\n", "action: explode\n", "demo.yaml, line 13: field principles.0.action: expected 'allow'"),
        ("severity: low", "severity: low\n    regex: .*", "line 13: field principles.0.regex: expected no field"),
        ("title: A demo", "tittle: A demo", "field tittle: expected no field of that name. Did you mean 'title'?"),
        ("    kind: privacy\n", "", "line 7: field principles.0.kind: expected a value; came nothing"),
        ('version: "1.0.0"', "version: 1.0", "line 2: field version: expected a valid string (in quotes); came 1.0"),
        ('version: "1.0.0"', 'version: "one"', "field version"),
        ("threshold: 0.5", "threshold: 5", "line 16: field principles.0.evaluators.0.threshold: expected less than"),
        ("threshold: 0.5", "threshold: yes", "evaluators.0.threshold"),
        ("applies_to: [input]", "applies_to: [question]", "line 11: field principles.0.applies_to.0"),
        ("rule: demo.secrets}", "rule: demo.other}", "line 19: field tests.0.rule: expected the id of a principle"),
        ("action: refuse\n", "action: revise\n", "line 13: field principles.0.action: expected the action 'revise'"),
        ("action: refuse\n", "action: ask\n", "expected a `message`"),
        ("id: demo\n", "id: demo\nid: demo\n", "line 2: expected 'id' once here; it came again"),
        ("id: demo\n", "{id: demo\n", "demo.yaml, line"),
        ("title: No secrets", "title: No secrets\n   text: x", "demo.yaml, line"),
        ("id: demo\n", "1: x\nid: demo\n", "expected the name of a field; came '1'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    with pytest.raises(PackError) as raised:
        parse(GOOD.replace(old, new))
    assert expected in str(raised.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just a sentence", "id: demo\n---\nid: demo\n"])
def test_what_is_no_pack_at_all(text: str) -> None:
    with pytest.raises(PackError, match=r"demo\.yaml"):
        parse(text)


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['echo bad']",
        "!!python/name:os.system",
        "!include /etc/passwd",
        "!!binary aGFsbG8=",
        "!!set {a, b}",
        "!!timestamp 2026-01-01",
    ],
)
def test_tags_are_refused(value: str) -> None:
    with pytest.raises(PackError, match=r"line 3: expected plain values; came the tag"):
        parse(GOOD.replace("title: A demonstration", f"title: {value}"))


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    began = time.perf_counter()
    with pytest.raises(PackError, match="line 1: expected no anchors and aliases"):
        parse("\n".join(lines))
    assert time.perf_counter() - began < 2  # milliseconds; built out, it has more items than memory


def test_a_merge_key_is_no_way_around() -> None:
    with pytest.raises(PackError):
        parse(GOOD.replace("id: demo\n", "<<: {id: demo}\n", 1))


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "[" * 50 + "]" * 50, "{a: " * 5_000])
def test_a_deep_file_is_refused(text: str) -> None:
    with pytest.raises(PackError):
        parse(text)


def test_a_huge_file_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as opened:
        opened.truncate(20 * MAX_BYTES)
    with pytest.raises(PackError, match="expected at most 1,000,000 bytes"):
        load_file(file)


def test_too_many_values_are_refused() -> None:
    with pytest.raises(PackError, match="expected at most 100,000 values"):
        parse("a: [" + "x," * 110_000 + "]")


@pytest.mark.parametrize("data", [b"id: \xff\xfe", b"\x00\x01\x02", b"id: demo\x07"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(PackError, match=r"demo\.yaml"):
        parse_pack(data, name="demo.yaml")


@pytest.mark.parametrize(
    "pack_id",
    [
        "../core",
        "..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "cоre",
        "ｃore",
        "Core",
        "",
        "a" * 65,
        "con.txt",
        "core\n",
        "co\u200bre",
        "-x",
    ],
)
def test_an_id_is_neither_a_path_nor_a_look_alike(pack_id: str, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="field id"):
        parse(GOOD.replace("id: demo\n", "id: " + yaml.safe_dump(pack_id, default_style='"', allow_unicode=False), 1))
    with pytest.raises(UnknownPack, match=f"Available: {', '.join(BUNDLED)}"):
        Shelf(tmp_path / "packs").newest(ShelfState(), pack_id)


def test_two_principles_cannot_share_an_id() -> None:
    start, end = GOOD.index("  - id: demo.secrets"), GOOD.index("tests:")
    with pytest.raises(PackError, match=r"line 18: field principles\.1\.id: expected an id that no other"):
        parse(GOOD[:end] + GOOD[start:end] + GOOD[end:])


def test_many_problems_are_counted() -> None:
    cases = "".join(f"  - {{text: x{n}, expect: maybe, rule: demo.secrets}}\n" for n in range(30))
    with pytest.raises(PackError, match="and 22 more problems"):
        parse(GOOD + cases)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"gone\.yaml: cannot be read"):
        load_file(tmp_path / "gone.yaml")


def test_the_slow_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = load_bundled("core")
    monkeypatch.setattr(loader_module, "_Loader", yaml.SafeLoader)
    assert load_bundled("core") == fast
