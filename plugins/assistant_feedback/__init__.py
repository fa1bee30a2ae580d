"""Feedback that does something: this plugin keeps every rating and says what became of it."""

from __future__ import annotations

from assistant_feedback.recorder import Recorder

__all__ = ["Recorder"]
