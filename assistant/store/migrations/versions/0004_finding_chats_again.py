"""Full-text search, tags, and the branch at which a conversation was last open."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# The index holds no second copy of the text: it points into `turn_texts`, and these keep the two together.
INDEX = (
    """CREATE VIRTUAL TABLE turn_search USING fts5(
        text, content='turn_texts', content_rowid='number', tokenize='unicode61 remove_diacritics 2')""",
    """CREATE TRIGGER turn_texts_added AFTER INSERT ON turn_texts BEGIN
        INSERT INTO turn_search(rowid, text) VALUES (NEW.number, NEW.text); END""",
    """CREATE TRIGGER turn_texts_removed AFTER DELETE ON turn_texts BEGIN
        INSERT INTO turn_search(turn_search, rowid, text) VALUES ('delete', OLD.number, OLD.text); END""",
)


def upgrade() -> None:
    """Add the column and the tables, and put the turns that are there into the index."""
    op.add_column("conversations", sa.Column("leaf", sa.String()))
    op.create_table(
        "tags",
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "name", name="pk_tags"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name="fk_tags_conversation_id"),
    )
    op.create_index("ix_tags_name", "tags", ["name"])
    texts = op.create_table(
        "turn_texts",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("turn_id", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_turn_texts"),
        sa.UniqueConstraint("turn_id", name="uq_turn_texts_turn_id"),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name="fk_turn_texts_turn_id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in INDEX:
            op.execute(statement)
    turns = sa.table("turns", sa.column("number"), sa.column("id"), sa.column("record"))
    rows = op.get_bind().execute(sa.select(turns.c.id, turns.c.record).order_by(turns.c.number)).all()
    for row in rows:
        op.get_bind().execute(texts.insert().values(turn_id=row.id, text=_text(json.loads(row.record))))


def _text(record: dict[str, Any]) -> str:
    question = record.get("turn", {}).get("question", {})
    parts: list[str] = [question.get("text", ""), record.get("answer", "")]
    for image in question.get("images", ()):
        lines = (image.get("reading") or {}).get("texts", ())
        parts += [image.get("name", ""), image.get("alt", ""), *(line.get("text", "") for line in lines)]
    return "\n".join(part for part in parts if part)
