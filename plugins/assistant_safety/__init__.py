"""The eyes of the rules: evaluators that packs refer to by name.

``lexical`` finds intentions by groups of words, ``personal_data`` finds numbers that belong to somebody, ``injection``
and ``jailbreak`` weigh the signs of an attack on the rules, ``planted`` finds orders to the assistant in a text that
it is given to work on, ``learned`` says how likely a request asks for help with harm, and ``harmless`` how likely it
does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant import hookimpl
from assistant.evaluators import Evaluator
from assistant_safety.attacks import InjectionEvaluator, JailbreakEvaluator
from assistant_safety.claims import ClaimsEvaluator
from assistant_safety.coercion import CoercionEvaluator
from assistant_safety.learned import HarmlessEvaluator, LearnedEvaluator
from assistant_safety.lexical import LexicalEvaluator
from assistant_safety.personal_data import PersonalDataEvaluator
from assistant_safety.planted import PlantedEvaluator
from assistant_safety.stereotypes import StereotypesEvaluator

__all__ = [
    "ClaimsEvaluator",
    "CoercionEvaluator",
    "HarmlessEvaluator",
    "InjectionEvaluator",
    "JailbreakEvaluator",
    "LearnedEvaluator",
    "LexicalEvaluator",
    "PersonalDataEvaluator",
    "PlantedEvaluator",
    "StereotypesEvaluator",
    "register_evaluators",
]


@hookimpl
def register_evaluators() -> Sequence[Evaluator]:
    """Offer the evaluators of this plugin."""
    return [
        LexicalEvaluator(),
        PersonalDataEvaluator(),
        InjectionEvaluator(),
        JailbreakEvaluator(),
        PlantedEvaluator(),
        ClaimsEvaluator(),
        StereotypesEvaluator(),
        CoercionEvaluator(),
        LearnedEvaluator(),
        HarmlessEvaluator(),
    ]
