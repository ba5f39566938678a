"""The latest deadline that a message named, for one whose confirmation was lost."""

import sqlalchemy as sa
from alembic import op

from app.store.schema import Instant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("promised", Instant(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "promised")
