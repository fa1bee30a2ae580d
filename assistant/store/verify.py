"""Checks the audit log: first the chain by itself, then the stored rows against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Table, select

from assistant.store import appeals, audit, ratings, schema
from assistant.store.values import AuditProblem, AuditReport


def _turn_text(values: RowMapping) -> str:
    return values["record"]


SEALED: dict[str, tuple[Table, Callable[[RowMapping], str]]] = {
    "turn": (schema.turns, _turn_text),
    "feedback": (schema.feedback, ratings.sealed_text),
    "appeal": (schema.appeals, appeals.sealed_text),
}
"""By kind of leaf: the table whose rows it seals, and the text that the seal is over."""


def verify(connection: Connection) -> AuditReport:
    """Walk the whole log. A leaf that was changed, removed, moved or put in is named by its index."""
    chain = _Chain()
    rows = _Rows()
    for row in audit.every_row(connection):
        data = chain.follow(row)
        if data is not None:
            rows.note(row.number, row.kind, data)
    problems = chain.problems + rows.compare(connection)
    return AuditReport(leaves=chain.leaves, head=chain.head, problems=tuple(problems))


class _Chain:
    """Follows the hashes from leaf to leaf."""

    def __init__(self) -> None:
        self.leaves = 0
        self.head = audit.GENESIS
        self.problems: list[AuditProblem] = []
        self._expected = 0

    def follow(self, row: Row[Any]) -> dict[str, Any] | None:
        """Check one leaf against the one before it; its payload, where that can be read."""
        if row.number > self._expected:
            self._removed(self._expected, row.number - 1)
        elif row.number < self._expected:
            self._say(row.number, f"Leaf {row.number} was put in: leaves count from 0.")
        data = _parsed(row.payload)
        if audit.chain_hash(str(row.previous), str(row.payload)) != row.hash:
            self._say(row.number, f"Leaf {row.number} was changed: its hash is not that of its payload.")
        elif data is None or data.get("index") != row.number or data.get("kind") != row.kind:
            was = f"leaf {data.get('index')} of the kind {data.get('kind')!r}" if data else "no leaf"
            self._say(
                row.number,
                f"Leaf {row.number} of the kind {row.kind!r} was moved or relabelled: its payload says {was}.",
            )
        if row.number == self._expected and row.previous != self.head:
            before = f"leaf {row.number - 1}" if row.number else "the beginning"
            self._say(
                row.number,
                f"Leaf {row.number} does not follow {before}: one of the two was changed, replaced or moved.",
            )
        self.leaves += 1
        self.head = row.hash
        self._expected = row.number + 1
        return data

    def _removed(self, first: int, last: int) -> None:
        which = f"Leaf {first} was" if first == last else f"Leaves {first} to {last} were"
        self._say(first, f"{which} removed.")

    def _say(self, index: int, message: str) -> None:
        self.problems.append(AuditProblem(index=index, message=message))


class _Rows:
    """Compares the stored rows with what their leaves say."""

    def __init__(self) -> None:
        # by kind and id: the leaf's index, the conversation, the seal
        self._said: dict[str, dict[str, tuple[int, str, str]]] = {kind: {} for kind in SEALED}
        # by the id of an appeal: the leaf's index, the status and the seal (those of earlier versions have none)
        self._decided: dict[str, tuple[int, str, str]] = {}

    def note(self, index: int, kind: str, data: Mapping[str, Any]) -> None:
        """Remember what a leaf says must be stored; a deletion takes back what was said of its conversation."""
        conversation = str(data.get("conversation"))
        if kind == "deletion":
            for said in self._said.values():
                for key in [key for key, (_, owner, _) in said.items() if owner == conversation]:
                    del said[key]
        elif kind == "decision":
            self._decided[str(data.get("appeal"))] = (index, str(data.get("status")), str(data.get("seal") or ""))
        elif kind in self._said and isinstance(data.get(kind), str):
            self._said[kind][data[kind]] = (index, conversation, str(data.get("seal")))

    def compare(self, connection: Connection) -> list[AuditProblem]:
        """Every row without a leaf, changed after its leaf, or gone without a deletion."""
        problems: list[AuditProblem] = []
        for kind, (table, text_of) in SEALED.items():
            said = self._said[kind]
            stored = connection.execute(select(table), execution_options={"yield_per": 200})
            for row in stored.mappings():
                key = str(row["id"])
                index, _, sealed = said.pop(key, (None, "", ""))
                if index is None:
                    message = f"The {kind} {key!r} has no leaf: it was put in beside the log, or its leaf is gone."
                    problems.append(AuditProblem(index=None, message=message))
                elif audit.seal(str(row["salt"]), str(text_of(row))) != sealed:
                    message = f"The {kind} {key!r} was changed after leaf {index} was written."
                    problems.append(AuditProblem(index=index, message=message))
            for key, (index, _, _) in said.items():
                message = f"The {kind} {key!r} of leaf {index} is gone, and no leaf says that it was deleted."
                problems.append(AuditProblem(index=index, message=message))
        return problems + self._decisions(connection)

    def _decisions(self, connection: Connection) -> list[AuditProblem]:
        """Every appeal that was decided beside the log, or whose decision was changed after its leaf."""
        problems: list[AuditProblem] = []
        for row in connection.execute(select(schema.appeals), execution_options={"yield_per": 200}).mappings():
            index, status, sealed = self._decided.get(str(row["id"]), (None, "open", ""))
            same = row["status"] == status
            if same and sealed:
                same = row["decided_at"] is not None and (
                    audit.seal(str(row["salt"]), appeals.decision_text(row)) == sealed
                )
            if not same and index is None:
                message = f"The appeal {row['id']!r} was decided beside the log: no leaf says so."
                problems.append(AuditProblem(index=None, message=message))
            elif not same:
                message = f"The decision about the appeal {row['id']!r} was changed after leaf {index} was written."
                problems.append(AuditProblem(index=index, message=message))
        return problems


def _parsed(payload: str) -> dict[str, Any] | None:
    try:
        data = json.loads(payload)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
