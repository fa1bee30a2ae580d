"""A picture with boxes around the places that a verdict or an explanation points at."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.ui.languages import tr
from assistant.ui.views.markup import Html, tag
from assistant.ui.views.picture import Picture
from assistant.verdicts import Region


def marked_pictures(pictures: Sequence[Picture], regions: Sequence[Region]) -> list[Html]:
    """Every picture that a region points into, with its boxes; regions in pictures that are not there are left out."""
    return [
        _marked(picture, number, mine)
        for number, picture in enumerate(pictures)
        if (mine := [region for region in regions if region.image == number])
    ]


def _marked(picture: Picture, number: int, regions: Sequence[Region]) -> Html:
    said = "; ".join(dict.fromkeys(f"“{region.text}”" for region in regions if region.text))
    label = (
        tr("Marked in picture {number}: {said}", number=number + 1, said=said)
        if said
        else tr("The marked places in picture {number}", number=number + 1)
    )
    boxes = tag(
        "svg",
        *(
            tag(
                "rect",
                x=f"{100 * region.left:.2f}%",
                y=f"{100 * region.top:.2f}%",
                width=f"{100 * max(0.0, region.right - region.left):.2f}%",
                height=f"{100 * max(0.0, region.bottom - region.top):.2f}%",
            )
            for region in regions
        ),
        role="img",
        aria_label=label,
    )
    return tag(
        "figure",
        tag("div", tag("img", src=picture.address, alt=picture.alt), boxes, class_="overlay boxes"),
        tag("figcaption", label),
        class_="marked",
    )
