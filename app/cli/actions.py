"""`gpu-watchdog keep`, `kill`, `pause`, `dismiss`: what a person does about an incident by hand."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import RenderableType

from app.cli import found
from app.cli.asked import DryRun, Reason, Yes, agree, demand_somebody
from app.cli.client import expect
from app.cli.incidents import IncidentId
from app.cli.session import Session, asking
from app.cli.shapes import ActionShape, WarningShape
from app.cli.tables import Cell, grid, said, show, word, write_lines
from app.domain.access import Role
from app.domain.foresight import Effect
from app.durations import format_duration, parse_duration

Key = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="What is done under a key is done once, however often it is asked for. "
        "Left out: a new one.",
    ),
]
Allocations = Annotated[
    list[str] | None,
    typer.Option(
        "--allocation",
        metavar="ID",
        help="Only this one of the incident's allocations; may be given more than once.",
    ),
]


@dataclass(frozen=True, slots=True)
class Action:
    verb: str
    needs: Role
    body: Mapping[str, object]
    dry_run: bool
    yes: bool
    key: str | None


@asking
def keep(
    session: Session,
    incident_id: IncidentId,
    *,
    for_: Annotated[
        timedelta,
        typer.Option(
            "--for", parser=parse_duration, metavar="DURATION", help="For how long: 30m, 2h, 1d."
        ),
    ],
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    key: Key = None,
) -> None:
    """Keep an incident's task for a while: nothing stops it, and then its owner is warned anew."""
    body = {"duration": format_duration(for_), "reason": reason}
    _act(session, incident_id, Action("keep", Role.OPERATOR, body, dry_run, yes, key))


@asking
def kill(
    session: Session,
    incident_id: IncidentId,
    *,
    reason: Reason,
    allocation: Allocations = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    key: Key = None,
) -> None:
    """Kill an incident's tasks now, with all that they have not saved.

    The next tick does it, once Determined has confirmed that it is the same
    allocation of the same owner. Whatever else speaks against it is told first.
    """
    body = _of(allocation, reason)
    _act(session, incident_id, Action("kill", Role.OPERATOR, body, dry_run, yes, key))


@asking
def pause(
    session: Session,
    incident_id: IncidentId,
    *,
    reason: Reason,
    allocation: Allocations = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    key: Key = None,
) -> None:
    """Pause an incident's tasks now: trials and generic tasks, which keep their checkpoint."""
    body = _of(allocation, reason)
    _act(session, incident_id, Action("pause", Role.OPERATOR, body, dry_run, yes, key))


@asking
def dismiss(
    session: Session,
    incident_id: IncidentId,
    *,
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    key: Key = None,
) -> None:
    """Close an incident as a false alarm.

    Its alert opens another one only after its condition was seen to be over.
    """
    body = {"reason": reason}
    _act(session, incident_id, Action("dismiss", Role.ADMIN, body, dry_run, yes, key))


def _of(allocations: Sequence[str] | None, reason: str) -> Mapping[str, object]:
    return {"reason": reason, **({"allocation_ids": list(allocations)} if allocations else {})}


def _act(session: Session, incident_id: str, action: Action) -> None:
    """Say first what would come of it, ask, and do it once."""
    demand_somebody(unless=action.dry_run or action.yes)
    client = session.client
    path = found.path_of(found.whole_id(client, incident_id), action.verb)
    key = action.key or str(uuid.uuid4())

    def send(*, dry_run: bool) -> object:
        used = "" if dry_run else key
        return client.post(path, action.body, action.needs, key=used, dry_run=dry_run)

    if not action.dry_run and not action.yes:
        answer = send(dry_run=True)
        preview = expect(ActionShape, answer)
        show(*told(preview), err=True)
        if not comes_to_something(preview):
            _write(session, answer, told_before=True)
            return
        agree(f"{action.verb.capitalize()} it?")
    _write(session, send(dry_run=action.dry_run), told_before=not (action.dry_run or action.yes))


def comes_to_something(done: ActionShape) -> bool:
    return any(each["effect"] != Effect.NOTHING for each in done["effects"])


def _write(session: Session, answer: object, *, told_before: bool) -> None:
    done = expect(ActionShape, answer)
    if session.as_json:
        session.write_json(answer)
    elif not session.on_terminal:
        write_lines(_lines(done))
    elif not told_before:
        show(*told(done))
    typer.echo(end_words(done), err=True)


def end_words(done: ActionShape) -> str:
    if not comes_to_something(done):
        return "There was nothing to do."
    if done["dry_run"]:
        return "Nothing was done: this was a dry run."
    return f"Done. What comes of it: gpu-watchdog incidents show {found.short(done)}"


def _lines(done: ActionShape) -> Iterator[Sequence[object]]:
    for effect in done["effects"]:
        yield effect["effect"], effect["allocation_id"], "", effect["words"]
    for each in done["warnings"]:
        yield "warning", each["allocation_id"], each["rule"], each["words"]


def told(done: ActionShape) -> Iterator[RenderableType]:
    """Say what comes of it, task by task, and what speaks against it."""
    yield said(f"Incident {found.short(done)}: {found.about(done)}", "bold")
    rows: list[tuple[str, Sequence[Cell]]] = [
        (each["allocation_id"], (_EFFECTS.get(each["effect"], each["effect"]), each["words"]))
        for each in done["effects"]
    ]
    rows += [
        (each["allocation_id"], (word("although"), _against(each))) for each in done["warnings"]
    ]
    tasks = {each["allocation_id"]: found.task_words(each) for each in done["targets"]}
    for allocation_id in dict.fromkeys(of for of, _ in rows):
        if allocation_id:
            yield said(tasks.get(allocation_id, allocation_id))
        yield grid(row for of, row in rows if of == allocation_id)


def _against(warning: WarningShape) -> str:
    rule = f" ({warning['rule']})" if warning["rule"] else ""
    return f"{warning['words']}{rule}"


_EFFECTS: Mapping[str, str] = {
    Effect.ACTS: "then",
    Effect.WAITS: "waits",
    Effect.NOTHING: "nothing",
}
