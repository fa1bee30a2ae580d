"""The tables. The migrations build the same ones; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

REVISION = "0005"
"""The newest migration, kept here so that an up-to-date database opens without loading alembic."""


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC; one without a time zone counts as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on the way out. SQLite keeps no time zone, so it is taken off and put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn any moment into UTC."""
        if value is None:
            return None
        moment = as_utc(value)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that what comes back is UTC."""
        return None if value is None else as_utc(value)


class Words(TypeDecorator[str]):
    """What somebody wrote. PostgreSQL keeps no null character in a text; the mark for what cannot be shown stands in
    its place there. A turn's record, which is JSON, keeps it everywhere."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Take null characters out where they cannot be kept."""
        return value.replace("\0", "\ufffd") if value is not None and dialect.name == "postgresql" else value


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LOCAL = "local"
"""The owner of what was asked without an account: the person at this computer."""

# `owner` is no foreign key: `LOCAL` has no account.
conversations = Table(
    "conversations",
    metadata,
    Column("id", String, primary_key=True),
    Column("title", Words, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False, index=True),
    Column("owner", String, nullable=False, index=True, server_default=LOCAL),
    Column("leaf", String),
)

tags = Table(
    "tags",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id"), primary_key=True),
    Column("name", String, primary_key=True, index=True),
)

# `number` is the order in which rows came in. `parent_id` is no foreign key: where a turn could not be stored (a full
# disk), the conversation must still be able to go on after it.
turns = Table(
    "turns",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False, index=True),
    Column("parent_id", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("question", Words, nullable=False),
    Column("answer", Words, nullable=False),
    Column("confidence", Float),
    Column("model_name", String),
    Column("model_fingerprint", String),
    Column("record", Text, nullable=False),
    Column("salt", String, nullable=False),
)

# What can be searched for, a row for each turn. On SQLite the full-text index `turn_search` points into it.
turn_texts = Table(
    "turn_texts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("turn_id", ForeignKey("turns.id"), nullable=False, unique=True),
    Column("text", Words, nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("turn_id", ForeignKey("turns.id"), nullable=False, index=True),
    Column("stage", String, nullable=False),
    Column("plugin", String, nullable=False),
    Column("action", String, nullable=False),
    Column("rule", String, index=True),
    Column("pack", String),
    Column("pack_version", String),
    Column("evaluator", String, nullable=False),
    Column("score", Float),
    Column("threshold", Float),
)

images = Table(
    "images",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("media_type", String, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

turn_images = Table(
    "turn_images",
    metadata,
    Column("turn_id", ForeignKey("turns.id"), primary_key=True),
    Column("sha256", ForeignKey("images.sha256"), primary_key=True, index=True),
)

feedback = Table(
    "feedback",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("turn_id", ForeignKey("turns.id"), nullable=False, index=True),
    Column("rating", String, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("text", Words, nullable=False),
    Column("correction", Words, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("salt", String, nullable=False),
)

appeals = Table(
    "appeals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("turn_id", ForeignKey("turns.id"), nullable=False, index=True),
    Column("rule", String, nullable=False),
    Column("pack", String, nullable=False),
    Column("pack_version", String, nullable=False),
    Column("text", Words, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("salt", String, nullable=False),
    Column("reviewer", String),
    Column("reason", Words),
    Column("decided_at", UtcDateTime),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("payload", Text, nullable=False),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),
)

# `name` is unique without regard to case: `folded` is what is compared. `subject` is who a single sign-on provider says
# the person is; `password` is empty where only that provider knows the person.
users = Table(
    "users",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("password", String, nullable=False),
    Column("subject", String, unique=True),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# The cookie itself is not kept: `hash` is SHA-256 of it.
sessions = Table(
    "sessions",
    metadata,
    Column("hash", String, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("hash", String, nullable=False),
    Column("name", String, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("requests_a_day", Integer, nullable=False),
    Column("tokens_a_day", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

# `day` is a date in UTC, as 2026-01-31.
key_usage = Table(
    "key_usage",
    metadata,
    Column("key_id", ForeignKey("api_keys.id"), primary_key=True),
    Column("day", String, primary_key=True),
    Column("requests", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
)

# What cookies are signed with.
secrets = Table(
    "secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
