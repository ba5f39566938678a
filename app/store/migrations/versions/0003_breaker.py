"""The breaker, and when an intent was last sent."""

import sqlalchemy as sa
from alembic import op

from app.store.schema import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    breaker = op.create_table(
        "breaker",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tripped", sa.Boolean(), nullable=False),
        sa.Column("at", Instant(), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stops", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    # The row is there from the beginning: what is not there cannot be locked.
    closed = {"name": "stops", "tripped": False, "at": None, "by": "", "reason": "", "stops": "[]"}
    op.bulk_insert(breaker, [closed])
    op.add_column("intents", sa.Column("attempted_at", Instant(), nullable=True))
    # Of the stops of the last hour nothing better is known.
    op.execute("UPDATE intents SET attempted_at = recorded_at WHERE attempts > 0")
    op.create_index("intents_by_attempt", "intents", ["attempted_at"], unique=False)


def downgrade() -> None:
    op.drop_index("intents_by_attempt", "intents")
    op.drop_column("intents", "attempted_at")
    op.drop_table("breaker")
