"""Vision-language models of Hugging Face, from a folder or from the hub; needs the extra ``hf``."""

from __future__ import annotations

from assistant_backends.hugging.backend import HuggingBackend
from assistant_backends.hugging.files import ModelFiles

__all__ = ["HuggingBackend", "ModelFiles"]
