"""One person never sees what is another's: every door, with the ids of somebody else."""

from __future__ import annotations

import base64
import contextlib
import inspect
from typing import Any

import pytest

from assistant.messages import Appeal, Feedback
from assistant.store import Store
from assistant.store.personal import PersonalStore
from assistant.testing import picture

from .conftest import Home

SECRET = "my secret hobby is knitting"


@pytest.fixture(scope="module")
def adas(home: Home) -> Any:
    """A turn of Ada's, with a picture, a rating and words of her own."""
    record = home.ask("ada", SECRET, [picture("crimson")])
    home.runtime.give_feedback(Feedback(turn_id=record.id, rating="up", text="a private remark"))
    return record


@pytest.fixture(scope="module")
def refused(home: Home) -> Any:
    """A refused turn of Ada's, with a picture, against which she appealed."""
    record = home.ask("ada", "forbidden knitting", [picture("blue")])
    home.runtime.appeal(record.id, "it was wool")
    return record


def nothing_of_hers(said: str) -> bool:
    return not any(word in said for word in ("knitting", "private remark", "it was wool"))


# The page


@pytest.mark.parametrize("name", ["bob", "rita", "olga"])
@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("act", {"act": "open", "chat": "CHAT"}),
        ("act", {"act": "rename", "chat": "CHAT", "title": "mine now"}),
        ("act", {"act": "delete", "chat": "CHAT"}),
        ("act", {"act": "version", "turn": "TURN"}),
        ("act", {"act": "tag", "chat": "CHAT", "tags": "stolen"}),
        ("act", {"act": "fork", "turn": "TURN"}),
        ("act", {"act": "correct", "turn": "TURN", "text": "another answer"}),
        ("act", {"act": "search", "words": "secret hobby"}),
        ("act", {"act": "older", "shown": "0"}),
        ("act", {"act": "again", "turn": "TURN"}),
        ("draft", {"act": "edit", "turn": "TURN"}),
        ("turn", {"act": "go-on", "turn": "TURN"}),
        ("act", {"act": "thumb", "turn": "TURN", "rating": "down"}),
        ("act", {"act": "take-back", "turn": "TURN"}),
        ("act", {"act": "rate", "turn": "TURN", "rating": "down", "text": "bad"}),
        ("act", {"act": "appeal", "turn": "REFUSED", "text": "mine"}),
        ("act", {"act": "look", "turn": "TURN"}),
        ("explain", {"act": "word", "turn": "TURN", "word": "0"}),
        ("turn", {"act": "retry", "turn": "TURN"}),
        ("turn", {"act": "part", "turn": "REFUSED"}),
    ],
)
def test_the_page_finds_nothing_of_anybody_else(
    home: Home, adas: Any, refused: Any, name: str, event: str, fields: dict[str, str]
) -> None:
    home.runtime.trace(adas.id)  # even where it was looked at before, and is remembered
    ids = {"CHAT": adas.turn.conversation_id, "TURN": adas.id, "REFUSED": refused.id}
    before = home.runtime.store.audit_leaves()
    answer = home.browser(name).post(event, **{key: ids.get(value, value) for key, value in fields.items()})
    assert nothing_of_hers(answer.text)
    assert "belongs to" not in answer.text  # not found, and not that it is somebody's
    assert home.runtime.store.audit_leaves() == before
    assert home.runtime.store.turn(adas.id) == adas


def test_of_her_own_she_sees_everything(home: Home, adas: Any) -> None:
    ada = home.browser("ada")
    assert SECRET in ada.said("act", act="open", chat=adas.turn.conversation_id)
    assert "private remark" in ada.said("act", act="look", turn=adas.id)
    assert "Where" in ada.said("explain", act="word", turn=adas.id, word="0")
    assert SECRET in ada.said("load")


@pytest.mark.parametrize("name", ["bob", "rita", "olga"])
def test_the_list_of_chats_has_only_ones_own(home: Home, adas: Any, name: str) -> None:
    assert nothing_of_hers(home.browser(name).said("load"))
    linked = home.browser(name).client.get(f"/?chat={adas.turn.conversation_id}")
    assert nothing_of_hers(linked.text)


def test_a_page_and_an_upload_belong_to_who_opened_and_sent_them(home: Home) -> None:
    ada, bob = home.browser("ada"), home.browser("bob")
    ada.press("load")
    mine, bob.page = bob.page, ada.page
    assert bob.post("load").status_code == 404
    bob.page = mine
    assert bob.client.get(f"/gradio_api/queue/data?session_hash={ada.page}").status_code == 404
    assert bob.client.get(f"/gradio_api/heartbeat/{ada.page}").status_code == 404
    assert bob.client.post("/gradio_api/cancel", json={"session_hash": ada.page, "fn_index": 0}).status_code == 404

    sent = ada.client.post("/gradio_api/upload", files={"files": ("secret.png", picture("green"), "image/png")})
    (path,) = sent.json()
    assert ada.client.get(f"/gradio_api/file={path}").status_code == 200
    assert bob.client.get(f"/gradio_api/file={path}").status_code == 404
    asked = {"fn_index": 0, "data": [None, {"text": "", "files": [{"path": path}]}], "session_hash": mine}
    assert bob.client.post("/gradio_api/queue/join", json=asked).status_code == 404


# Pictures


def test_a_picture_is_there_for_its_owner_alone(home: Home, adas: Any) -> None:
    (part,) = adas.turn.question.images
    address = f"/pictures/{part.sha256}"
    mine = home.browser("ada").client.get(address)
    assert (mine.status_code, mine.headers["vary"]) == (200, "Cookie")
    nobody = home.browser("bob").client.get("/pictures/" + "0" * 64)
    for name in ("bob", "rita", "olga"):
        found = home.browser(name).client.get(address)
        assert found.status_code == nobody.status_code == 404
        assert found.json()["error"]["message"].replace(part.sha256, "0" * 64) == nobody.json()["error"]["message"]


def test_the_same_picture_from_two_people_is_there_for_both(home: Home) -> None:
    one = home.ask("ada", "what is it?", [picture("purple")])
    (part,) = one.turn.question.images
    assert home.browser("bob").client.get(f"/pictures/{part.sha256}").status_code == 404
    home.ask("bob", "what is it?", [picture("purple")])
    assert home.browser("bob").client.get(f"/pictures/{part.sha256}").status_code == 200


# Programs


def test_the_api_finds_nothing_of_anybody_else(home: Home, adas: Any) -> None:
    bob = home.browser("bob").client
    nowhere = "0" * 32
    for path, field, body in (
        ("/v1/feedback", "turn_id", {"rating": "down"}),
        ("/v1/explain", "turn_id", {"word": 0}),
        ("/v1/turns", "conversation_id", {"text": "and?"}),
    ):
        hers = adas.turn.conversation_id if field == "conversation_id" else adas.id
        found, nobodys = (bob.post(path, json={**body, field: each}) for each in (hers, nowhere))
        assert found.status_code == nobodys.status_code == 404
        assert found.json()["error"]["message"].replace(hers, nowhere) == nobodys.json()["error"]["message"]
    for path in (f"/v1/turns/{adas.id}", f"/v1/feedback/{adas.id}", f"/v1/conversations/{adas.turn.conversation_id}"):
        assert bob.get(path).status_code == 404 or nothing_of_hers(bob.get(path).text)
    current = home.runtime.store.feedback(adas.id)
    assert current is not None
    assert current.rating == "up"


def test_what_a_program_asks_belongs_to_its_person(home: Home) -> None:
    ada, bob = home.browser("ada").client, home.browser("bob").client
    record = bob.post("/v1/turns", json={"text": "bob asks", "images": [base64.b64encode(picture()).decode()]}).json()
    chat = record["turn"]["conversation_id"]
    assert bob.post("/v1/turns", json={"text": "more", "conversation_id": chat}).status_code == 200
    assert ada.post("/v1/turns", json={"text": "more", "conversation_id": chat}).status_code == 404
    message = {"messages": [{"role": "user", "content": "bob chats"}]}
    reply = bob.post("/v1/chat/completions", json=message).json()
    assert bob.post("/v1/feedback", json={"turn_id": reply["id"], "rating": "up"}).json()["stored"]
    assert ada.post("/v1/feedback", json={"turn_id": reply["id"], "rating": "up"}).status_code == 404
    assert "bob chats" in home.browser("bob").said("load")


# Roles


def test_only_reviewers_read_appeals_and_their_pictures(home: Home, refused: Any) -> None:
    (part,) = refused.turn.question.images
    for name, may in (("ada", False), ("bob", False), ("rita", True), ("olga", True)):
        browser = home.browser(name)
        assert ("forbidden</mark> knitting" in browser.said("panel", panel="appeals", act="")) is may
        assert (">Appeals" in browser.said("load")) is may
        assert ("test.forbidden" in browser.said("panel", panel="refusals", act="")) is may
        assert (browser.client.get(f"/pictures/{part.sha256}").status_code == 200) is (may or name == "ada")


def test_only_reviewers_decide(home: Home) -> None:
    record = home.ask("bob", "forbidden as well")
    home.runtime.appeal(record.id, "")
    (appeal,) = home.runtime.store.appeals_of(record.id)
    decision = {"panel": "appeals", "act": "overturn", "appeal": appeal.id, "reason": "It is fine."}
    for name in ("bob", "ada"):
        home.browser(name).press("panel", **decision)
        assert home.runtime.store.appeal(appeal.id).status == "open"
    home.browser("rita").press("panel", **decision)
    decided = home.runtime.store.appeal(appeal.id)
    assert (decided.status, decided.reviewer) == ("overturned", "rita")


def test_the_numbers_of_the_house_are_for_operators(home: Home) -> None:
    for name, status in (("ada", 403), ("rita", 403), ("olga", 200)):
        assert home.browser(name).client.get("/metrics").status_code == status


# The store


HOUSE = {
    "people", "for_person", "close", "size", "verify_audit", "audit_leaves", "record_pack_change", "last_pack_change",
    "pack_changes", "record_plugin_change", "rule_tallies", "appealed_image",
}  # fmt: skip
"""What is about the house as a whole, and holds no word that anybody said; or is asked for reviewers alone."""


def test_every_method_of_the_store_is_kept_to_one_person_or_about_the_house() -> None:
    public = {name for name, _ in inspect.getmembers(Store) if not name.startswith("_")}
    kept = {name for name in vars(PersonalStore) if not name.startswith("_")}
    assert public - kept - HOUSE == set()


@pytest.mark.parametrize(
    "look",
    [
        lambda store, turn, chat: store.turn(turn),
        lambda store, turn, chat: store.siblings(turn),
        lambda store, turn, chat: store.newest_below(turn),
        lambda store, turn, chat: store.branch(chat),
        lambda store, turn, chat: store.branch(chat, turn),
        lambda store, turn, chat: store.last_leaf(chat),
        lambda store, turn, chat: store.stay_at(chat, turn),
        lambda store, turn, chat: store.tag_conversation(chat, ["x"]),
        lambda store, turn, chat: store.rename_conversation(chat, "x"),
        lambda store, turn, chat: store.delete_conversation(chat),
        lambda store, turn, chat: store.add_feedback(Feedback(turn_id=turn, rating="up")),
        lambda store, turn, chat: store.add_appeal(Appeal(turn_id=turn, rule="r", pack="p", pack_version="1")),
    ],
)
def test_the_store_says_the_same_of_somebody_elses_id_and_of_nobodys(home: Home, adas: Any, look: Any) -> None:
    from assistant.errors import NotFound

    bobs = home.runtime.store.for_person(home.accounts.get("bob").id)
    said = []
    for turn, chat in ((adas.id, adas.turn.conversation_id), ("0" * 32, "1" * 32)):
        with pytest.raises(NotFound) as error:
            look(bobs, turn, chat)
        said.append(str(error.value).replace(turn, "TURN").replace(chat, "CHAT"))
    assert said[0] == said[1]


def test_lists_searches_and_exports_have_only_ones_own(home: Home, adas: Any, refused: Any) -> None:
    store = home.runtime.store
    bobs, hers = (store.for_person(home.accounts.get(name).id) for name in ("bob", "ada"))
    store.tag_conversation(adas.turn.conversation_id, ["wool"])
    mine = {each.id for each in bobs.conversations()}
    assert adas.turn.conversation_id not in mine
    assert adas.turn.conversation_id in {each.id for each in hers.conversations()}
    assert bobs.search("knitting") == []
    assert bobs.search("", tags=["wool"]) == []
    assert bobs.search("nitt") == []  # parts of words
    assert {each.conversation.id for each in hers.search("knitting")} >= {adas.turn.conversation_id}
    assert bobs.tags() == []
    assert hers.tags() == [("wool", 1)]
    assert not bobs.has_turn(adas.id)
    assert (bobs.feedback(adas.id), bobs.feedback_history(adas.id), bobs.appeals_of(refused.id)) == (None, [], [])
    assert all(each.turn_id != adas.id for each, _ in bobs.all_feedback())
    assert all(each.turn_id != refused.id for each in bobs.appeals())
    assert len(list(hers.all_feedback())) == 1


def test_files_have_only_ones_own(home: Home, adas: Any, refused: Any) -> None:
    chat = adas.turn.conversation_id
    nobodys = home.browser("bob").client.get(f"/chats/{'0' * 32}/file")
    for as_format in ("html", "json", "md", "zip"):
        mine = home.browser("ada").client.get(f"/chats/{chat}/file?format={as_format}")
        assert mine.status_code == 200, as_format
        for name in ("bob", "rita", "olga"):
            found = home.browser(name).client.get(f"/chats/{chat}/file?format={as_format}")
            assert found.status_code == nobodys.status_code == 404
            assert found.text.replace(chat, "0" * 32) == nobodys.text
    assert "knitting" in home.browser("ada").client.get("/chats/all/file?format=json").text
    assert nothing_of_hers(home.browser("bob").client.get("/chats/all/file?format=json").text)


def test_an_import_opens_nobody_elses_picture_or_chat(home: Home, adas: Any) -> None:
    """A file names Ada's chat, or her picture without its bytes; or it is the one that Ada saved."""
    from assistant.chat_files import import_chats
    from assistant.errors import GlassboxError, StoreError

    bobs, bob = home.runtime.for_person(home.accounts.get("bob").id), home.browser("bob").client
    (hers,) = adas.turn.question.images

    own = home.ask("bob", "own picture", [picture("orange")])
    (part,) = own.turn.question.images
    file = bob.get(f"/chats/{own.turn.conversation_id}/file?format=json").text
    forged = file.replace(part.sha256, hers.sha256).replace(own.turn.conversation_id, "2" * 32)
    forged = forged.replace(own.id, "3" * 32)
    with contextlib.suppress(GlassboxError):
        import_chats(bobs, forged.encode())
    assert bob.get(f"/pictures/{hers.sha256}").status_code == 404

    turn = own.turn.model_copy(
        update={
            "id": "4" * 32,
            "conversation_id": "5" * 32,
            "question": own.turn.question.model_copy(update={"images": (hers.model_copy(update={"data": b""}),)}),
        }
    )
    with pytest.raises(StoreError, match="without its bytes"):
        bobs.store.save_turn(own.model_copy(update={"turn": turn}))
    assert bob.get(f"/pictures/{hers.sha256}").status_code == 404

    # Last, because Bob then has a copy of his own of what Ada's file holds, her picture with it.
    exported = home.browser("ada").client.get(f"/chats/{adas.turn.conversation_id}/file?format=json").content
    import_chats(bobs, exported)
    assert [each.id for each in home.runtime.store.branch(adas.turn.conversation_id)] == [adas.id]
    assert not bobs.store.has_turn(adas.id)


def test_a_turn_does_not_get_into_somebody_elses_chat(home: Home, adas: Any) -> None:
    from assistant.runtime import Question, finish

    bobs = home.runtime.for_person(home.accounts.get("bob").id)
    for parent in (adas.id, None):
        asked = Question("sneaking in", conversation_id=adas.turn.conversation_id, parent_id=parent)
        record = finish(bobs.run_turn(asked))
        assert not home.runtime.store.has_turn(record.id)
        assert record.turn.history == ()
    assert [each.id for each in home.runtime.store.branch(adas.turn.conversation_id)] == [adas.id]


# Before there were accounts


def test_old_chats_belong_to_the_local_person_until_they_are_handed_over(tmp_path: Any) -> None:
    from assistant.accounts import Accounts
    from assistant.testing import ask, make_runtime

    runtime = make_runtime(tmp_path)
    record = ask(runtime, "from before")
    accounts = Accounts(runtime.store)
    ada = accounts.add("ada", "correct horse battery", who="test")
    assert not runtime.store.for_person(ada.id).has_turn(record.id)
    assert runtime.store.for_person("local").has_turn(record.id)
    assert accounts.hand_over_local_chats("ada") == 1
    assert runtime.store.for_person(ada.id).has_turn(record.id)
    assert not runtime.store.for_person("local").has_turn(record.id)
    runtime.close()


def test_removing_an_account_takes_its_chats_along_and_nothing_else(tmp_path: Any) -> None:
    from assistant.accounts import Accounts
    from assistant.runtime import Question, finish
    from assistant.testing import make_runtime

    runtime = make_runtime(tmp_path)
    accounts = Accounts(runtime.store)
    records = {}
    for name in ("ada", "bob"):
        theirs = runtime.for_person(accounts.add(name, "correct horse battery", who="test").id)
        records[name] = finish(theirs.run_turn(theirs.follow(None, Question(f"{name} asks", [picture()]))))
    assert accounts.remove("bob", who="test") == 1
    assert not runtime.store.has_turn(records["bob"].id)
    assert runtime.store.turn(records["ada"].id).turn.question.images[0].data
    assert runtime.store.verify_audit().ok
    runtime.close()
