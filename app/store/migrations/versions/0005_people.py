"""What people ask for: stops by hand, presses that act once, alerts that were called false."""

import sqlalchemy as sa
from alembic import op

from app.store.schema import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "intents",
        sa.Column("by_hand", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "presses",
        sa.Column("press_id", sa.Text(), primary_key=True),
        sa.Column("at", Instant(), nullable=False),
    )
    op.create_index("presses_by_time", "presses", ["at"], unique=False)
    op.create_table(
        "dismissals",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"]),
    )


def downgrade() -> None:
    op.drop_table("dismissals")
    op.drop_index("presses_by_time", "presses")
    op.drop_table("presses")
    op.drop_column("intents", "by_hand")
