"""Every trip of the breaker and every reset, append-only."""

import sqlalchemy as sa
from alembic import op

from app.store.schema import Instant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "breaker_history",
        sa.Column("entry_id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("tripped", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stops", sa.Text(), nullable=False),
    )
    # Of what was before, the last one is known.
    op.execute(
        "INSERT INTO breaker_history (at, tripped, by, reason, stops) "
        "SELECT at, tripped, by, reason, stops FROM breaker WHERE at IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_table("breaker_history")
