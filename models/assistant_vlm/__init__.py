"""A small vision-language model that answers questions about pictures on a plain processor.

Start with `load`, then `LoadedModel.encode_image` and `LoadedModel.generate`.
"""

from typing import TYPE_CHECKING, Any

from assistant_vlm.errors import PictureError, SettingsError, VlmError, WeightsError

if TYPE_CHECKING:
    from assistant_vlm.generation import GenerationSettings, Step
    from assistant_vlm.loading import CrossAttention, EncodedImage, LoadedModel, load

__all__ = [
    "CrossAttention",
    "EncodedImage",
    "GenerationSettings",
    "LoadedModel",
    "PictureError",
    "SettingsError",
    "Step",
    "VlmError",
    "WeightsError",
    "load",
]


def __getattr__(name: str) -> Any:
    """Bring in what needs torch only when it is asked for."""
    if name in ("GenerationSettings", "Step"):
        from assistant_vlm import generation

        return getattr(generation, name)
    if name in ("CrossAttention", "EncodedImage", "LoadedModel", "load"):
        from assistant_vlm import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
