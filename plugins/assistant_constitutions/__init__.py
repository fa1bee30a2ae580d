"""Constitution packs: rules as data, applied to every question and every answer.

The bundled pack ``core`` is always on. An operator adds and enables others (`assistant packs`), and a question may name
further ones (`TurnSettings.packs`); they add rules and take none away.
"""

from __future__ import annotations

from assistant_constitutions.engine import CaseResult, TestReport, run_pack_tests
from assistant_constitutions.errors import PackError, UnknownPack
from assistant_constitutions.hooks import Constitutions
from assistant_constitutions.loader import ALWAYS_ON, BUNDLED, load_bundled, load_file
from assistant_constitutions.pack import (
    EvaluatorUse,
    Override,
    Pack,
    Principle,
    PrincipleException,
    SecondLook,
    TestCase,
)

__all__ = [
    "ALWAYS_ON",
    "BUNDLED",
    "CaseResult",
    "Constitutions",
    "EvaluatorUse",
    "Override",
    "Pack",
    "PackError",
    "Principle",
    "PrincipleException",
    "SecondLook",
    "TestCase",
    "TestReport",
    "UnknownPack",
    "load_bundled",
    "load_file",
    "run_pack_tests",
]
