"""Where reading meets the turn."""

from __future__ import annotations

from collections.abc import Sequence

from assistant import Evaluator, Explanation, ImagePart, ModelTrace, Reading, TurnRecord, hookimpl
from assistant.intake import open_image
from assistant_reading.ocr import Ocr, installed
from assistant_reading.page import Reader, read_page
from assistant_reading.unread import UnreadText

SECONDS_IN_ALL = 60.0
"""For one picture, loading the reader included."""
CAVEAT = (
    "A reader of printed text quoted the picture; no language model wrote this. It may take one letter for another."
)


class PictureReader:
    """The plugin. The reader is loaded at the first picture that is not plain.

    Args:
        reader: reads in place of rapidocr.
    """

    def __init__(self, reader: Reader | None = None) -> None:
        self._reader = reader or (Ocr() if installed() else None)

    @hookimpl(phase="normalise", on_failure="open", time_limit=SECONDS_IN_ALL)
    def read_picture(self, image: ImagePart) -> Reading | None:
        """Read a picture; ``None`` where the extra ``ocr`` is not installed."""
        return None if self._reader is None else read_page(open_image(image), self._reader)

    @hookimpl
    def register_evaluators(self) -> Sequence[Evaluator]:
        """Offer ``unread_text``."""
        return [UnreadText()]

    @hookimpl(phase="observe")
    def explain_word(self, record: TurnRecord, trace: ModelTrace, word: int) -> Explanation | None:
        """Show where a quoted word stands in the picture; ``None`` for a word that a model wrote."""
        chosen = trace.words[word]
        line = chosen.copied_from
        if line is None:
            return None
        where = f"picture {chosen.image + 1}" if len(record.turn.images) > 1 else "the picture"
        sure = f"{line.confidence:.0%}".replace("%", " %")
        return Explanation(
            method="reading",
            title="Where it was read",
            word=chosen.text,
            regions=(line.region.model_copy(update={"image": chosen.image, "text": line.text}),),
            text=f"“{chosen.text}” was read in {where}, in the line “{line.text}”. The reader is {sure} sure of it.",
            caveat=CAVEAT,
        )
