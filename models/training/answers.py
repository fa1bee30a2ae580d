"""Answer many questions at once, for evaluation and calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from assistant_vlm.generation import GenerationSettings, Step
from assistant_vlm.loading import LoadedModel
from training.captions import agrees
from training.questions import Asked

_SETTINGS = GenerationSettings(max_tokens=48)


@dataclass(frozen=True)
class Answered:
    """A question, the model's answer, and how likely the model holds it to be right."""

    asked: Asked
    steps: tuple[Step, ...]
    image_given: bool
    confidence: float

    @property
    def text(self) -> str:
        """The model's answer."""
        return "".join(step.text for step in self.steps)

    @property
    def right(self) -> bool:
        """Whether it is exactly the right answer, or, of a photograph, agrees with what people said of it."""
        return agrees(self.text, self.asked.captions) if self.asked.captions else self.text == self.asked.answer


def answer(model: LoadedModel, picture: Image.Image | None, conversation: Sequence[Asked]) -> list[Answered]:
    """The model's answers to the questions of one conversation.

    As in a chat, the history holds the model's own answers.
    """
    image = None if picture is None else model.encode_image(picture)
    history: list[tuple[str, str]] = []
    answers: list[Answered] = []
    for asked in conversation:
        steps = tuple(model.generate(image, asked.question, history, _SETTINGS))
        answers.append(Answered(asked, steps, image is not None, model.confidence(steps, image is not None)))
        history.append((asked.question, answers[-1].text))
    return answers
