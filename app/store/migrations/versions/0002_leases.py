"""Leases for replicas, the clock's row, and indexes for what is open and for what is old."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from app.store.schema import Instant, Span

revision = "0002"
down_revision = "0001"

_FINAL = "'dismissed', 'ended', 'resolved', 'stopped'"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    _add_clock()
    _index("open_incidents", ["opened_at", "incident_id", "version", "state"], f"NOT IN ({_FINAL})")
    _index("final_incidents", ["changed_at"], f"IN ({_FINAL})")
    op.create_index("intents_of_incident", "intents", ["incident_id"])
    op.create_index("outbox_of_incident", "outbox", ["incident_id"])


def _add_clock() -> None:
    """Let the clock be there from the beginning: what is not there cannot be locked."""
    clocks = sa.table(
        "clocks",
        sa.column("name"),
        sa.column("elapsed", Span()),
        sa.column("advanced_at", Instant()),
    )
    known = op.get_bind().execute(sa.select(clocks.c.name)).scalar_one_or_none()
    if known is None:
        long_ago = datetime(2000, 1, 1, tzinfo=UTC)
        row = {"name": "answer", "elapsed": timedelta(), "advanced_at": long_ago}
        op.bulk_insert(clocks, [row])


def _index(name: str, columns: list[str], states: str) -> None:
    where = sa.text(f"(state {states})")
    op.create_index(name, "incidents", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("outbox_of_incident", "outbox")
    op.drop_index("intents_of_incident", "intents")
    op.drop_index("final_incidents", "incidents")
    op.drop_index("open_incidents", "incidents")
    op.drop_table("leases")
