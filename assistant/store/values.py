"""What the store hands out besides the types of a conversation."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from assistant.verdicts import Frozen

LeafKind = Literal["turn", "feedback", "appeal", "decision", "deletion", "pack", "account", "plugin"]
"""What an audit leaf is about. ``decision``: an appeal was decided. ``deletion``: a conversation was deleted.
``pack``: a constitution pack was added, enabled, granted an exception, or the like. ``account``: an account or an API
key was made, changed or removed. ``plugin``: one was installed, uninstalled, or switched on or off."""


PluginChange = Literal["installed", "uninstalled", "switched on", "switched off"]


class ConversationSummary(Frozen):
    """One line in the list of conversations. ``turns`` counts retries too; ``tags`` are sorted."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    turns: int
    tags: tuple[str, ...] = ()


class Found(Frozen):
    """A conversation that a search found. ``turn_id`` is the turn that fits best, and ``excerpt`` what is said around
    the words, with their characters (start, end) in ``marks``; empty where only the title or the tags fit."""

    conversation: ConversationSummary
    turn_id: str | None = None
    excerpt: str = ""
    marks: tuple[tuple[int, int], ...] = ()


class RuleTally(Frozen):
    """One rule in one version of its pack: turns that it ended, and appeals against that. ``appeals`` counts the open
    ones too."""

    rule: str
    pack: str
    version: str
    refusals: int
    appeals: int
    upheld: int
    overturned: int

    @property
    def decided(self) -> int:
        """Appeals that a reviewer has decided."""
        return self.upheld + self.overturned


class AuditLeaf(Frozen):
    """One link of the audit log.

    ``payload`` is canonical JSON (sorted keys, no spaces, UTF-8) of ids, hashes, rules and versions; no word of a
    question or an answer is in it. ``hash`` is SHA-256 over ``previous`` followed by ``payload``, both as text, in
    hexadecimal. ``index`` counts from 0.
    """

    index: int
    kind: LeafKind
    payload: str
    previous: str
    hash: str

    @property
    def data(self) -> dict[str, Any]:
        """The payload, parsed."""
        return json.loads(self.payload)


class AuditProblem(Frozen):
    """One thing that is wrong. ``index`` is the leaf; ``None`` where a row has no leaf at all."""

    index: int | None
    message: str


class AuditReport(Frozen):
    """What verifying the audit log found. ``head`` is the hash of the last leaf; whoever keeps it elsewhere can tell
    later that nothing was cut off the end."""

    leaves: int
    head: str
    problems: tuple[AuditProblem, ...] = ()

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.problems
