"""The page before the first question: what this is, what to do, and pictures to try."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.ui.examples import Example
from assistant.ui.languages import current, tr
from assistant.ui.views.markup import Html, tag


def welcome(examples: Sequence[Example]) -> Html:
    """What a stranger needs to begin."""
    return tag(
        "div",
        tag("h2", tr("Ask about a picture")),
        tag(
            "ol",
            tag("li", tr("Drop, paste or choose a picture in the box below, or take one of these.")),
            tag("li", tr("Ask a question. The answer says how sure it is.")),
            tag("li", tr("Click any word of the answer to see where in the picture it came from.")),
        ),
        tag("ul", *(_example(number, each) for number, each in enumerate(examples)), class_="examples")
        if examples
        else None,
        # Whoever reads another language would else ask in it.
        tag("p", tr("The bundled model understands questions in English only."), class_="notice")
        if current() != "en"
        else None,
        class_="welcome",
    )


def _example(number: int, example: Example) -> Html:
    return tag(
        "li",
        tag("img", src=f"examples/{example.file}", alt=example.alt),
        tag(
            "div",
            *(
                tag(
                    "button",
                    question,
                    type="button",
                    dir="auto",
                    lang="en",
                    data_event="turn",
                    data_act="example",
                    data_example=number,
                    data_question=place,
                )
                for place, question in enumerate(example.questions)
            ),
        ),
    )
