"""The evaluator ``critic``: a model reads the rule and the text, and says whether the one breaks the other."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant import Host, hookimpl
from assistant.errors import GlassboxError
from assistant.evaluators import Evaluator, Finding, Subject
from assistant_critique.prompts import read_verdict, verdict_prompt

log = logging.getLogger("glassbox.critique")

VERDICT_TOKENS = 16
"""A verdict is one word; a model that thinks aloud is cut off and asked once more."""


class CriticOptions(BaseModel):
    """What a rule may tell this evaluator.

    ``rule`` is the sentence that the model judges by. ``when_unsure`` says what counts where the model failed, was too
    slow or gave no verdict twice: the rule ``holds`` (the default: a check that did not run does not pass), or it
    ``passes``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(min_length=10, max_length=2_000)
    when_unsure: Literal["holds", "passes"] = "holds"


class CriticEvaluator:
    """Judges a text by one rule. The score is 1 where the model says that the text breaks it, else 0."""

    name = "critic"
    cost: Literal["light", "heavy"] = "heavy"

    def __init__(self) -> None:
        self._host: Host | None = None

    def connect(self, host: Host) -> None:
        """From now on there is somebody to ask, if the settings name a model."""
        self._host = host

    @property
    def ready(self) -> bool:
        """Whether a model is named; where none is, the light evaluators of a rule decide alone."""
        return self._host is not None and bool(self._host.settings.critic_model)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule.

        Raises:
            ValueError: names the option, what was expected and what came.
        """
        _checked(options)

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Ask the model, and once more where its answer is no verdict. Whatever it does, a finding comes of it.

        Returns:
            The finding; ``None`` where no model is named.
        """
        if self._host is None or not self.ready:
            return None
        checked, settings = _checked(options), self._host.settings
        end = monotonic() + settings.critic_seconds
        reason = "it gave no verdict"
        for again in (False, True):
            prompt = verdict_prompt(checked.rule, subject.part, subject.text, again=again)
            left = end - monotonic()
            if left <= 0:
                break
            try:
                said = self._host.ask_model(settings.critic_model, prompt, seconds=left, max_tokens=VERDICT_TOKENS)
            except GlassboxError as error:
                # Of the message only the kind is kept: it may quote a text that is about to be refused.
                reason = type(error).__name__
                log.warning("The critic %r failed: %s", settings.critic_model, reason)
                break
            verdict = read_verdict(said)
            if verdict is not None:
                return Finding(
                    score=1.0 if verdict == "violates" else 0.0, detail=f"{settings.critic_model}: {verdict}"
                )
        score = 1.0 if checked.when_unsure == "holds" else 0.0
        return Finding(score=score, detail=f"{settings.critic_model}: unsure, {reason}; the rule {checked.when_unsure}")


def _checked(options: Mapping[str, Any]) -> CriticOptions:
    try:
        return CriticOptions.model_validate(dict(options))
    except ValidationError as error:
        problems = [
            f"option {'.'.join(map(str, each['loc']))!r}: {each['msg']}; came {each['input']!r:.80}"
            for each in error.errors()
        ]
        raise ValueError("; ".join(problems)) from error


class Critique:
    """The plugin: it brings the evaluator and tells it whom to ask."""

    def __init__(self) -> None:
        self._critic = CriticEvaluator()

    @hookimpl
    def register_evaluators(self) -> Sequence[Evaluator]:
        """Offer the evaluator ``critic``."""
        return [self._critic]

    @hookimpl
    def startup(self, host: Host) -> None:
        """Remember the way to the models."""
        self._critic.connect(host)
