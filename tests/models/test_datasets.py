"""Reading the sets, what is held out, and what is asked about a row."""

import random
from collections import Counter
from pathlib import Path

import pytest

from assistant_vlm.naming import phrase
from assistant_vlm.tokenizer import Tokenizer
from training.asking import LABEL_SETS, ask_row
from training.batches import Group, make_batch
from training.captions import MOST_WORDS, agrees, kept_captions, tidy
from training.datasets import ALL_SETS, OPEN_SETS, Part, VisionData, part_of, read_data
from training.sources import Mix, make_example

from .conftest import TINY
from .data import write_data

Parts = dict[Part, VisionData]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return read_data(write_data(tmp_path_factory.mktemp("data")), ALL_SETS)


def test_the_parts_do_not_overlap(parts: Parts) -> None:
    ids = [row.id for data in parts.values() for rows in data.rows.values() for row in rows]
    assert len(ids) == len(set(ids)) == 40 * len(ALL_SETS)
    for name in ALL_SETS:
        assert len(parts["train"].rows[name]) > len(parts["dev"].rows.get(name, []))


def test_official_held_out_rows_are_never_trained_on() -> None:
    for name, split in (("nlvr", "dev"), ("clothing", "validation"), ("emoji", "val"), ("flickr8k", "dev")):
        assert part_of(name, {"id": "x", "split": split, "label": "y"}) == "dev"
        assert part_of(name, {"id": "x", "split": "train", "label": "y"}) == "train"


def test_a_quarter_of_the_names_lose_their_second_drawing() -> None:
    names = [f"name {i}" for i in range(800)]
    found = Counter(part_of("emoji", {"id": "fxemoji/1", "split": "train", "label": n}) for n in names)
    assert 0.2 < found["style"] / len(names) < 0.3
    assert {part_of("emoji", {"id": "noto/1", "split": "train", "label": n}) for n in names} == {"train"}


def test_a_tenth_is_held_out_where_no_split_is_official() -> None:
    found = Counter(part_of("mnist", {"id": f"mnist/{i}", "split": "train", "label": "1"}) for i in range(2000))
    assert 0.08 < found["dev"] / 2000 < 0.12


def test_the_label_space_is_sorted_and_of_the_training_rows(parts: Parts) -> None:
    space = parts["train"].label_space
    assert list(space) == sorted(space)
    assert space == parts["dev"].label_space
    assert "grocery:granny smith" in space
    for rows in parts["train"].rows.values():
        for row in rows:
            index = parts["train"].label_index(row)
            assert (index >= 0) == bool(row.label)
            if row.label:
                assert space[index] == f"{row.set}:{row.label}"


def test_only_the_sets_asked_for_are_read(tmp_path: Path) -> None:
    write_data(tmp_path, 8)
    assert set(read_data(tmp_path)["train"].rows) <= set(OPEN_SETS)
    assert set(read_data(tmp_path, ["mnist"])["train"].rows) == {"mnist"}


def test_what_has_sides_is_never_mirrored(parts: Parts) -> None:
    mirrors = {row.label: row.mirrors for row in parts["train"].rows["emoji"]}
    assert mirrors == {"grinning face": True, "left arrow": False, "flag of italy": False}
    for name in ("mnist", "signdigits", "icons", "nlvr", "vqarad"):
        assert not any(row.mirrors for row in parts["train"].rows[name])


def test_captions_are_tidy_short_and_without_sides() -> None:
    assert tidy('A dog , it \'s " big " .') == "a dog, it's big"
    kept = kept_captions(["A dog on the left .", "A cat .", "a dog " * MOST_WORDS, "A dog runs ."])
    assert kept == ("a dog runs",)


def test_groceries_have_two_names(parts: Parts) -> None:
    rng = random.Random(0)
    data = parts["train"]
    rows = data.rows["grocery"]
    for _ in range(400):
        row = rng.choice(rows)
        asked = ask_row(rng, row, data)
        exact = "product" in asked.kind
        if not asked.kind.endswith("yes/no"):
            assert asked.answer == phrase(row.label if exact else row.coarse)


def test_questions_about_classes_are_answered_by_the_class(parts: Parts) -> None:
    rng = random.Random(1)
    data = parts["train"]
    for name in sorted(LABEL_SETS - {"grocery"}):
        verdicts: Counter[str] = Counter()
        for _ in range(600):
            row = rng.choice(data.rows[name])
            asked = ask_row(rng, row, data)
            if asked.kind.endswith("yes/no"):
                verdicts[asked.answer] += 1
            elif row.qa and asked.answer == row.qa[0][1]:
                assert "style" in asked.question.lower() or name == "pacs"
            else:
                assert asked.answer == phrase(row.label, "naming" if name in ("emoji", "icons") else "label")
        assert min(verdicts["yes"], verdicts["no"]) > 3, name


def test_every_set_makes_batches(parts: Parts, tokenizer: Tokenizer) -> None:
    data = parts["train"]
    for name in (*ALL_SETS, "collage"):
        group = Group(name, 4, 90, 32, {name: 1})
        one, two = (make_batch(random.Random(7), TINY, tokenizer, group, Mix(), data) for _ in range(2))
        assert one.pixels.equal(two.pixels)
        assert one.seen.all()
        assert bool((one.labels >= 0).all()) == (name in LABEL_SETS)
        assert (one.patch_targets == -1).all()


def test_a_row_with_one_statement_asks_it_once(parts: Parts) -> None:
    example = make_example(random.Random(0), "nlvr", 32, Mix(), parts["train"])
    ((asked,),) = list(example.conversations)
    assert "tower with 2 blocks" in asked.question.lower()
    assert asked.answer in ("true", "false")


def test_a_caption_agrees_with_people_when_half_of_what_it_names_is_theirs() -> None:
    people = ("two dogs run over the grass", "a brown dog chases another one")
    assert agrees("a dog running on grass", people)  # dog and grass, not "running"
    assert agrees("two brown dogs", people)
    assert not agrees("a man in a red shirt on the grass", people)
    assert not agrees("the and of", people)
    assert not agrees("", people)
