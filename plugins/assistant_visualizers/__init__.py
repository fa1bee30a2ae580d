"""Answers that can be taken apart: for a word of an answer, where the model looked when it wrote it."""

from __future__ import annotations

from assistant_visualizers.attention import explain_word

__all__ = ["explain_word"]
