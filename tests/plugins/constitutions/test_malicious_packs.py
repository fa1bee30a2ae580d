"""Packs from somebody who means harm: each is turned away with one sentence, soon, and leaves nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import assistant_constitutions.loader as loader
from assistant import Host
from assistant.errors import GlassboxError
from assistant.settings import Settings
from assistant.store import Store
from assistant_constitutions import Constitutions
from assistant_safety import register_evaluators

EVALUATORS = {evaluator.name: evaluator for evaluator in register_evaluators()}
SECONDS = 8
"""For each; the slowest takes a fraction of one where this was written."""

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
    action: refuse
    instead: Ask for something else.
    evaluators:
      - {name: lexical, options: {patterns: [{any_of: [the secret word]}]}}
tests:
  - {text: "Tell me the secret word", expect: refuse, rule: demo.secrets}
  - {text: "Tell me a word", expect: allow, rule: demo.secrets}
"""


def opened(folder: Path) -> Iterator[Host]:
    settings = Settings(data_dir=folder / "data")
    store = Store(settings.database)
    host = Host(settings=settings, store=store, evaluators=EVALUATORS)
    Constitutions().startup(host)
    yield host
    store.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One house for all attacks: what is turned away leaves nothing behind."""
    yield from opened(tmp_path_factory.mktemp("house"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Host]:
    """A house for what is let in."""
    yield from opened(tmp_path)


def turned_away(host: Host, path: Path | str) -> str:
    """Add it, see that it is turned away in time with one sentence and no trace, and return the sentence."""
    before = sorted((host.settings.data_dir / "packs").rglob("*"))
    began = time.perf_counter()
    with pytest.raises(GlassboxError) as raised:
        host.pack_keepers[0].add(str(path), "mallory")
    assert time.perf_counter() - began < SECONDS
    assert sorted((host.settings.data_dir / "packs").rglob("*")) == before
    assert host.store.audit_leaves() == []
    said = str(raised.value)
    assert "Traceback" not in said
    assert len(said) < 1500
    return said


def test_the_pack_that_the_attacks_start_from_is_good(fresh: Host, tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text(GOOD)
    assert fresh.pack_keepers[0].add(str(tmp_path / "demo.yaml"), "anna").leaf == 0
    assert fresh.pack_keepers[0].enable("demo", None, "anna").leaf == 1


def quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=False).strip()


@pytest.mark.parametrize(
    "pack_id",
    [
        "../core",
        "../../etc/cron.d/x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "..",
        "demo.zip/../../x",
        "C:x",
        "cоre",
        "ｄemo",
        "demo\n",
        "demo\0",
        "de\u200bmo",
        "con.",
        "-rf",
        "x" * 65,
    ],
)
def test_ids_that_are_paths_or_look_alikes(host: Host, tmp_path: Path, pack_id: str) -> None:
    (tmp_path / "x.yaml").write_text(GOOD.replace("id: demo\n", f"id: {quoted(pack_id)}\n", 1))
    assert "field id" in turned_away(host, tmp_path / "x.yaml")


@pytest.mark.parametrize(("pack_id", "like"), [("c0re", "core"), ("iegal", "legal"), ("1egal", "")])
def test_ids_that_look_like_a_pack_that_is_there(host: Host, tmp_path: Path, pack_id: str, like: str) -> None:
    (tmp_path / "x.yaml").write_text(GOOD.replace("id: demo\n", f"id: {pack_id}\n", 1))
    expected = f"looks like that of the pack {like!r}" if like else "field id"
    assert expected in turned_away(host, tmp_path / "x.yaml")


@pytest.mark.parametrize("pack_id", ["core", "legal"])
def test_the_place_of_a_bundled_pack_is_taken(host: Host, tmp_path: Path, pack_id: str) -> None:
    (tmp_path / "x.yaml").write_text(GOOD.replace("id: demo\n", f"id: {pack_id}\n", 1))
    assert "is that of a bundled pack" in turned_away(host, tmp_path / "x.yaml")


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("title: A demonstration", "title: !!python/object/apply:os.system ['touch owned']"),
        GOOD.replace("title: A demonstration", "title: !!python/name:os.system"),
        GOOD.replace("title: A demonstration", "title: !include /etc/passwd"),
        GOOD.replace("title: A demonstration", "title: &a A\ndomain: *a"),
        "\n".join(
            ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
            + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
        ),
        "<<: {id: demo}\n" + GOOD,
        "[" * 100_000,
        "{a: " * 50_000,
        "- " * 100_000,
        "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 1_000)),
        GOOD + "x: [" + "a, " * 110_000 + "a]\n",
        GOOD.replace("the secret word]}]}", ", ".join(f"word{n}" for n in range(100_000)) + "]}]}"),
        GOOD.replace("any_of: [", "any_of: [" + "[" * 60),
        GOOD + "id: demo\n",
        GOOD.replace("    kind: privacy\n", "    kind: privacy\n    kind: harm\n"),
        GOOD.replace("threshold", "x") + "---\n" + GOOD,
        GOOD.replace("1.0.0", "../../1"),
        GOOD.replace("action: refuse\n", "action: refuse\n    severity: " + "9" * 5_000 + "\n"),
        GOOD.replace("action: refuse\n", "action: refuse\n    severity: .nan\n"),
        GOOD.replace("{name: lexical,", "{name: lexical, threshold: .nan,"),
        GOOD.replace("{name: lexical,", "{name: lexical, threshold: -.inf,"),
        GOOD.replace("licence: CC0-1.0", "licence: CC0-1.0\nprecedence: 1000000"),
        GOOD.replace("title: No secrets", "title: " + "x" * 3_000),
        GOOD.replace("licence: CC0-1.0", "licence: CC0-1.0\n__class__: x"),
        GOOD + "x" * 100_000 + ": y\n",
        GOOD + ("x" * 100_000 + ": y\n") * 2,
        "%YAML 1.1\n%TAG ! tag:evil,2026:\n---\n!x\n" + GOOD,
        "? {a: b}\n: c\n" + GOOD,
        "",
        "\n" * 500_000,
        "# " + "x" * 900_000,
        "!" * 300_000,
        "'" * 300_001,
        "a: |\n" + " x\n" * 200_000,
    ],
    ids=range(34),
)
def test_texts_that_are_traps(host: Host, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(text)
    turned_away(host, tmp_path / "x.yaml")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04" + bytes(2_000),
        b"\x1f\x8b\x08" + os.urandom(500),
        b"\x00" * 10_000,
        GOOD.encode().replace(b"A demonstration", b"A \x00 demonstration"),
        GOOD.encode().replace(b"A demonstration", b"A \x1b[31m demonstration"),
        GOOD.encode("utf-16"),
        GOOD.encode("utf-7") + b"\xff",
        b"\xef\xbb\xbf\xef\xbb\xbf" + b"id: \xed\xa0\x80",
        b"a" * (loader.MAX_BYTES + 1),
    ],
    ids=range(9),
)
def test_bytes_that_are_no_text(host: Host, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.yaml").write_bytes(data)
    turned_away(host, tmp_path / "x.yaml")


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\0", "\x1b", "\x85", "\U000e0041"]
)
@pytest.mark.parametrize(
    "field", ["title: No secrets", "text: Secrets stay secret.", "instead: Ask for something else."]
)
def test_what_a_person_reads_holds_nothing_unseen(host: Host, tmp_path: Path, field: str, character: str) -> None:
    name, _, value = field.partition(": ")
    text = GOOD.replace(field, f"{name}: {quoted(value + character + 'x')}")
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    said = turned_away(host, tmp_path / "x.yaml")
    assert f"field principles.0.{name}: expected text that a person sees as it is" in said
    assert f"U+{ord(character):04X}" in said
    assert character not in said


def test_a_test_case_may_hold_what_an_attacker_writes(fresh: Host, tmp_path: Path) -> None:
    case = quoted("Tell me the se\u200bcret\u202e word")
    (tmp_path / "x.yaml").write_text(GOOD.replace('"Tell me the secret word"', case))
    assert fresh.pack_keepers[0].add(str(tmp_path / "x.yaml"), "anna").leaf == 0


def test_a_huge_file_is_not_read_whole(host: Host, tmp_path: Path) -> None:
    with (tmp_path / "x.yaml").open("wb") as opened:
        opened.truncate(10**12)  # sparse: it takes no room
    assert "expected at most 1,000,000 bytes" in turned_away(host, tmp_path / "x.yaml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_folders_with_something_else_in_the_place_of_the_pack(host: Host, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(GOOD)
    for name in ("folder", "pipe", "link", "dangling", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "folder" / "pack.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe" / "pack.yaml")
    (tmp_path / "link" / "pack.yaml").symlink_to(secret)
    (tmp_path / "dangling" / "pack.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link-to-folder").symlink_to(tmp_path / "empty")
    (tmp_path / "link.yaml").symlink_to(secret)
    expected = {
        "folder": "it is a folder, a pipe or a device",
        "pipe": "it is a folder, a pipe or a device",
        "link": "it is a link",
        "dangling": "it is a link",
        "empty": "No such file",
        "link-to-folder": "it is a link",
        "link.yaml": "it is a link",
        "pipe/pack.yaml": "it is a folder, a pipe or a device",
        "nowhere": "No such file",
        "x" * 5_000: "cannot be opened",
        "a\0b": "cannot be opened",
    }
    for name, said in expected.items():
        assert said in turned_away(host, tmp_path / name), name


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices on this system")
def test_a_device_is_no_pack(host: Host) -> None:
    assert "it is a folder, a pipe or a device" in turned_away(host, "/dev/zero")


def test_only_the_pack_of_a_folder_is_taken(fresh: Host, tmp_path: Path) -> None:
    folder = tmp_path / "handed-in"
    folder.mkdir()
    (folder / "pack.yaml").write_text(GOOD)
    (folder / "conftest.py").write_text("raise SystemExit('executed')")
    (folder / "link").symlink_to("/")
    fresh.pack_keepers[0].add(str(folder), "anna")
    kept = list((fresh.settings.data_dir / "packs" / "demo").rglob("*"))
    assert [each.suffix for each in kept] == [".yaml"]
    assert kept[0].read_text() == GOOD


def test_a_pack_with_as_many_terms_as_there_may_be_takes_its_time_and_no_more(fresh: Host, tmp_path: Path) -> None:
    many = GOOD.replace("the secret word]", "the secret word, " + ", ".join(f"w{n}" for n in range(30_000)) + "]")
    (tmp_path / "x.yaml").write_text(many)
    began = time.perf_counter()
    fresh.pack_keepers[0].add(str(tmp_path / "x.yaml"), "anna")
    fresh.pack_keepers[0].enable("demo", None, "anna")
    assert time.perf_counter() - began < 60  # a few seconds where this was written
