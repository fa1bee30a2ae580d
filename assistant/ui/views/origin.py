"""“Where did this word come from?”: the words of an answer as buttons, and the map of one word over its picture."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.backends import Word
from assistant.explanations import Explanation, HeatMap
from assistant.messages import TurnRecord
from assistant.ui.languages import later, percent, told, tr
from assistant.ui.views.marked_picture import marked_pictures
from assistant.ui.views.markup import Html, join, tag
from assistant.ui.views.picture import Picture, picture_of

TITLE = later("Where did this word come from?")


def origin_section(
    record: TurnRecord,
    words: Sequence[Word],
    chosen: int | None,
    explanations: Sequence[Explanation],
    problem: str = "",
) -> Html:
    """The section for one answer.

    Args:
        record: the turn.
        words: the answer's words as the model wrote them.
        chosen: the index of the word that is shown.
        explanations: what the plugins say about it.
        problem: why there is nothing to show.
    """
    pictures = [picture_of(part, number) for number, part in enumerate(record.turn.images)]
    if problem:
        content: list[Html | None] = [tag("p", told(problem), class_="problem", role="alert")]
    elif chosen is None:
        hint = tr("Choose a word to see what the model looked at while it wrote it.")
        content = [_words(record.id, words, chosen), tag("p", hint, class_="quiet")]
    elif not explanations:
        content = [
            _words(record.id, words, chosen),
            tag("p", tr("No plugin has an explanation for this word."), class_="quiet", role="status"),
        ]
    else:
        content = [_words(record.id, words, chosen), *(_explanation(each, pictures) for each in explanations)]
    return tag("section", tag("h3", tr(TITLE)), *content, class_="origin")


def _words(turn_id: str, words: Sequence[Word], chosen: int | None) -> Html:
    return tag(
        "div",
        *(
            tag(
                "button",
                word.text,
                type="button",
                aria_pressed="true" if number == chosen else "false",
                data_event="explain",
                data_act="word",
                data_turn=turn_id,
                data_word=number,
            )
            for number, word in enumerate(words)
        ),
        class_="words",
        dir="auto",
        role="group",
        aria_label=tr("The words of the answer"),
    )


def _explanation(explanation: Explanation, pictures: Sequence[Picture]) -> Html:
    heat_map = explanation.heat_map
    picture = None
    if heat_map is not None and heat_map.image < len(pictures):
        picture = overlay(pictures[heat_map.image], heat_map, told(explanation.text))
    return tag(
        "div",
        tag("h4", f"{told(explanation.title)}: ", tag("bdi", f"“{explanation.word}”")),
        picture,
        *marked_pictures(pictures, explanation.regions),
        tag("p", told(explanation.text), class_="says", role="status"),
        tag("p", told(explanation.caveat), class_="caveat") if explanation.caveat else None,
        class_="explanation",
    )


def overlay(picture: Picture, heat_map: HeatMap, description: str) -> Html:
    """A picture under its heat map: one rectangle for each cell, tiling the picture exactly.

    Cells that got little are darkened and those that got much are left bright under a warm tint, each in proportion to
    the strongest cell.
    """
    rows = len(heat_map.weights)
    cols = len(heat_map.weights[0]) if rows else 0
    strongest = max((cell for row in heat_map.weights for cell in row), default=0.0)
    cells: list[Html] = []
    for row, weights in enumerate(heat_map.weights):
        for col, weight in enumerate(weights):
            share = weight / strongest if strongest > 0 else 0.0
            cells.append(
                tag(
                    "rect",
                    x=col,
                    y=row,
                    width=1,
                    height=1,
                    fill=_colour(share),
                    fill_opacity=f"{0.62 - 0.3 * share:.3f}",
                    data_weight=f"{weight:.4f}",
                )
            )
    grid = tag(
        "svg",
        *cells,
        viewBox=f"0 0 {cols} {rows}",
        preserveAspectRatio="none",
        shape_rendering="crispEdges",
        role="img",
        aria_label=tr("Heat map. {description}", description=description),
    )
    return tag(
        "figure",
        tag("div", tag("img", src=picture.address, alt=picture.alt), grid, class_="overlay"),
        tag(
            "figcaption",
            tag("label", tag("input", type="checkbox", class_="bare"), " ", tr("Show the picture without the map")),
            _scale(strongest),
        ),
    )


_RAMP = ((8, 6, 40), (120, 28, 109), (229, 92, 48), (252, 220, 60))
"""Dark violet, purple, orange, yellow: ordered by lightness too, so that it reads without colour vision."""


def _colour(share: float) -> str:
    position = min(max(share, 0.0), 1.0) * (len(_RAMP) - 1)
    below = min(int(position), len(_RAMP) - 2)
    part = position - below
    mixed = (round(low + (high - low) * part) for low, high in zip(_RAMP[below], _RAMP[below + 1], strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _scale(strongest: float) -> Html:
    return tag(
        "span",
        percent(0),
        " ",
        tag("span", class_="ramp", aria_hidden="true"),
        " ",
        tr("{share} in one cell", share=percent(strongest)),
        class_="scale",
    )


def confidence_line(record: TurnRecord) -> Html | None:
    """How sure the model is of the whole answer, in a sentence."""
    if record.status == "unsure":
        return tag("p", tr("The model was not sure enough to answer, and said so."))
    if record.confidence is None or record.status != "answered":
        return None
    reader = record.trace.model.reader if record.trace.model else ""
    if reader:
        sure = tag("strong", tr("{share} sure.", share=percent(record.confidence)))
        return tag(
            "p",
            sure,
            " ",
            tr("So sure is the reader of text ({reader}) of the least clear line that is quoted.", reader=reader),
        )
    return tag(
        "p",
        tag("strong", tr("{share} sure.", share=percent(record.confidence))),
        " ",
        tr("When the model was tested, about this share of the answers that it was so sure of were right."),
    )


def words_missing(record: TurnRecord) -> str:
    """Why an answer has no words to take apart; empty where it has."""
    if record.refusal is not None:
        return tr("A rule ended this turn before an answer was shown, so there are no words to look into.")
    if record.edited_from:
        return tr("You wrote this answer yourself, so there is no model to look into.")
    if record.status in ("failed", "stopped"):
        return tr("This answer is not whole, so its words cannot be traced.")
    if not record.answer:
        return tr("There are no words to look into.")
    return ""


def quoted(record: TurnRecord) -> Html:
    """Which answer the panel is about."""
    question = record.turn.question.text or tr("(a picture without a question)")
    short = question if len(question) <= 80 else question[:79] + "…"
    return tag("p", join([tr("About:"), " ", tag("q", short, dir="auto")]), class_="about")
