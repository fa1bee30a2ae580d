"""What a running turn tells the door that it came in by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.messages import TurnRecord

Step = Literal["intake", "text", "rules", "waiting", "loading", "reading", "writing", "checking", "storing"]

STEP_TEXTS: dict[Step, str] = {
    "intake": "Taking in the question",
    "text": "Reading the text in the picture",
    "rules": "Checking the rules",
    "waiting": "Waiting for the model to finish another answer",
    "loading": "Loading the model",
    "reading": "Reading the picture",
    "writing": "Writing",
    "checking": "Checking the answer",
    "storing": "Storing",
}


@dataclass(frozen=True, slots=True)
class StepStarted:
    """The turn has come to a new step."""

    step: Step

    @property
    def text(self) -> str:
        """The step in words, for the page."""
        return STEP_TEXTS[self.step]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the answer that has passed its checks and may be shown."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every turn, however it ended. What was shown before gives way to ``record.shown``."""

    record: TurnRecord


Event = StepStarted | Segment | Finished
