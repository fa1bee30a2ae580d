"""Find, order, switch off and explain plugins, and call their hooks under guard."""

from __future__ import annotations

from assistant.extensions.answers import Answer
from assistant.extensions.disabled import read_disabled, write_disabled
from assistant.extensions.extensions import Extensions
from assistant.extensions.host import Host
from assistant.extensions.implementations import Implementation
from assistant.extensions.loading import GROUP, OWN_DISTRIBUTION
from assistant.extensions.status import PluginStatus, Timing

__all__ = [
    "GROUP",
    "OWN_DISTRIBUTION",
    "Answer",
    "Extensions",
    "Host",
    "Implementation",
    "PluginStatus",
    "Timing",
    "read_disabled",
    "write_disabled",
]
