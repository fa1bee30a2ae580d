"""Ask a model a plain question: no rules, no pictures, no history, nothing stored. For checks that need a reader."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from assistant.backends import Delta
from assistant.errors import GenerationError, UnknownModel
from assistant.messages import Message, Turn, TurnSettings

if TYPE_CHECKING:
    from assistant.generation import Generator


class AskModel(Protocol):
    """What a plugin calls as ``host.ask_model``."""

    def __call__(self, model: str, prompt: str, *, seconds: float, max_tokens: int) -> str:
        """What the model says to the prompt.

        Args:
            model: the name of a backend.
            prompt: the whole of what it gets to read.
            seconds: how long it may take, with the wait for other people's answers.
            max_tokens: how much it may write.

        Raises:
            BackendError: there is no such model, it failed, or the time was over.
        """
        ...


def no_model(model: str, prompt: str, *, seconds: float, max_tokens: int) -> str:
    """Where no model can be asked.

    Raises:
        UnknownModel: always.
    """
    raise UnknownModel(f"There is no model {model!r}: no model can be asked here.")


def ask_plainly(generator: Generator, prompt: str, *, seconds: float, max_tokens: int) -> str:
    """See `AskModel`."""
    turn = Turn(question=Message(text=prompt), settings=TurnSettings(max_tokens=max_tokens))
    stop = threading.Event()
    end = monotonic() + seconds
    said: list[str] = []
    for item in generator.run(turn, stop):
        if isinstance(item, Delta):
            said.append(item.text)
        if monotonic() > end:
            stop.set()
            raise GenerationError(f"The model {generator.backend.name!r} took longer than {seconds:g} s.")
    return "".join(said)
