"""How long receivers have run, and when by that time each intent was last sent."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from app.store.schema import Instant, Span

revision = "0004"
down_revision = "0003"

_WINDOW = timedelta(hours=1)


def upgrade() -> None:
    op.add_column("clocks", sa.Column("ran", Span(), nullable=False, server_default="0"))
    op.add_column("breaker", sa.Column("ran", Span(), nullable=True))
    op.add_column("intents", sa.Column("attempted_ran", Span(), nullable=True))
    # The stops of the last hour count for an hour from now on: nothing better is known of them.
    intents = sa.table(
        "intents", sa.column("attempted_at", Instant()), sa.column("attempted_ran", Span())
    )
    lately = intents.c.attempted_at > datetime.now(UTC) - _WINDOW
    op.execute(sa.update(intents).where(lately).values(attempted_ran=timedelta()))
    op.drop_index("intents_by_attempt", "intents")
    op.create_index("intents_by_running_time", "intents", ["attempted_ran"], unique=False)


def downgrade() -> None:
    op.drop_index("intents_by_running_time", "intents")
    op.create_index("intents_by_attempt", "intents", ["attempted_at"], unique=False)
    op.drop_column("intents", "attempted_ran")
    op.drop_column("breaker", "ran")
    op.drop_column("clocks", "ran")
