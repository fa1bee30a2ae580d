"""On PostgreSQL: the full-text index and the guards of the audit log, which SQLite has since the first migrations."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

REFUSE = """CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{said}'; END $$"""

IN_ORDER = """CREATE FUNCTION audit_in_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.number <> (SELECT COALESCE(MAX(number), -1) + 1 FROM audit) THEN
        RAISE EXCEPTION 'the audit log is append-only';
    END IF;
    RETURN NEW; END $$"""

# `assistant.store.search` asks by it too. A tsvector holds 1 MB at most; marks inside words would make one word of an
# address or of a file's name; accents come off, as on SQLite.
WORDS = r"""CREATE FUNCTION words_of(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', regexp_replace(
        normalize(translate(left(said, 200000), '-._/@:+&=#~%\', '            '), NFD),
        '[\u0300-\u036F]', '', 'g')) $$"""

STATEMENTS = (
    REFUSE.format(name="audit_kept", said="the audit log is append-only"),
    REFUSE.format(name="feedback_kept", said="a rating is never changed: add a new one"),
    IN_ORDER,
    "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_kept()",
    "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_kept()",
    "CREATE TRIGGER audit_in_order BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_in_order()",
    "CREATE TRIGGER feedback_no_update BEFORE UPDATE ON feedback FOR EACH ROW EXECUTE FUNCTION feedback_kept()",
    WORDS,
    "CREATE INDEX ix_turn_search ON turn_texts USING gin (words_of(text))",
)


def upgrade() -> None:
    """Make them."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in STATEMENTS:
            op.get_bind().exec_driver_sql(statement.replace("%", "%%"))
