"""The first schema."""

import sqlalchemy as sa
from alembic import op

from app.store.schema import Instant, Span

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "allocations",
        sa.Column("allocation_id", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("allocation_id"),
    )
    op.create_table(
        "clocks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("elapsed", Span(), nullable=False),
        sa.Column("advanced_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "incidents",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("alertname", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("resource_pool", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id"),
    )
    op.create_index("incidents_by_key", "incidents", ["key", "changed_at"], unique=False)
    op.create_index("incidents_by_opening", "incidents", ["opened_at"], unique=False)
    op.create_index(
        "one_open_incident_per_alert",
        "incidents",
        ["key"],
        unique=True,
        sqlite_where=sa.text("(state NOT IN ('dismissed', 'ended', 'resolved', 'stopped'))"),
        postgresql_where=sa.text("(state NOT IN ('dismissed', 'ended', 'resolved', 'stopped'))"),
    )
    op.create_table(
        "keeps",
        sa.Column("keep_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("silence_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("keep_id"),
    )
    op.create_table(
        "history",
        sa.Column("entry_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.incident_id"],
        ),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("history_of_incident", "history", ["incident_id", "entry_id"], unique=False)
    op.create_table(
        "intents",
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("allocation_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.incident_id"],
        ),
        sa.PrimaryKeyConstraint("intent_id"),
    )
    op.create_index("intents_by_time", "intents", ["recorded_at"], unique=False)
    op.create_index(
        "one_open_intent_per_allocation",
        "intents",
        ["allocation_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('recorded', 'sending', 'sent', 'unconfirmed')"),
        postgresql_where=sa.text("state IN ('recorded', 'sending', 'sent', 'unconfirmed')"),
    )
    op.create_table(
        "outbox",
        sa.Column("position", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempted_at", Instant(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.incident_id"],
        ),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("message_id"),
    )
    op.create_index("outbox_waiting", "outbox", ["state", "due_at"], unique=False)


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("intents")
    op.drop_table("history")
    op.drop_table("keeps")
    op.drop_table("incidents")
    op.drop_table("heartbeats")
    op.drop_table("clocks")
    op.drop_table("allocations")
