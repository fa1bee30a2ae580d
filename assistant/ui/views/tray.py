"""The box for the question, without its text: ways to add pictures, and the pictures that wait to be sent."""

from __future__ import annotations

from assistant.messages import new_id
from assistant.ui.drafts import Draft, DraftPicture
from assistant.ui.languages import told, tr, trn
from assistant.ui.views.markup import Html, tag
from assistant.ui.views.pointing import pointing
from assistant.ui.views.small import small

THUMB = 160
"""Pixels of the longer side of a picture in the tray."""

ACCEPTED = "image/*,.heic,.heif"


def ways_to_add() -> Html:
    """The buttons below the box; what they need of the browser is in the page's script."""
    hidden = {"type": "file", "accept": ACCEPTED, "hidden": True, "tabindex": "-1"}
    return tag(
        "div",
        tag("button", tr("Add pictures"), type="button", id="add-pictures"),
        tag("input", id="files", multiple=True, aria_label=tr("Pictures"), **hidden),
        tag("button", tr("Take a photo"), type="button", id="take-photo"),
        tag("input", id="photo", capture="environment", aria_label=tr("A photo"), **hidden),
        tag(
            "details",
            tag("summary", tr("From an address")),
            tag(
                "form",
                tag("label", tr("Address of a picture on the internet"), for_="address"),
                tag("input", id="address", name="address", type="url", required=True, placeholder="https://"),
                tag("button", tr("Fetch it"), type="submit"),
                data_event="draft",
                data_act="address",
            ),
            id="from-address",
        ),
        class_="ways",
        data_busy=tr("Fetching the picture…"),
    )


def tray(draft: Draft) -> Html:
    """The pictures that wait, each with a description, and ways to move and remove it."""
    count = len(draft.pictures)
    changing = tag(
        "p",
        tr("You are changing an earlier question. The old version stays, and you can switch back to it."),
        " ",
        tag("button", tr("Leave it as it was"), type="button", data_event="draft", data_act="cancel"),
        class_="changing",
    )
    pictures = [_picture(each, place, count) for place, each in enumerate(draft.pictures)]
    return tag(
        "div",
        changing if draft.editing else None,
        tag("p", told(draft.problem), class_="problem", role="alert") if draft.problem else None,
        tag("ol", *pictures, aria_label=tr("Pictures that go with the question")) if pictures else None,
        _pointing(draft),
        class_="tray",
        data_drawn=new_id(),
        data_focus=draft.focus,
    )


def _pointing(draft: Draft) -> Html | None:
    place = draft.find(draft.pointing)
    if place < 0:
        return None
    return pointing(draft, draft.pictures[place], 1 + sum(len(each.regions) for each in draft.pictures[:place]))


def _picture(picture: DraftPicture, place: int, count: int) -> Html:
    part, key, number = picture.part, picture.key, place + 1
    name = part.name or tr("without a name")
    field = f"alt-{key}"
    return tag(
        "li",
        tag("img", src=small(part, THUMB), alt=part.alt or tr("Picture {number}, {name}", number=number, name=name)),
        tag(
            "div",
            tag("span", f"{number}. ", tag("bdi", name), class_="name"),
            tag("label", tr("Describe it (may stay empty)"), for_=field),
            tag("input", dir="auto", id=field, value=part.alt, maxlength="1000", data_change="alt", data_picture=key),
            tag(
                "div",
                _button("earlier", "←", tr("Move picture {number} forward", number=number), key, disabled=place == 0),
                _button("later", "→", tr("Move picture {number} back", number=number), key, disabled=number == count),
                _button("point", _point_label(picture), tr("Point at a part of picture {number}", number=number), key),
                _button("remove", tr("Remove"), tr("Remove picture {number}", number=number), key),
                class_="buttons",
            ),
            class_="about",
        ),
    )


def _point_label(picture: DraftPicture) -> str:
    count = len(picture.regions)
    return tr("Point") if not count else trn("{count} place", "{count} places", count)


def _button(act: str, sign: str, label: str, key: str, *, disabled: bool = False) -> Html:
    return tag(
        "button",
        tag("span", sign, class_="mirrored", aria_hidden="true") if sign in ("←", "→") else sign,
        type="button",
        id=f"{act}-{key}",
        aria_label=label,
        disabled=disabled,
        data_event="draft",
        data_act=act,
        data_picture=key,
    )
