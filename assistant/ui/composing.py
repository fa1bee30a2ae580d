"""Preparing a question: pictures come from files, addresses and cameras, get an order and descriptions, and may go."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from assistant.errors import GlassboxError, ImageError, InputError, TooManyImages
from assistant.fetching import fetch
from assistant.intake import ImageSource, read_image, with_regions
from assistant.messages import ImagePart, Message
from assistant.runtime import Runtime
from assistant.ui.drafts import Draft, DraftPicture, Drafts
from assistant.ui.fields import field_number, field_text
from assistant.ui.languages import tr
from assistant.ui.session import Update
from assistant.ui.views.tray import tray
from assistant.verdicts import Region

MOST_ALT = 1000
"""Characters of a description."""


class Composing:
    """The handlers of the box for the question.

    Args:
        runtime: its settings have the limits.
        drafts: what is being prepared on every page.
        uploads: the folder into which the page uploads files; no other file is read.
    """

    def __init__(self, runtime: Runtime, drafts: Drafts, uploads: Path) -> None:
        self._runtime = runtime
        self._drafts = drafts
        self._uploads = uploads

    def act(self, session: str, data: Mapping[str, Any]) -> Update:
        """What a button or a field of the box asks for; ``data["act"]`` names it."""
        key = field_text(data, "picture")
        try:
            match field_text(data, "act"):
                case "add":
                    return self.add(session, _uploaded(data))
                case "address":
                    return self.add_address(session, field_text(data, "address"))
                case "camera":
                    return Update(camera=True)
                case "close-camera":
                    return Update(camera=False)
                case "remove":
                    return self.remove(session, key)
                case "earlier":
                    return self.move(session, key, -1)
                case "later":
                    return self.move(session, key, 1)
                case "alt":
                    return self.describe(session, key, field_text(data, "value"))
                case "point":
                    return self.point(session, key)
                case "place":
                    edges = [_share(data, name, 1) for name in ("left", "top", "right", "bottom")]
                    return self.add_place(session, key, *edges)
                case "place-by-numbers":
                    left, top = _share(data, "left", 100), _share(data, "top", 100)
                    right, bottom = left + _share(data, "width", 100), top + _share(data, "height", 100)
                    return self.add_place(session, key, left, top, right, bottom)
                case "remove-place":
                    return self.remove_place(session, key, field_number(data, "place"))
                case "edit":
                    return self.edit(session, field_text(data, "turn"))
                case "cancel":
                    return self.cancel(session)
                case unknown:
                    raise InputError(
                        f"The page asked for “{unknown}”, which does not exist.", hint="Load the page again."
                    )
        except GlassboxError as error:
            problem = str(error)
            return self._changed(session, lambda draft: replace(draft, problem=problem))

    def add(self, session: str, files: Sequence[Path]) -> Update:
        """Add pictures from files that the page has uploaded, in this order; those that cannot be read are named."""
        sources: list[ImageSource] = []
        problems: list[str] = []
        for file in files:
            try:
                sources.append(uploaded_file(str(file), self._uploads))
            except InputError as error:
                problems.append(str(error))
        return self._read(session, sources, problems)

    def add_photo(self, session: str, file: str | None) -> Update:
        """Add what the camera took, and put the camera away."""
        if file is None:
            return Update()
        update = self.add(session, [Path(file)])
        return replace(update, camera=False)

    def add_address(self, session: str, address: str) -> Update:
        """Add the picture behind an address of the open internet.

        Raises:
            FetchError: it may not or cannot be fetched.
            ImageError: it is no picture.
        """
        address = address.strip()
        data = fetch(address, most_bytes=self._runtime.settings.max_image_bytes)
        part = read_image(data, self._runtime.settings)
        name = unquote(urlsplit(address).path.rpartition("/")[2])[:200]
        return self._with(session, [part.model_copy(update={"name": name})])

    def remove(self, session: str, key: str) -> Update:
        """Take a picture out; the keyboard goes to the next one."""

        def change(draft: Draft) -> Draft:
            place = draft.find(key)
            rest = tuple(each for each in draft.pictures if each.key != key)
            if place < 0:
                return draft
            focus = f"remove-{rest[min(place, len(rest) - 1)].key}" if rest else "box"
            return replace(draft, pictures=rest, focus=focus)

        return self._changed(session, change)

    def move(self, session: str, key: str, by: int) -> Update:
        """Move a picture one place; the keyboard stays with it."""

        def change(draft: Draft) -> Draft:
            place = draft.find(key)
            to = place + by
            if place < 0 or not 0 <= to < len(draft.pictures):
                return draft
            pictures = list(draft.pictures)
            pictures.insert(to, pictures.pop(place))
            at_end = to in (0, len(pictures) - 1)
            way = ("later" if by < 0 else "earlier") if at_end else ("earlier" if by < 0 else "later")
            return replace(draft, pictures=tuple(pictures), focus=f"{way}-{key}")

        return self._changed(session, change)

    def describe(self, session: str, key: str, alt: str) -> Update:
        """Give a picture a description, for whoever cannot see it and for the search."""
        words = " ".join(alt.split())[:MOST_ALT]

        def change(draft: Draft) -> Draft:
            pictures = tuple(
                replace(each, part=each.part.model_copy(update={"alt": words})) if each.key == key else each
                for each in draft.pictures
            )
            return replace(draft, pictures=pictures)

        self._drafts.change(session, change)
        return Update()  # drawing it anew would take the keyboard away from what comes next

    def point(self, session: str, key: str) -> Update:
        """Show a picture to draw on; with an empty key, put it away."""
        focus = "pointing-title" if key else "box"
        return self._changed(session, lambda draft: replace(draft, pointing=key, focus=focus))

    def add_place(self, session: str, key: str, left: float, top: float, right: float, bottom: float) -> Update:
        """Point at a place of a picture, in fractions of its width and height; what reaches over an edge is cut off.

        Raises:
            InputError: the place is too small, or there are too many.
        """
        (left, right), (top, bottom) = sorted((left, right)), sorted((top, bottom))
        place = Region(left=_inside(left), top=_inside(top), right=_inside(right), bottom=_inside(bottom))
        before = self._drafts.get(session)
        at = before.find(key)
        if at < 0:
            raise InputError("This picture is no longer there.", hint="Add it again.")
        message = Message(text="", images=tuple(each.part for each in before.pictures))
        with_regions(message, (*before.regions, place.model_copy(update={"image": at})))
        return self._changed(session, lambda draft: _with_places(draft, key, lambda all_of_them: (*all_of_them, place)))

    def remove_place(self, session: str, key: str, number: int | None) -> Update:
        """Take a place out; the numbers of the later ones move up."""

        def without(places: tuple[Region, ...]) -> tuple[Region, ...]:
            return tuple(each for at, each in enumerate(places) if at != number)

        return self._changed(session, lambda draft: replace(_with_places(draft, key, without), focus="pointing-title"))

    def edit(self, session: str, turn_id: str) -> Update:
        """Put an earlier question with its pictures into the box, to be changed and asked again.

        Raises:
            NotFound: there is no such turn.
        """
        question = self._runtime.store.turn(turn_id).turn.question
        pictures = tuple(
            DraftPicture(part, tuple(region for region in question.regions if region.image == number))
            for number, part in enumerate(question.images)
        )
        draft = Draft(pictures=pictures, editing=turn_id, focus="box")
        return replace(self._changed(session, lambda _: draft), box=question.text)

    def cancel(self, session: str) -> Update:
        """Leave the earlier question as it is."""
        return replace(self._changed(session, lambda _: Draft(focus="box")), box="")

    def draw(self, session: str) -> Update:
        """The pictures that wait, for a page that has just been opened."""
        return self._changed(session, lambda draft: draft)

    def _read(self, session: str, sources: Sequence[ImageSource], problems: list[str]) -> Update:
        parts: list[ImagePart] = []
        for source in sources:
            try:
                parts.append(read_image(source, self._runtime.settings))
            except ImageError as error:
                problems.append(str(error))
        return self._with(session, parts, " ".join(problems))

    def _with(self, session: str, parts: Sequence[ImagePart], problem: str = "") -> Update:
        most = self._runtime.settings.max_images

        def change(draft: Draft) -> Draft:
            pictures = (*draft.pictures, *(DraftPicture(part) for part in parts))
            said = problem
            if len(pictures) > most:
                error = TooManyImages(
                    tr(
                        "At most {most} pictures go with one question; {number} were left out.",
                        most=most,
                        number=len(pictures) - most,
                    ),
                    hint="Send the others with a second question.",
                )
                said = f"{problem} {error}".strip()
            return replace(draft, pictures=pictures[:most], problem=said, focus="" if said else "box")

        return self._changed(session, change)

    def _changed(self, session: str, change: Callable[[Draft], Draft]) -> Update:
        return Update(tray=tray(self._drafts.change(session, change)))


def _with_places(draft: Draft, key: str, change: Callable[[tuple[Region, ...]], tuple[Region, ...]]) -> Draft:
    pictures = tuple(
        replace(each, regions=change(each.regions)) if each.key == key else each for each in draft.pictures
    )
    return replace(draft, pictures=pictures)


def _share(data: Mapping[str, Any], name: str, whole: float) -> float:
    """A number from 0 to ``whole``, as a fraction of it.

    Raises:
        InputError: it is something else.
    """
    value = field_text(data, name)
    try:
        share = float(value) / whole
    except ValueError:
        share = float("nan")
    if not math.isfinite(share):
        raise InputError(f"Expected a number for “{name}”; came “{value[:20]}”.", hint="Draw the box, or type numbers.")
    return share


def _inside(share: float) -> float:
    return min(1.0, max(0.0, share))


def uploaded_file(path: str, uploads: Path) -> Path:
    """A file that the page has uploaded.

    Raises:
        InputError: it is not in the folder of uploads, or not there.
    """
    try:
        file = Path(path).resolve()
        if path and file.is_relative_to(uploads.resolve()) and file.is_file():
            return file
    except (ValueError, OSError):
        pass
    raise InputError(f"“{Path(path).name}” did not arrive.", hint="Send it again; it may be too large.")


def _uploaded(data: Mapping[str, Any]) -> list[Path]:
    files = data.get("files")
    names = cast("list[Any]", files) if isinstance(files, list) else []
    return [Path(each) for each in names if isinstance(each, str) and "\0" not in each]
