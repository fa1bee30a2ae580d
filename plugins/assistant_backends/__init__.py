"""The models that Glassbox can answer with."""

from __future__ import annotations

from collections.abc import Sequence

from assistant import Backend, hookimpl
from assistant_backends.built_in import BuiltInBackend

__all__ = ["BuiltInBackend", "register_backends"]


@hookimpl
def register_backends() -> Sequence[Backend]:
    """Our own small models, each with weights that come with the package; they are loaded when first used."""
    from assistant_vlm import packaged_sets

    photos = [BuiltInBackend(name="glassbox-photos", bundled="photos")] if "photos" in packaged_sets() else []
    return [BuiltInBackend(), *photos]
