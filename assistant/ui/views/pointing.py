"""Pointing at places in a picture before it is sent: by drawing on it, or by numbers."""

from __future__ import annotations

from assistant.ui.drafts import Draft, DraftPicture
from assistant.ui.views.markup import Html, tag
from assistant.ui.views.picture import Picture
from assistant.ui.views.pointed import pointed_picture
from assistant.ui.views.small import small

SIDE = 560
"""Pixels of the longer side of the picture to draw on."""

_EDGES = (("left", "From the left, %"), ("top", "From the top, %"), ("width", "Width, %"), ("height", "Height, %"))


def pointing(draft: Draft, picture: DraftPicture, first: int) -> Html:
    """The picture to draw on, and the places drawn so far.

    Args:
        draft: what is being prepared.
        picture: the one of its pictures.
        first: the number that its first place has.
    """
    number = draft.find(picture.key) + 1
    shown = Picture(small(picture.part, SIDE), picture.part.alt or f"Picture {number}")
    return tag(
        "section",
        tag("h3", f"Point at a part of picture {number}", id="pointing-title", tabindex="-1"),
        tag("p", "Draw a box with the mouse or a finger. The question is then about what is in the box."),
        tag(
            "div",
            pointed_picture(shown, picture.regions, first),
            class_="canvas",
            data_picture=picture.key,
        ),
        _places(picture, first) if picture.regions else None,
        tag(
            "details",
            tag("summary", "Set a box by numbers"),
            tag(
                "form",
                *(_edge(name, label) for name, label in _EDGES),
                tag("button", "Add this box", type="submit"),
                data_event="draft",
                data_act="place-by-numbers",
                data_picture=picture.key,
            ),
        ),
        tag("button", "Done", type="button", class_="done", data_event="draft", data_act="point", data_picture=""),
        class_="pointing",
        aria_labelledby="pointing-title",
    )


def _places(picture: DraftPicture, first: int) -> Html:
    return tag(
        "ul",
        *(
            tag(
                "li",
                f"Place {first + place} ",
                tag(
                    "button",
                    "Remove",
                    type="button",
                    aria_label=f"Remove place {first + place}",
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
