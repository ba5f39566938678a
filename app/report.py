"""GPU-hours and what was done in a time, as a person asks for them on the command line."""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime

from prometheus_client import CollectorRegistry

from app.clients import open_clients
from app.domain.digest import Usage
from app.domain.report import (
    By,
    Hours,
    Report,
    ReportTally,
    by_holder,
    incomplete,
    report,
)
from app.errors import ConfigurationError, StoreUnavailableError
from app.export import demand_database
from app.ports import Rules
from app.settings import Settings
from app.store.digest import SqlDigestBook
from app.store.engine import create_engine
from app.telemetry import Telemetry
from app.usage import TypeUsage, read_usage, read_usage_by_type


async def read_report(
    settings: Settings, by: By, since: datetime, until: datetime, *, now: datetime
) -> Report:
    """Return what is known; what is not is said in the report.

    Raises:
        ConfigurationError: a secret or a certificate cannot be read.
    """
    async with AsyncExitStack() as stack:
        clients = await open_clients(settings, Telemetry(CollectorRegistry()), stack)
        hours, missing = await _hours(clients.systems.rules, by, since, until, now)
    tally = await _tally(settings, ReportTally(by, since, until))
    found = report(tally, hours, by=by, since=since, until=until)
    forgotten = _forgotten(settings, since, now)
    return replace(found, unknown=(*found.unknown, *missing, *forgotten))


async def _hours(
    rules: Rules, by: By, since: datetime, until: datetime, now: datetime
) -> tuple[tuple[Hours, Hours, Hours] | str | None, list[str]]:
    """Return the GPU-hours, and what is missing from them."""
    if by is By.ALERT:
        return None, []
    read = read_usage_by_type if by is By.TYPE else read_usage
    usage = await read(rules, since, until, now=now)
    match usage:
        case Usage():
            hours = by_holder(by, usage)
        case TypeUsage(held=held, used=used, idle=idle):
            hours = held, used, idle
        case why:
            return why, []
    return hours, list(incomplete(usage.covered))


async def _tally(settings: Settings, tally: ReportTally) -> ReportTally | str:
    """Count what the history has; or return why it cannot be read."""
    try:
        demand_database(settings.database_url)
        engine = create_engine(settings.database_url)
        try:
            async for story in SqlDigestBook(engine).stories(tally.since):
                tally.add(story)
        finally:
            await engine.dispose()
    except (ConfigurationError, StoreUnavailableError) as exc:
        # The lines after the first one are for programmers.
        first, *_ = str(exc).splitlines()
        return f"The history could not be read: {first}"
    return tally


def _forgotten(settings: Settings, since: datetime, now: datetime) -> list[str]:
    if not settings.retention or since >= now - settings.retention:
        return []
    oldest = f"{now - settings.retention:%Y-%m-%d %H:%M} UTC"
    return [f"What was over before {oldest} is forgotten (`retention`): no count has it."]
