"""Chats in: from JSON or zip, ours or another product's. Everything in such a file comes from outside, and is looked at
as such."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from assistant.chat_files.copies import copied, with_ids
from assistant.chat_files.data import FORMAT, VERSION
from assistant.chat_files.foreign import Foreign, read_foreign
from assistant.errors import GlassboxError, ImageError, InputError, StoreError
from assistant.messages import Exchange, ImagePart, Message, TurnRecord
from assistant.runtime import Runtime
from assistant.settings import Settings
from assistant.verdicts import Refusal

MOST_BYTES = 500_000_000
"""Of a file, and of what a zip unpacks to."""

_HINT = "Choose a .json or .zip file that Glassbox, ChatGPT, Open WebUI or LibreChat has exported."
_CHATGPT = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json")
_PICTURE = re.compile(r".*\.(?:png|jpe?g|webp|gif|bmp|dat)", re.IGNORECASE)
_OVERLAP = 200
"""Characters that two neighbouring pieces of a long answer share when they are judged."""


@dataclass(slots=True)
class Imported:
    """What became of a file. ``problems`` are sentences about turns that could not be taken as they are; ``product`` is
    whose file it was, empty for one of Glassbox."""

    product: str = ""
    chats: list[str] = field(default_factory=list[str])
    new_turns: int = 0
    known_turns: int = 0
    problems: list[str] = field(default_factory=list[str])

    @property
    def message(self) -> str:
        """What a person reads."""
        new = "1 turn" if self.new_turns == 1 else f"{self.new_turns} turns"
        known = f" {self.known_turns} were here already." if self.known_turns else ""
        source = f" from {self.product}" if self.product else ""
        return " ".join([f"Imported {new} of {len(self.chats)} chats{source}.{known}", *self.problems])


def import_chats(runtime: Runtime, data: bytes) -> Imported:
    """Store the chats of a file. Turns that are here already are left alone, so a file may be imported again. A chat
    that belongs to another account becomes a copy with ids of its own.

    The rules judge every answer: one that they refuse is not stored, and its turn says so.

    Raises:
        InputError: it is no such file.
        StoreError: it cannot be stored; what came before it in the file is.
    """
    opened = _opened(data, runtime.settings)
    done = Imported(opened.product)
    for chat in opened.chats:
        _import_chat(runtime, chat, opened.pictures, done)
    if opened.left_out:
        counted = ", ".join(f"{what} ({count})" for what, count in sorted(opened.left_out.items()))
        done.problems.append(f"Left out: {counted}.")
    return done


def _own(document: Any, pictures: Mapping[str, bytes]) -> Foreign:
    """The chats of a file of Glassbox.

    Raises:
        InputError: it is none.
    """
    if not isinstance(document, dict) or cast("dict[str, Any]", document).get("format") != FORMAT:
        raise InputError("The file is JSON, and no chats that Glassbox knows.", hint=_HINT)
    found = cast("dict[str, Any]", document)
    version = found.get("version")
    if version != VERSION:
        raise InputError(
            f"The file is of version {version!r}; this Glassbox reads version {VERSION}.", hint="Update Glassbox."
        )
    return Foreign("", _listed(found, "chats"), {**_encoded(found), **pictures}, Counter())


def _import_chat(runtime: Runtime, chat: Mapping[str, Any], pictures: Mapping[str, bytes], done: Imported) -> None:
    store, conversation = runtime.store, str(chat.get("id") or "")
    checked: dict[str, ImagePart] = {}
    first, before = True, done.new_turns + done.known_turns
    records = [_record(turn) for turn in _listed(chat, "turns")]
    for record in records:
        if record.turn.conversation_id != conversation:
            raise InputError(f"The turn {record.id!r} is not of the chat that it stands in.", hint=_HINT)
    ids = copied(store, conversation, records)
    conversation = ids.get(conversation, conversation)
    for record in (with_ids(each, ids) for each in records):
        if store.has_turn(record.id):
            done.known_turns += 1
            first = False
            continue
        try:
            record = _with_pictures(record, pictures, checked, runtime)
        except ImageError as error:
            done.problems.append(f"The turn “{_short(record)}” was left out. {error}")
            continue
        store.save_turn(_judged(runtime, record, done))
        done.new_turns += 1
        if first:
            first = False
            _name(runtime, conversation, chat, done)
    leaf = chat.get("leaf")
    if isinstance(leaf, str) and store.has_turn(ids.get(leaf, leaf)):
        store.stay_at(conversation, ids.get(leaf, leaf))
    if done.new_turns + done.known_turns > before:
        done.chats.append(conversation)


def _name(runtime: Runtime, conversation: str, chat: Mapping[str, Any], done: Imported) -> None:
    """Give a chat that is new here its title and its tags."""
    given = chat.get("tags")
    tags = cast("list[Any]", given) if isinstance(given, list) else []
    try:
        runtime.store.rename_conversation(conversation, str(chat.get("title") or ""))
        runtime.store.tag_conversation(conversation, [each for each in tags if isinstance(each, str)])
    except StoreError as error:
        done.problems.append(str(error))


def _judged(runtime: Runtime, record: TurnRecord, done: Imported) -> TurnRecord:
    """The record, without its answer where a rule of this house refuses that."""
    if not record.answer:
        return record
    try:
        refusal = _refusal(runtime, record.answer)
    except GlassboxError as error:
        reason = str(error)
    else:
        if refusal is None:
            return record
        reason = f"The rule “{refusal.rule.title}” refuses it."
    done.problems.append(f"The answer to “{_short(record)}” was left out. {reason}")
    said = f"The answer was left out when this chat was imported. {reason}"
    trace = record.trace.model_copy(update={"draft_changes": (), "backend_state": {}})
    return record.model_copy(
        update={"status": "failed", "answer": "", "error": said, "confidence": None, "trace": trace}
    )


def _refusal(runtime: Runtime, answer: str) -> Refusal | None:
    """What the rules say about an answer, which may be longer than what they look at at once."""
    most = runtime.settings.max_text
    for start in range(0, len(answer), max(1, most - _OVERLAP)):
        if refusal := runtime.check(answer[start : start + most], role="answer").refusal:
            return refusal
    return None


def _record(value: Any) -> TurnRecord:
    try:
        record = TurnRecord.model_validate(value)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"]) or "the whole"
        raise InputError(f"A turn in the file cannot be read; the first thing wrong is {where}.", hint=_HINT) from error
    if record.refusal is not None and record.answer:
        raise InputError(f"The turn {record.id!r} was refused and has an answer.", hint=_HINT)
    return record


def _with_pictures(
    record: TurnRecord, pictures: Mapping[str, bytes], checked: dict[str, ImagePart], runtime: Runtime
) -> TurnRecord:
    def filled(message: Message) -> Message:
        return message.model_copy(update={"images": tuple(_filled(part) for part in message.images)})

    def _filled(part: ImagePart) -> ImagePart:
        if part.sha256 not in checked:
            checked[part.sha256] = _checked(part, pictures.get(part.sha256, b""), runtime)
        return part.model_copy(update={"data": checked[part.sha256].data})

    turn = record.turn
    history = tuple(Exchange(question=filled(each.question), answer=each.answer) for each in turn.history)
    return record.model_copy(
        update={"turn": turn.model_copy(update={"question": filled(turn.question), "history": history})}
    )


def _checked(part: ImagePart, data: bytes, runtime: Runtime) -> ImagePart:
    """The picture with its bytes, if these are what intake would have made of it.

    Raises:
        ImageError: they are missing, or something else.
    """
    from PIL import Image

    label = f"The picture “{part.name or part.sha256[:12]}”"
    if not data or hashlib.sha256(data).hexdigest() != part.sha256:
        raise ImageError(f"{label} is missing or was changed.")
    settings = runtime.settings
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as image:
            sane = max(image.size) <= settings.max_image_side and image.mode == "RGB" and not image.getexif()
            if not sane or image.size != (part.width, part.height) or image.get_format_mimetype() != part.media_type:
                raise ImageError(f"{label} is not as Glassbox keeps pictures.")
            image.load()
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise many types for broken files
        raise ImageError(f"{label} is damaged ({error}).") from error
    return part.model_copy(update={"data": data})


def _opened(data: bytes, settings: Settings) -> Foreign:
    if len(data) > MOST_BYTES:
        raise InputError(f"The file has {len(data):,} bytes; at most {MOST_BYTES:,} can be imported.")
    if data.startswith(b"PK"):
        return _unzipped(data, settings)
    document = _document(data)
    return read_foreign(document, {}, settings) or _own(document, {})


def _encoded(document: Mapping[str, Any]) -> dict[str, bytes]:
    """The pictures that stand in a document, by their hash."""
    encoded = document.get("pictures")
    pictures: dict[str, bytes] = {}
    for sha256, value in (cast("dict[str, Any]", encoded) if isinstance(encoded, dict) else {}).items():
        try:
            pictures[sha256] = base64.b64decode(str(value), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputError(f"The picture {sha256[:12]!r} in the file is not base64.", hint=_HINT) from error
    return pictures


def _unzipped(data: bytes, settings: Settings) -> Foreign:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if sum(entry.file_size for entry in entries.values()) > MOST_BYTES:
                raise InputError(f"The zip unpacks to more than {MOST_BYTES:,} bytes.", hint=_HINT)
            theirs = sorted(name for name in entries if _CHATGPT.fullmatch(name))
            if theirs and "chats.json" not in entries:
                documents = [_document(archive.read(name)) for name in theirs]
                files = {name: archive.read(name) for name in entries if _PICTURE.fullmatch(name)}
                chats = [each for document in documents if isinstance(document, list) for each in document]
                found = read_foreign(chats, files, settings)
                if found is None:
                    raise InputError("The zip has no chats that Glassbox knows.", hint=_HINT)
                return found
            document = _document(archive.read("chats.json"))
            kept = [archive.read(name) for name in entries if name.startswith("pictures/")]
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise InputError(f"The zip cannot be read: {error}.", hint=_HINT) from error
    return _own(document, {hashlib.sha256(picture).hexdigest(): picture for picture in kept})


def _document(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("The file is neither JSON nor a zip.", hint=_HINT) from error


def _listed(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if not isinstance(found, list):
        raise InputError(f"Expected a list named {name!r} in the file; there is none.", hint=_HINT)
    entries = cast("list[Any]", found)
    if not all(isinstance(each, dict) for each in entries):
        raise InputError(f"An entry of {name!r} in the file cannot be read.", hint=_HINT)
    return entries


def _short(record: TurnRecord) -> str:
    question = " ".join(record.turn.question.text.split()) or "(a picture)"
    return question if len(question) <= 60 else question[:59] + "…"
