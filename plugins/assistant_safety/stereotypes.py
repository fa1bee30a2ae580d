"""The evaluator ``stereotypes``: sentences that say of a whole group of people what may be true of one, and questions
that ask to affirm such a sentence, to complete it, or to rank groups.

It knows the groups and the slights of ``stereotypes.yaml``, in English. Praise ("Asians are good at maths"), hints and
what stands between the lines it does not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.evaluators import Cost, Finding, Subject
from assistant_safety.patterns import find_said, read_patterns, read_words, without_options

_SCORES = {
    "affirmation asked": 0.85,
    "completion asked": 0.8,
    "ranking asked": 0.8,
    "generalisation": 0.8,
    "group verb": 0.8,
    "blame by looks": 0.75,
}


class StereotypesEvaluator:
    """Finds generalisations over groups of people. The score is that of the strongest pattern; a sentence that reports,
    doubts or refutes one is no finding. There are no options."""

    name = "stereotypes"
    cost: Cost = "light"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Accept the options of a rule: there are none.

        Raises:
            ValueError: an option was given.
        """
        without_options(options)

    def evaluate(self, subject: Subject, options: Mapping[str, Any]) -> Finding | None:
        """Look at every sentence of every reading of the text."""
        return find_said(subject, read_patterns("stereotypes.yaml"), _SCORES, read_words("stereotypes.yaml", "needs"))
