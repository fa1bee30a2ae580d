"""Where conversations, ratings and the audit log are kept. Everything goes through `Store`."""

from __future__ import annotations

from assistant.store.store import Store
from assistant.store.values import AuditLeaf, AuditProblem, AuditReport, ConversationSummary, Found

__all__ = ["AuditLeaf", "AuditProblem", "AuditReport", "ConversationSummary", "Found", "Store"]
