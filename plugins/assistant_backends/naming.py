"""From the name of a model, as it stands in a setting or behind ``--model``, to a backend."""

from __future__ import annotations

from collections.abc import Callable

from assistant import Backend
from assistant.errors import GlassboxError
from assistant.settings import Settings
from assistant_backends.unusable import UnusableModel


def named_models(settings: Settings) -> list[Backend]:
    """The models that the settings name and that do not come with a plugin, each once.

    One whose name cannot be read is among them: asked, it says what is wrong.
    """
    names = dict.fromkeys((settings.model, *settings.models, settings.critic_model))
    return [opened for name in names if (opened := open_model(name, settings)) is not None]


def open_model(name: str, settings: Settings) -> Backend | None:
    """The backend behind ``openai:...`` or ``hf:...``; ``None`` for any other name."""
    kind = name.partition(":")[0]
    opener = _OPENERS.get(kind)
    if opener is None:
        return None
    try:
        return opener(name, settings)
    except GlassboxError as error:
        return UnusableModel(name, error)


def _served(name: str, settings: Settings) -> Backend:
    from assistant_backends.served import ServedBackend, read_address

    address = read_address(name)
    key = settings.model_keys.get(address.server)
    return ServedBackend(
        name,
        address,
        key=key.get_secret_value() if key else "",
        first_seconds=settings.first_token_seconds,
        next_seconds=settings.next_token_seconds,
    )


def _hugging(name: str, settings: Settings) -> Backend:
    from assistant_backends.hugging import HuggingBackend, ModelFiles

    return HuggingBackend(name, ModelFiles(name.removeprefix("hf:")))


_OPENERS: dict[str, Callable[[str, Settings], Backend]] = {"openai": _served, "hf": _hugging}
