"""What a message said to be done at its deadline, for one whose confirmation was lost."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("announced", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "announced")
