"""A small vision-language model that answers questions about pictures on a plain processor.

Start with `load`, then `LoadedModel.encode_image` and `LoadedModel.generate`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from assistant_vlm.errors import PictureError, SettingsError, VlmError, WeightsError
from assistant_vlm.settings import GenerationSettings
from assistant_vlm.weight_sets import packaged_sets

if TYPE_CHECKING:
    from assistant_vlm.batching import Answer, Request
    from assistant_vlm.choosing import Choice
    from assistant_vlm.familiarity import Familiarity
    from assistant_vlm.loading import load, load_named
    from assistant_vlm.model import CrossAttention, LoadedModel
    from assistant_vlm.picture import EncodedImage
    from assistant_vlm.prefix import Cut
    from assistant_vlm.sites import Sites
    from assistant_vlm.writing import Step

__all__ = [
    "Answer",
    "Choice",
    "CrossAttention",
    "Cut",
    "EncodedImage",
    "Familiarity",
    "GenerationSettings",
    "LoadedModel",
    "PictureError",
    "Request",
    "SettingsError",
    "Sites",
    "Step",
    "VlmError",
    "WeightsError",
    "load",
    "load_named",
    "packaged_sets",
]

_NEED_TORCH = {
    "Answer": "batching",
    "Choice": "choosing",
    "CrossAttention": "model",
    "Cut": "prefix",
    "EncodedImage": "picture",
    "Familiarity": "familiarity",
    "LoadedModel": "model",
    "Request": "batching",
    "Sites": "sites",
    "Step": "writing",
    "load": "loading",
    "load_named": "loading",
}


def __getattr__(name: str) -> Any:
    """Bring in what needs torch only when it is asked for."""
    if name in _NEED_TORCH:
        return getattr(import_module(f"assistant_vlm.{_NEED_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
