"""The tables, in the SQL that SQLite and PostgreSQL share."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app.domain.incident import FINAL_STATES, OPEN_INTENTS


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite drops time zones, so they are put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Span(sa.TypeDecorator[timedelta]):
    """A duration, in whole microseconds."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, _dialect: sa.Dialect) -> int | None:
        return None if value is None else value // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, _dialect: sa.Dialect) -> timedelta | None:
        return None if value is None else timedelta(microseconds=value)


metadata = sa.MetaData()

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("incident_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("alertname", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("resource_pool", sa.Text, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    # Where its live message is; several incidents may have the same. Empty: it has none.
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    # The whole incident as JSON; the columns above are copies for the WHERE clauses.
    sa.Column("body", sa.Text, nullable=False),
)

# Alertmanager delivers at least once. The second delivery must meet this, not a race.
_is_open = incidents.c.state.not_in(sorted(FINAL_STATES))
sa.Index(
    "one_open_incident_per_alert",
    incidents.c.key,
    unique=True,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)
sa.Index("incidents_by_opening", incidents.c.opened_at)
sa.Index("incidents_by_key", incidents.c.key, incidents.c.changed_at)
# What every tick begins with, answered from the index alone.
sa.Index(
    "open_incidents",
    incidents.c.opened_at,
    incidents.c.incident_id,
    incidents.c.version,
    incidents.c.state,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)
# What an owner is told together.
_has_message = incidents.c.message != ""
sa.Index(
    "incidents_told_in",
    incidents.c.message,
    sqlite_where=_has_message,
    postgresql_where=_has_message,
)
sa.Index(
    "incidents_told",
    incidents.c.username,
    incidents.c.alertname,
    sqlite_where=_is_open & _has_message,
    postgresql_where=_is_open & _has_message,
)
_is_final = incidents.c.state.in_(sorted(FINAL_STATES))
sa.Index(
    "final_incidents",
    incidents.c.changed_at,
    sqlite_where=_is_final,
    postgresql_where=_is_final,
)

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("intent_id", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.incident_id"), nullable=False),
    sa.Column("allocation_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("attempted_at", Instant),
    # The running time then, which no clock on a wall can change.
    sa.Column("attempted_ran", Span),
    # A person asked for it.
    sa.Column("by_hand", sa.Boolean, nullable=False, server_default=sa.false()),
)

# At most one stop of an allocation, whichever alert, replica or restart asks for it (S6).
_is_open_intent = intents.c.state.in_(sorted(OPEN_INTENTS))
sa.Index(
    "one_open_intent_per_allocation",
    intents.c.allocation_id,
    unique=True,
    sqlite_where=_is_open_intent,
    postgresql_where=_is_open_intent,
)
sa.Index("intents_by_time", intents.c.recorded_at)
sa.Index("intents_of_incident", intents.c.incident_id)
sa.Index("intents_by_running_time", intents.c.attempted_ran)

# One row, which a migration has put there: what is not there cannot be locked.
breaker = sa.Table(
    "breaker",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("tripped", sa.Boolean, nullable=False),
    sa.Column("at", Instant),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    # What was about to happen, or was allowed since, as JSON.
    sa.Column("stops", sa.Text, nullable=False),
    # The running time when it was tripped or reset.
    sa.Column("ran", Span),
)

# Append-only: every trip and every reset, as the row above was at that time.
breaker_history = sa.Table(
    "breaker_history",
    metadata,
    sa.Column("entry_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("tripped", sa.Boolean, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("stops", sa.Text, nullable=False),
)

history = sa.Table(
    "history",
    metadata,
    sa.Column("entry_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.incident_id"), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
)
sa.Index("history_of_incident", history.c.incident_id, history.c.entry_id)

outbox = sa.Table(
    "outbox",
    metadata,
    # Counts the orders, so that messages go out in the order in which they were decided.
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("message_id", sa.Text, nullable=False, unique=True),
    sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.incident_id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("attempted_at", Instant),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("ts", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("promised", Instant),
    sa.Column("announced", sa.Text),
)
sa.Index("outbox_waiting", outbox.c.state, outbox.c.due_at)
sa.Index("outbox_of_incident", outbox.c.incident_id)

keeps = sa.Table(
    "keeps",
    metadata,
    sa.Column("keep_id", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("silence_id", sa.Text, nullable=False),
)

clocks = sa.Table(
    "clocks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("elapsed", Span, nullable=False),
    sa.Column("advanced_at", Instant, nullable=False),
    sa.Column("ran", Span, nullable=False, server_default="0"),
)

# Buttons that were pressed and forms that were sent, each of which acts once. Kept for some days.
presses = sa.Table(
    "presses",
    metadata,
    sa.Column("press_id", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
)
sa.Index("presses_by_time", presses.c.at)

# Alerts that an admin has called false, until their condition was seen to be over.
dismissals = sa.Table(
    "dismissals",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.incident_id"), nullable=False),
)

# The last digest of each kind: one row each, whatever became of it.
digests = sa.Table(
    "digests",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    # The moment that it was due at: there is no other one of this moment, nor of an earlier one.
    sa.Column("moment", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    # As it is to be sent, so that it is the same however often it is tried.
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("attempted_at", Instant),
    sa.Column("note", sa.Text, nullable=False),
)

# Which replica does what alone. A row is never deleted: its token must go on growing.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
)

allocations = sa.Table(
    "allocations",
    metadata,
    sa.Column("allocation_id", sa.Text, primary_key=True),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
