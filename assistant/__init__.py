"""Glassbox: what plugin authors import."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.backends import AnswerEnd, Backend, Delta, ModelTrace, Word
    from assistant.evaluators import Evaluator, Finding, Subject
    from assistant.explanations import Explanation, HeatMap
    from assistant.extensions import Host
    from assistant.marks import hookimpl
    from assistant.messages import (
        Appeal,
        Exchange,
        Feedback,
        ImagePart,
        Message,
        ModelInfo,
        PackStamp,
        Reading,
        ReadText,
        Receipt,
        TokenCount,
        Trace,
        Turn,
        TurnRecord,
        TurnSettings,
    )
    from assistant.panels import Panel, PanelRequest, Viewer
    from assistant.plugin_settings import PluginSettings, settings_of
    from assistant.verdicts import Refusal, Region, Rule, Span, Verdict

__all__ = [
    "AnswerEnd",
    "Appeal",
    "Backend",
    "Delta",
    "Evaluator",
    "Exchange",
    "Explanation",
    "Feedback",
    "Finding",
    "HeatMap",
    "Host",
    "ImagePart",
    "Message",
    "ModelInfo",
    "ModelTrace",
    "PackStamp",
    "Panel",
    "PanelRequest",
    "PluginSettings",
    "ReadText",
    "Reading",
    "Receipt",
    "Refusal",
    "Region",
    "Rule",
    "Span",
    "Subject",
    "TokenCount",
    "Trace",
    "Turn",
    "TurnRecord",
    "TurnSettings",
    "Verdict",
    "Viewer",
    "Word",
    "hookimpl",
    "settings_of",
]

# Imported when it is asked for: the command line's help needs none of it, and its models take a while to build.
_PLACES = {
    "backends": ("AnswerEnd", "Backend", "Delta", "ModelTrace", "Word"),
    "evaluators": ("Evaluator", "Finding", "Subject"),
    "explanations": ("Explanation", "HeatMap"),
    "extensions": ("Host",),
    "marks": ("hookimpl",),
    "messages": (
        "Appeal",
        "Exchange",
        "Feedback",
        "ImagePart",
        "Message",
        "ModelInfo",
        "PackStamp",
        "Reading",
        "ReadText",
        "Receipt",
        "TokenCount",
        "Trace",
        "Turn",
        "TurnRecord",
        "TurnSettings",
    ),
    "panels": ("Panel", "PanelRequest", "Viewer"),
    "plugin_settings": ("PluginSettings", "settings_of"),
    "verdicts": ("Refusal", "Region", "Rule", "Span", "Verdict"),
}
_MODULES = {name: f"assistant.{module}" for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
