"""The same prompts under two constitutions, side by side. Nothing is stored, and no model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.evaluators import Evaluator
from assistant.packs import Decision, PreviewRow, Prompt
from assistant_constitutions.composing import Constitution
from assistant_constitutions.engine import subject_of


def preview(
    without: Constitution, with_pack: Constitution, evaluators: Mapping[str, Evaluator], prompts: Sequence[Prompt]
) -> list[PreviewRow]:
    """What two constitutions decide about prompts."""
    return [
        PreviewRow(
            text=prompt.text,
            role=prompt.role,
            without=decide(without, evaluators, prompt),
            with_pack=decide(with_pack, evaluators, prompt),
        )
        for prompt in prompts
    ]


def decide(constitution: Constitution, evaluators: Mapping[str, Evaluator], prompt: Prompt) -> Decision:
    """What a constitution decides about one prompt."""
    subject, places = subject_of(prompt.text, prompt.role, image=prompt.image)
    ranked = constitution.ranked(constitution.judge(evaluators, subject, places))
    if not ranked or ranked[0].action == "allow":
        return Decision()
    first, rule = ranked[0], ranked[0].rule
    return Decision(
        action=first.action, rule=rule.id if rule else "", pack=rule.pack if rule else "", score=first.score
    )
