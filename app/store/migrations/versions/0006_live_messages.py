"""Which incidents have the same live message."""

import sqlalchemy as sa
from alembic import op
from pydantic_core import from_json

revision = "0006"
down_revision = "0005"

_FINAL = ("dismissed", "ended", "resolved", "stopped")


def upgrade() -> None:
    op.add_column("incidents", sa.Column("message", sa.Text(), nullable=False, server_default=""))
    incidents = sa.table(
        "incidents", *(sa.column(name) for name in ("incident_id", "state", "message", "body"))
    )
    connection = op.get_bind()
    # What is over is told of no more.
    is_open = sa.select(incidents.c.incident_id, incidents.c.body).where(
        incidents.c.state.not_in(_FINAL)
    )
    for incident_id, body in connection.execute(is_open).all():
        receipt = from_json(body).get("message")
        if receipt:
            connection.execute(
                sa.update(incidents)
                .where(incidents.c.incident_id == incident_id)
                .values(message=f"{receipt['channel']}/{receipt['ts']}")
            )
    has_message, open_words = "message != ''", f"state NOT IN {_FINAL}"
    for name, columns, where in (
        ("incidents_told_in", ["message"], has_message),
        ("incidents_told", ["username", "alertname"], f"{open_words} AND {has_message}"),
    ):
        words = sa.text(where)
        op.create_index(name, "incidents", columns, sqlite_where=words, postgresql_where=words)


def downgrade() -> None:
    op.drop_index("incidents_told", "incidents")
    op.drop_index("incidents_told_in", "incidents")
    op.drop_column("incidents", "message")
