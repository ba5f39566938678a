"""`gpu-watchdog incidents`: what the watchdog has found, and what comes next."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from app.cli import found
from app.cli.client import expect, expect_all
from app.cli.completion import incident_ids
from app.cli.moments import Clock
from app.cli.session import Session, asking
from app.cli.shapes import EntryShape, HistoryShape, IncidentShape, TargetShape
from app.cli.tables import Cell, facts, said, show, table, word, write_lines
from app.domain.incident import IncidentState

IncidentId = Annotated[
    str,
    typer.Argument(
        metavar="INCIDENT",
        help="Its id, or how it begins: at least 4 letters.",
        autocompletion=incident_ids,
    ),
]
User = Annotated[str | None, typer.Option(help="Of this user.", metavar="NAME")]
Pool = Annotated[str | None, typer.Option(help="In this resource pool.", metavar="NAME")]
Alert = Annotated[str | None, typer.Option(help="Of this alert.", metavar="NAME")]


@asking
def list_(
    session: Session,
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    state: Annotated[IncidentState | None, typer.Option(help="In this state.")] = None,
    user: User = None,
    pool: Pool = None,
    alert: Alert = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
) -> None:
    """List the incidents that are open, newest first.

    To a program it writes a line for each, with tabs between: id, state, user,
    pool, alert, opened at, changed at, deadline, what blocks it, GPUs, task ids.
    """
    answer = session.client.get(
        found.INCIDENTS,
        state=state,
        open=None if every or state else "true",
        username=user,
        resource_pool=pool,
        alertname=alert,
        limit=limit,
    )
    incidents = expect_all(IncidentShape, answer)
    if session.as_json:
        session.write_json(answer)
    elif session.on_terminal:
        show(*listed(incidents, Clock.of_this_machine()))
        if len(incidents) == limit:
            typer.echo(f"There may be more: these are the newest {limit}.", err=True)
    else:
        write_lines(map(found.line, incidents))


def listed(incidents: Sequence[IncidentShape], clock: Clock) -> Iterator[RenderableType]:
    yield found.incident_table(incidents, clock) if incidents else "There is none."


@asking
def show_(session: Session, incident_id: IncidentId) -> None:
    """Show an incident: its tasks, what comes next, and all that happened.

    To a program it writes the history, a line an entry, with tabs between: at,
    reason, state before, state after, actor, detail. The evidence is in --json.
    """
    answer = session.client.get(found.path_of(found.whole_id(session.client, incident_id)))
    incident = expect(HistoryShape, answer)
    if session.as_json:
        session.write_json(answer)
    elif session.on_terminal:
        show(*shown(incident, Clock.of_this_machine()))
    else:
        write_lines(map(_entry_line, incident["history"]))


def _entry_line(entry: EntryShape) -> Sequence[object]:
    return (
        entry["at"],
        entry["reason"],
        entry["before"],
        entry["after"],
        entry["actor"],
        entry["detail"],
    )


def shown(incident: HistoryShape, clock: Clock) -> Iterator[RenderableType]:
    yield facts(_facts(incident, clock))
    yield ""
    for target in incident["targets"]:
        yield _target(target, clock, is_over=found.is_over(incident))
        yield ""
    yield table(("At", "What", "State", "By", "Detail"), _entry_rows(incident["history"], clock))


def _facts(incident: IncidentShape, clock: Clock) -> Iterator[tuple[str, Cell]]:
    yield "Incident", incident["incident_id"]
    yield "State", word(incident["state"]).append(f", since {clock.moment(incident['changed_at'])}")
    if not found.is_over(incident) and not incident["holds"]:
        yield "Next", found.outlook(incident, clock)
    yield "Alert", f"{incident['alertname']}, policy {incident['policy']}, mode {incident['mode']}"
    yield "User", f"{incident['username']}, in pool {incident['resource_pool']}"
    yield "Opened", clock.moment(incident["opened_at"])
    for hold in incident["holds"]:
        by = f" by {hold['by']}" if hold["by"] else ""
        until = f" until {clock.moment(hold['until'])}" if hold["until"] else ""
        detail = f": {hold['detail']}" if hold["detail"] else ""
        yield "Held", f"{hold['reason']}{by}{until}{detail}"


def _target(target: TargetShape, clock: Clock, *, is_over: bool) -> Table:
    return facts(
        [
            ("Task", found.task_words(target)),
            ("Allocation", target["allocation_id"]),
            ("Warned", clock.moment(target["warned_at"])),
            ("Deadline", "" if is_over or target["outcome"] else clock.moment(target["deadline"])),
            ("Stop", target["intent"] or ""),
            ("Outcome", target["outcome"] or ""),
        ]
    )


def _entry_rows(history: Sequence[EntryShape], clock: Clock) -> Iterator[Sequence[Cell]]:
    """Yield a row an entry; the day stands where it is another one, the state where it changes."""
    last_day = ""
    for entry in history:
        day, _, time = clock.exact(entry["at"]).partition(" ")
        state = word(entry["after"]) if entry["before"] != entry["after"] else said("")
        at = time.rjust(len(day) + 1 + len(time)) if day == last_day else f"{day} {time}"
        last_day = day
        yield Text(at), entry["reason"], state, entry["actor"], entry["detail"]
