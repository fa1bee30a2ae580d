"""A picture with the numbered places that a question points at."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.ui.languages import trn
from assistant.ui.views.markup import Html, tag
from assistant.ui.views.picture import Picture
from assistant.verdicts import Region


def pointed_picture(picture: Picture, regions: Sequence[Region], first: int) -> Html:
    """The picture with a box and a number for each place.

    Args:
        picture: where it is.
        regions: the places in it.
        first: the number of the first one.
    """
    boxes: list[Html] = []
    for number, region in enumerate(regions, first):
        left, top = 100 * region.left, 100 * region.top
        width, height = 100 * (region.right - region.left), 100 * (region.bottom - region.top)
        box = {"x": f"{left:.2f}%", "y": f"{top:.2f}%", "width": f"{width:.2f}%", "height": f"{height:.2f}%"}
        boxes += [tag("rect", **box), tag("text", str(number), x=f"{left:.2f}%", y=f"{top:.2f}%", dx="4", dy="17")]
    numbers = ", ".join(str(first + place) for place in range(len(regions)))
    label = trn("Place {numbers} is marked", "Places {numbers} are marked", len(regions), numbers=numbers)
    return tag(
        "span",
        tag("img", src=picture.address, alt=picture.alt),
        tag("svg", *boxes, role="img", aria_label=label) if regions else None,
        class_="overlay boxes pointed",
    )
