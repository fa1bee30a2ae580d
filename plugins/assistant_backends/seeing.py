"""What the bundled model sees in a picture, for rules: the evaluator ``picture``."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from assistant import Finding, ImagePart, Region, Subject
from assistant.evaluators import Cost
from assistant_backends.built_in import DEFAULT_QUESTION, BuiltInBackend

MOST_NAMES = 50
KEPT = 256
_OPTIONS = {"names", "at_least"}


class SeenInPicture:
    """Reports a picture in which the bundled model sees something with one of the names of a rule.

    Options: ``names``, a list of words or phrases, and ``at_least``, the confidence in (0, 1] from which on the model
    is believed (0.5 where left out). The score is the model's confidence in its whole sentence about the picture.

    The model is small. It knows drawn shapes and a few everyday things, and of other pictures it may say something
    wrong and be sure of it: use this to add a question or a remark, and not as the only guard against anything.

    Args:
        backend: gives the model that looks.
    """

    name = "picture"
    cost: Cost = "heavy"

    def __init__(self, backend: Callable[[], BuiltInBackend]) -> None:
        self._backend = backend
        self._seen: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept ``names`` and ``at_least``.

        Raises:
            ValueError: names the option, what was expected and what came.
        """
        unknown = sorted(set(options) - _OPTIONS)
        if unknown:
            raise ValueError(f"expected the options names and at_least; came {unknown[0]!r}")
        names = options.get("names")
        good = isinstance(names, list | tuple) and all(isinstance(name, str) and name.strip() for name in names)
        if not good or not names or len(names) > MOST_NAMES:
            raise ValueError(f"option names: expected 1 to {MOST_NAMES} names; came {names!r:.80}")
        least = options.get("at_least", 0.5)
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 < least <= 1:
            raise ValueError(f"option at_least: expected a number over 0 and up to 1; came {least!r:.80}")

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look at the pictures of the turn; the finding marks those in which a name was seen."""
        best = 0.0
        regions: list[Region] = []
        said: list[str] = []
        for number, image in enumerate(subject.turn.images):
            sentence, confidence = self._look(image)
            if confidence >= options.get("at_least", 0.5) and _names_one(sentence, options["names"]):
                best = max(best, confidence)
                regions.append(Region(image=number, left=0, top=0, right=1, bottom=1))
                said.append(sentence)
        if not regions:
            return None
        return Finding(score=best, regions=tuple(regions), detail="the model sees: " + "; ".join(said))

    def _look(self, image: ImagePart) -> tuple[str, float]:
        with self._lock:
            if image.sha256 not in self._seen:
                backend = self._backend()
                sentence, confidence = backend.answer_picture(image, DEFAULT_QUESTION)
                if backend.is_unfamiliar(image):
                    confidence = 0.0
                while len(self._seen) >= KEPT:
                    self._seen.pop(next(iter(self._seen)))
                self._seen[image.sha256] = (sentence, min(1.0, max(0.0, confidence)))
            return self._seen[image.sha256]


def _names_one(sentence: str, names: list[str]) -> bool:
    return any(re.search(rf"\b{re.escape(name.strip())}s?\b", sentence, re.IGNORECASE) for name in names)
