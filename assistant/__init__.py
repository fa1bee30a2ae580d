"""Glassbox: what plugin authors import."""

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
