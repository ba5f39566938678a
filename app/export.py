"""The history as JSON lines: one entry a line, each with the alert that it is about."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json, to_json

from app.domain.alert import Identity
from app.errors import ConfigurationError
from app.settings import Settings
from app.store.archive import SqlArchive, StoredEntry, StoredSwitch
from app.store.engine import create_engine

_IDENTITY = [field.name for field in fields(Identity)]


async def export(
    settings: Settings,
    since: datetime | None,
    until: datetime | None,
    write: Callable[[str], object],
) -> list[str]:
    """Write every entry at or after `since` and before `until`; None: no such bound.

    The breaker's own entries, its trips and resets, follow those of the incidents.

    Returns what could not be read, in words. Such an entry is written all the same, with what was
    stored as text.

    Raises:
        ConfigurationError: there is no database.
        StoreUnavailableError: it cannot be read.
    """
    demand_database(settings.database_url)
    engine = create_engine(settings.database_url)
    archive = SqlArchive(engine)
    unreadable = []
    try:
        async for entry in archive.entries(since, until):
            written, faults = line(entry)
            write(written)
            unreadable += faults
        async for switch in archive.switches(since, until):
            written, faults = breaker_line(switch)
            write(written)
            unreadable += faults
    finally:
        await engine.dispose()
    return unreadable


def line(entry: StoredEntry) -> tuple[str, list[str]]:
    """Return the entry as one line of ASCII, and what of it could not be read.

    Names and reasons are untrusted: escaped, none of them ends a line or commands a terminal.
    """
    alert, no_alert = _alert(entry)
    evidence, no_evidence = _read(entry.evidence)
    told = {
        "entry_id": entry.entry_id,
        "at": _time(entry.at),
        "incident_id": entry.incident_id,
        "alert": alert,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
        "actor": entry.actor,
        "detail": entry.detail,
        "evidence": evidence,
    }
    faults = [
        f"{what} of entry {entry.entry_id} cannot be read"
        for what, is_bad in (("the alert", no_alert), ("the evidence", no_evidence))
        if is_bad
    ]
    return _line(told), faults


def breaker_line(switch: StoredSwitch) -> tuple[str, list[str]]:
    """Return a trip or a reset as a line with the same keys. It is about no incident."""
    stops, is_bad = _read(switch.stops, list)
    told = {
        "entry_id": switch.entry_id,
        "at": _time(switch.at),
        "incident_id": None,
        "alert": None,
        "reason": "breaker_tripped" if switch.tripped else "breaker_reset",
        "before": "closed" if switch.tripped else "tripped",
        "after": "tripped" if switch.tripped else "closed",
        "actor": switch.by,
        "detail": switch.reason,
        "evidence": {"stops": stops},
    }
    what = f"the stops of the breaker's entry {switch.entry_id} cannot be read"
    return _line(told), [what] if is_bad else []


def _line(told: Mapping[str, Any]) -> str:
    # A sample of Prometheus may be no number, for which JSON has no word.
    plain = from_json(to_json(told, inf_nan_mode="strings"))
    return f"{json.dumps(plain, allow_nan=False)}\n"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _alert(entry: StoredEntry) -> tuple[dict[str, Any], bool]:
    body, bad = _read(entry.incident)
    identity = {} if bad else body.get("identity")
    if not isinstance(identity, dict):
        identity = {}
    # The same keys in every line, whatever the version was that stored it.
    return {name: identity.get(name, "") for name in _IDENTITY}, not identity


def _read(text: str, kind: type = dict) -> tuple[Any, bool]:
    """Return what the text says, which is an object; the text itself and True if it says none.

    `kind`: what else than an object it is.
    """
    try:
        found = from_json(text)
    except ValueError:
        return text, True
    return (found, False) if isinstance(found, kind) else (text, True)


def demand_database(database_url: str) -> None:
    """See that there is one: to open a file makes it.

    Raises:
        ConfigurationError: there is none.
    """
    url = sa.make_url(database_url)
    if url.drivername.startswith("sqlite") and not Path(url.database or "").is_file():
        raise ConfigurationError(f"there is no database {url.database}")
