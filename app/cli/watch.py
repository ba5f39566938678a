"""`gpu-watchdog incidents watch`: what is open and how it changes, until one has seen enough."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from app.cli import found
from app.cli.client import AwayError, Client, NotFoundError, expect, expect_all
from app.cli.incidents import Alert, Pool, User, listed
from app.cli.moments import Clock
from app.cli.session import Session, asking
from app.cli.shapes import IncidentShape
from app.cli.tables import Cell, said, table, word, write_lines

_MOST = 1000
_LATEST = 8
"""Changes that are shown below the table."""


@dataclass(frozen=True, slots=True)
class Change:
    before: str
    """The state at the look before; empty: it was not there, or not open."""
    incident: IncidentShape


class Watch:
    """Looks at the open incidents again and again, and tells what is different."""

    def __init__(self, client: Client, **filters: str | None) -> None:
        self._client = client
        self._filters = filters
        self.incidents: Mapping[str, IncidentShape] = {}
        """The open ones at the last look, newest first."""

    def look(self) -> list[Change]:
        """Return what has changed since the last look; at the first one, all that is open.

        Raises:
            AnswerError: it cannot be told.
        """
        answer = self._client.get(found.INCIDENTS, open="true", limit=_MOST, **self._filters)
        now = {each["incident_id"]: each for each in expect_all(IncidentShape, answer)}
        over = [
            self._ended(each) for each in self.incidents.values() if each["incident_id"] not in now
        ]
        changes = [
            Change(before["state"] if before else "", each)
            for each in reversed(now.values())
            if _differ(before := self.incidents.get(each["incident_id"]), each)
        ]
        self.incidents = now
        return [*over, *changes]

    def _ended(self, before: IncidentShape) -> Change:
        try:
            answer = self._client.get(found.path_of(before["incident_id"]))
        except NotFoundError:
            # It was forgotten meanwhile, so it was over: how, nobody knows any more.
            return Change(before["state"], {**before, "state": "forgotten"})
        return Change(before["state"], expect(IncidentShape, answer))


def _differ(before: IncidentShape | None, now: IncidentShape) -> bool:
    return before is None or any(
        before[name] != now[name] for name in ("state", "blocked", "holds", "mode")
    )


@asking
def watch(
    session: Session,
    *,
    interval: Annotated[
        float, typer.Option(min=0.5, metavar="SECONDS", help="How long between two looks.")
    ] = 2.0,
    user: User = None,
    pool: Pool = None,
    alert: Alert = None,
) -> None:
    """Show the open incidents and what changes, until Ctrl-C.

    To a program it writes a line for each that is open, and for each change,
    with tabs between: changed at, state before, state after, id, user, pool,
    alert, what blocks it. With --json it writes the incident, in one line. While
    the receiver is away it goes on trying.
    """
    eye = Watch(session.client, username=user, resource_pool=pool, alertname=alert)
    first = eye.look()
    with suppress(KeyboardInterrupt):
        if session.on_terminal:
            _draw(eye, interval)
        else:
            _tell(eye, first, interval, as_json=session.as_json)


def _looks(eye: Watch, interval: float) -> Iterator[list[Change] | AwayError]:
    while True:
        time.sleep(interval)
        try:
            yield eye.look()
        except AwayError as exc:
            yield exc


def _tell(eye: Watch, first: list[Change], interval: float, *, as_json: bool) -> None:
    _write(first, as_json=as_json)
    is_away = False
    for seen in _looks(eye, interval):
        if isinstance(seen, AwayError):
            if not is_away:
                typer.echo(f"{seen}; trying on", err=True)
            is_away = True
            continue
        if is_away:
            typer.echo("it answers again", err=True)
        is_away = False
        _write(seen, as_json=as_json)


def _write(changes: Sequence[Change], *, as_json: bool) -> None:
    if as_json:
        for each in changes:
            typer.echo(json.dumps(each.incident))
    else:
        write_lines(map(line, changes))


def line(change: Change) -> Sequence[object]:
    """Return a change for programs."""
    incident = change.incident
    return (
        incident["changed_at"],
        change.before,
        incident["state"],
        incident["incident_id"],
        incident["username"],
        incident["resource_pool"],
        incident["alertname"],
        incident["blocked"],
    )


def _draw(eye: Watch, interval: float) -> None:
    latest: list[Change] = []
    with Live(
        console=Console(highlight=False, markup=False, emoji=False), auto_refresh=False
    ) as live:
        live.update(screen(eye, latest, ""), refresh=True)
        for seen in _looks(eye, interval):
            away = str(seen) if isinstance(seen, AwayError) else ""
            if not isinstance(seen, AwayError):
                latest = [*latest, *seen][-_LATEST:]
            live.update(screen(eye, latest, away), refresh=True)


def screen(eye: Watch, latest: Sequence[Change], away: str) -> RenderableType:
    clock = Clock.of_this_machine()
    parts: list[RenderableType] = [*listed(list(eye.incidents.values()), clock)]
    if latest:
        rows = (_row(each, clock) for each in latest)
        parts += ["", table(("Changed", "Id", "State", "User", "Alert"), rows, fixed=2)]
    state = said(f"{away}; trying on", "bold red") if away else said("Ctrl-C ends it.", "dim")
    return Group(*parts, "", state)


def _row(change: Change, clock: Clock) -> Sequence[Cell]:
    incident = change.incident
    before = f"{change.before} → " if change.before != incident["state"] and change.before else ""
    state = Text.assemble(before, word(incident["state"]))
    return (
        clock.exact(incident["changed_at"])[-8:],
        found.short(incident),
        state,
        incident["username"],
        incident["alertname"],
    )
