"""Pointing at places in a picture before it is sent: by drawing on it, or by numbers."""

from __future__ import annotations

from assistant.ui.drafts import Draft, DraftPicture
from assistant.ui.languages import later, tr
from assistant.ui.views.markup import Html, tag
from assistant.ui.views.picture import Picture
from assistant.ui.views.pointed import pointed_picture
from assistant.ui.views.small import small

SIDE = 560
"""Pixels of the longer side of the picture to draw on."""

_EDGES = (
    ("left", later("From the left, %")),
    ("top", later("From the top, %")),
    ("width", later("Width, %")),
    ("height", later("Height, %")),
)


def pointing(draft: Draft, picture: DraftPicture, first: int) -> Html:
    """The picture to draw on, and the places drawn so far.

    Args:
        draft: what is being prepared.
        picture: the one of its pictures.
        first: the number that its first place has.
    """
    number = draft.find(picture.key) + 1
    shown = Picture(small(picture.part, SIDE), picture.part.alt or tr("Picture {number}", number=number))
    return tag(
        "section",
        tag("h3", tr("Point at a part of picture {number}", number=number), id="pointing-title", tabindex="-1"),
        tag("p", tr("Draw a box with the mouse or a finger. The question is then about what is in the box.")),
        tag(
            "div",
            pointed_picture(shown, picture.regions, first),
            class_="canvas",
            data_picture=picture.key,
        ),
        _places(picture, first) if picture.regions else None,
        tag(
            "details",
            tag("summary", tr("Set a box by numbers")),
            tag(
                "form",
                *(_edge(name, tr(label)) for name, label in _EDGES),
                tag("button", tr("Add this box"), type="submit"),
                data_event="draft",
                data_act="place-by-numbers",
                data_picture=picture.key,
            ),
        ),
        tag("button", tr("Done"), type="button", class_="done", data_event="draft", data_act="point", data_picture=""),
        class_="pointing",
        aria_labelledby="pointing-title",
    )


def _places(picture: DraftPicture, first: int) -> Html:
    return tag(
        "ul",
        *(
            tag(
                "li",
                tr("Place {number}", number=first + place),
                " ",
                tag(
                    "button",
                    tr("Remove"),
                    type="button",
                    aria_label=tr("Remove place {number}", number=first + place),
                    data_event="draft",
                    data_act="remove-place",
                    data_picture=picture.key,
                    data_place=place,
                ),
            )
            for place in range(len(picture.regions))
        ),
        class_="places",
    )


def _edge(name: str, label: str) -> Html:
    field = f"edge-{name}"
    value = "25" if name in ("left", "top") else "50"
    return tag(
        "div",
        tag("label", label, for_=field),
        tag("input", id=field, name=name, type="number", min="0", max="100", step="any", value=value, required=True),
    )
