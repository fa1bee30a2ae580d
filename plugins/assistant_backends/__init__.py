"""The models that Glassbox can answer with, and what they can tell the rules about a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from assistant import Backend, Evaluator, ImagePart, Reading, hookimpl
from assistant_backends.built_in import BuiltInBackend
from assistant_backends.seeing import SeenInPicture

__all__ = ["BuiltInBackend", "SeenInPicture", "read_picture", "register_backends", "register_evaluators"]


@hookimpl
def register_backends() -> Sequence[Backend]:
    """Our own small models, each with weights that come with the package; they are loaded when first used."""
    from assistant_vlm import packaged_sets

    photos = [BuiltInBackend(name="glassbox-photos", bundled="photos")] if "photos" in packaged_sets() else []
    return [BuiltInBackend(), *photos]


@hookimpl
def register_evaluators() -> Sequence[Evaluator]:
    """Offer ``picture``."""
    return [SeenInPicture(_looking)]


@hookimpl(phase="observe", on_failure="open", time_limit=60)
def read_picture(image: ImagePart) -> Reading:
    """The reader of last resort: the bundled model knows a few drawn words."""
    return _looking().read_words(image)


@cache
def _looking() -> BuiltInBackend:
    """The model that looks on behalf of the rules; one that answers may be busy."""
    return BuiltInBackend()
