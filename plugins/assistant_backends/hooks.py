"""Where the models meet the house: those that can answer, and what they tell the rules about a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from assistant import Backend, Evaluator, Host, ImagePart, Reading, hookimpl
from assistant_backends.built_in import BuiltInBackend
from assistant_backends.naming import named_models
from assistant_backends.seeing import SeenInPicture


class Backends:
    """The plugin: our own small models, and those that the settings name."""

    def __init__(self) -> None:
        self._named: Sequence[Backend] = ()

    @hookimpl
    def startup(self, host: Host) -> None:
        """Open the models that the settings name; nothing is loaded or reached here."""
        self._named = named_models(host.settings)

    @hookimpl
    def register_backends(self) -> Sequence[Backend]:
        """Our own models, each with weights that come with the package, and the named ones; loaded when first used."""
        from assistant_vlm import packaged_sets

        photos = [BuiltInBackend(name="glassbox-photos", bundled="photos")] if "photos" in packaged_sets() else []
        return [BuiltInBackend(), *photos, *self._named]

    @hookimpl
    def register_evaluators(self) -> Sequence[Evaluator]:
        """Offer ``picture``."""
        return [SeenInPicture(_looking)]

    @hookimpl(phase="observe", on_failure="open", time_limit=60)
    def read_picture(self, image: ImagePart) -> Reading:
        """The reader of last resort: the bundled model knows a few drawn words."""
        return _looking().read_words(image)


@cache
def _looking() -> BuiltInBackend:
    """The model that looks on behalf of the rules; one that answers may be busy."""
    return BuiltInBackend()
