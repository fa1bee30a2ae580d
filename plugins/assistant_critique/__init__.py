"""The second look: a model that can follow instructions reads a text that the light evaluators are unsure about.

The setting ``critic_model`` names the backend. Without it no rule takes a second look, and the light evaluators decide.
"""

from __future__ import annotations

from assistant_critique.critic import CriticEvaluator, Critique

__all__ = ["CriticEvaluator", "Critique"]
