"""Ask the model under test about the pictures of a file; remember what it said and how long it took."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from assistant.evaluation.rows import PictureFile
from assistant.evaluation.subject import Answer, Subject
from assistant.evaluation.trials import Target
from assistant.intake import read_image
from assistant.messages import ImagePart
from assistant.settings import Settings

Source = int | tuple[int, int]
"""Which picture: a row's place among the chosen ones, or the width and height of a blank one."""

KEPT_CHOICES = 5
"""So many of the ranked options are remembered."""
GREY = (128, 128, 128)


class Asker:
    """Asks each question about each picture once; asked again, it repeats the answer without a call.

    Args:
        file: the pictures.
        subject: the model.
        settings: the limits for pictures, as in a chat.
        options: the answers to choose among for each target.
    """

    def __init__(
        self, file: PictureFile, subject: Subject, settings: Settings, options: Mapping[Target, Sequence[str]]
    ) -> None:
        self.milliseconds: dict[str, list[float]] = defaultdict(list)
        """How long the calls of `ask_row` took, by what was asked."""
        self.sizes: dict[int, tuple[int, int]] = {}
        """Width and height of every row's picture that could be read."""
        self._file, self._subject, self._settings, self._options = file, subject, settings, options
        self._answers: dict[tuple[Source, str], Answer] = {}
        self._choices: dict[tuple[Source, str, Target], tuple[tuple[str, float], ...]] = {}
        self._latest: tuple[Source, ImagePart] | None = None

    def ask_row(self, place: int, questions: Mapping[str, Sequence[Target]]) -> None:
        """Ask about one row's picture, and take the time.

        Args:
            place: the row's place.
            questions: each question with the targets for which it is also asked with a list of answers.

        Raises:
            ImageError: the picture cannot be read.
            GenerationError: the model could not answer.
        """
        picture = self._picture(place)
        self.sizes[place] = picture.width, picture.height
        for number, (question, targets) in enumerate(questions.items()):
            name = "further question about a picture" if number else "first question about a picture"
            self._timed(name, lambda question=question: self.answer(place, question))
            if self._subject.can_choose:
                for target in targets:
                    self._timed(
                        f"choice among {len(self._options[target]):,} answers",
                        lambda question=question, target=target: self.choose(place, question, target),
                    )

    def answer(self, source: Source, question: str) -> Answer:
        """The answer in free text.

        Raises:
            ImageError: the picture cannot be read.
            GenerationError: the model could not answer.
        """
        key = source, question
        if key not in self._answers:
            self._answers[key] = self._subject.answer(self._picture(source), question)
        return self._answers[key]

    def choose(self, source: Source, question: str, target: Target) -> tuple[tuple[str, float], ...]:
        """The likeliest answers for a target with their probabilities, best first; at most `KEPT_CHOICES`.

        Raises:
            ImageError: the picture cannot be read.
            GenerationError: the model could not answer.
        """
        key = source, question, target
        if key not in self._choices:
            ranked = self._subject.choose(self._picture(source), question, self._options[target])
            self._choices[key] = tuple(ranked[:KEPT_CHOICES])
        return self._choices[key]

    def answered(self, source: Source, question: str) -> Answer | None:
        """The answer in free text, where it was given."""
        return self._answers.get((source, question))

    def chosen(self, source: Source, question: str, target: Target) -> tuple[tuple[str, float], ...] | None:
        """The ranked choices, where they were made."""
        return self._choices.get((source, question, target))

    def _timed(self, name: str, call: Callable[[], object]) -> None:
        start = perf_counter()
        call()
        self.milliseconds[name].append(1000 * (perf_counter() - start))

    def _picture(self, source: Source) -> ImagePart:
        if self._latest is None or self._latest[0] != source:
            data = self._file.images[source] if isinstance(source, int) else _blank(source)
            self._latest = source, read_image(data, self._settings)
        return self._latest[1]


def _blank(size: tuple[int, int]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", size, GREY).save(out, "PNG")
    return out.getvalue()
