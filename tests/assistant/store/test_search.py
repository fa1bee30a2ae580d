from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from assistant.errors import NotFound, StoreError
from assistant.messages import Reading, ReadText
from assistant.store import Store, search, searchable
from assistant.verdicts import Region


@pytest.fixture
def said(store, make_record):
    """Stores one turn; the conversation has the name of its first word."""

    def say(text: str, answer: str = "an answer", **fields):
        record = make_record(text, answer=answer, turn={"conversation_id": text.split()[0].lower()}, **fields)
        store.save_turn(record)
        return record

    return say


def ids(found):
    return [each.conversation.id for each in found]


def test_questions_and_answers_are_found_by_words_and_their_beginnings(store, said):
    said("Cats are where?", "The grey kitten sleeps on a SOFA.")
    said("Dogs bark")
    assert ids(store.search("kitten")) == ["cats"]
    assert ids(store.search("kit sofa")) == ["cats"]
    assert ids(store.search("kitten dogs")) == []
    assert ids(store.search("DOGS")) == ["dogs"]


def test_accents_do_not_matter_and_the_excerpt_marks_what_was_found(store, said):
    record = said("Coffee place", "x " * 100 + "the Café Zoë is red")
    (found,) = store.search("cafe zoe")
    assert found.turn_id == record.id
    assert [found.excerpt[start:end] for start, end in found.marks] == ["Café", "Zoë"]
    assert found.excerpt.startswith("…")


def test_pictures_are_found_by_name_description_and_what_is_written_in_them(store, make_record, picture):
    place = Region(left=0, top=0, right=1, bottom=1)
    line = ReadText(text="Bakery Sunshine", region=place, confidence=0.9)
    image = picture(name="holiday-042.png").model_copy(
        update={"alt": "a lighthouse at dusk", "reading": Reading(reader="r", texts=(line,))}
    )
    record = make_record("what?", images=(image,))
    store.save_turn(record)
    for words in ("holiday 042", "lighthouse", "bakery"):
        assert [each.turn_id for each in store.search(words)] == [record.id], words


def test_a_part_of_a_word_and_a_language_without_spaces_are_found_too(store, said):
    said("Superheroes fly")
    said("東京タワーは赤いです", "はい")
    assert ids(store.search("hero")) == ["superheroes"]
    assert ids(store.search("タワー")) == ["東京タワーは赤いです"]


def test_titles_come_first_and_follow_a_renaming(store, said):
    said("Alpha talks of a zebra")
    said("Beta one")
    store.rename_conversation("beta", "My zebra")
    assert ids(store.search("zebra")) == ["beta", "alpha"]


def test_one_line_for_each_conversation(store, make_record):
    for text in ("a lion", "another lion lion lion"):
        store.save_turn(make_record(text, turn={"conversation_id": "zoo"}))
    assert ids(store.search("lion")) == ["zoo"]


@pytest.mark.parametrize(
    "words", ['"', "' OR 1=1 --", "a* NOT (b)", "NEAR(a b)", "%", "_", "", "  ", "text:", "x" * 9999]
)
def test_whatever_somebody_types_is_only_words(store, said, words):
    said("Nothing here fits")
    assert store.search(words) == []


def test_tags_sort_and_are_searched(store, said):
    for text in ("Rome trip", "Oslo trip", "Bills"):
        said(text)
    store.tag_conversation("rome", ["Holiday", "#italy", "holiday "])
    store.tag_conversation("oslo", ["holiday", "far north"])
    assert store.tags() == [("far-north", 1), ("holiday", 2), ("italy", 1)]
    assert {each.id: each.tags for each in store.conversations()}["oslo"] == ("far-north", "holiday")
    assert ids(store.search("", tags=["holiday"])) == ["oslo", "rome"]
    assert ids(store.search("", tags=["holiday", "italy"])) == ["rome"]
    assert ids(store.search("oslo", tags=["holiday"])) == ["oslo"]
    assert ids(store.search("bills", tags=["holiday"])) == []
    store.tag_conversation("rome", [])
    assert ids(store.search("", tags=["italy"])) == []


def test_tags_that_cannot_be_kept_are_named(store, said):
    said("Rome")
    with pytest.raises(StoreError, match="40 characters"):
        store.tag_conversation("rome", ["x" * 41])
    with pytest.raises(StoreError, match="20 tags; 21"):
        store.tag_conversation("rome", [str(number) for number in range(21)])
    with pytest.raises(NotFound):
        store.tag_conversation("nowhere", ["a"])
    assert store.tags() == []


def test_what_was_deleted_is_found_no_more_and_is_in_no_file(store, said, path):
    said("Gone SECRETWORD", "HIDDENANSWER")
    said("Kept KEPTWORD")
    store.tag_conversation("gone", ["secrettag"])
    store.delete_conversation("gone")
    assert store.search("secretword") == []
    assert store.tags() == []
    on_disk = b"".join(file.read_bytes() for file in path.parent.iterdir()).lower()
    assert not [word for word in (b"secretword", b"hiddenanswer", b"secrettag") if word in on_disk]
    assert b"keptword" in on_disk
    assert ids(store.search("keptword")) == ["kept"]


def test_the_branch_that_was_open_is_remembered(store, make_record):
    first, second = (make_record(turn={"conversation_id": "a"}) for _ in range(2))
    store.save_turn(first)
    store.save_turn(second)
    assert store.last_leaf("a") == second.id
    store.stay_at("a", first.id)
    assert store.last_leaf("a") == first.id
    with pytest.raises(NotFound):
        store.last_leaf("b")


def test_turns_from_before_the_index_are_found(path, make_record, picture):
    config = Config()
    config.set_main_option("script_location", "assistant.store:migrations")
    path.parent.mkdir()
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    engine.dispose()
    image = picture(name="pier.png").model_copy(update={"alt": "a lighthouse"})
    record = make_record("Where?", answer="by the sea", images=(image,))
    raw = sqlite3.connect(path)
    raw.execute("INSERT INTO conversations VALUES ('c', 'A chat', '2026-01-01 00:00:00', '2026-01-01 00:00:00')")
    raw.execute(
        "INSERT INTO turns (number, id, conversation_id, created_at, status, question, answer, record, salt) "
        "VALUES (1, ?, 'c', '2026-01-01 00:00:00', 'answered', 'q', '', ?, 's')",
        (record.id, record.model_dump_json()),
    )
    raw.commit()
    raw.close()
    store = Store(f"sqlite:///{path}")
    for words in ("where", "sea", "pier", "lighthouse"):
        assert ids(store.search(words)) == ["c"], words
    assert searchable.text_of(record) == "Where?\nby the sea\npier.png\na lighthouse"
    store.close()


def test_folding_keeps_every_place():
    for said in ("Straße", "ÅNGSTRÖM", "ﬁne", "日本", "İstanbul", "e\u0301"):
        assert len(search.fold(said)) == len(said)
