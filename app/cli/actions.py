"""`gpu-watchdog keep`, `kill`, `pause`, `dismiss`: what a person does about an incident by hand."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, TypedDict

import typer
from rich.console import RenderableType

from app.cli import found
from app.cli.asked import DryRun, Reason, Yes, agree, demand_somebody
from app.cli.client import Client, expect
from app.cli.completion import incident_ids, task_ids
from app.cli.incidents import IncidentId
from app.cli.session import Session, asking
from app.cli.shapes import ActionShape, WarningShape
from app.cli.tables import Cell, grid, said, show, word, write_lines
from app.cli.tasks import task_path
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


StoppedIncident = Annotated[
    str | None,
    typer.Argument(
        metavar="INCIDENT",
        help="Its id, or how it begins: at least 4 letters.",
        autocompletion=incident_ids,
    ),
]
StoppedTask = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="A task instead, whether an incident is about it or not: its id, or how it begins. "
        "For admins.",
        autocompletion=task_ids,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    verb: str
    incident_id: str | None = None
    task_id: str | None = None
    needs: Role
    body: Mapping[str, object]
    dry_run: bool
    yes: bool
    key: str | None

    def path(self, client: Client) -> str:
        """Return where it is asked for.

        Raises:
            AnswerError: it is not known what is meant.
        """
        if self.task_id is not None:
            return task_path(client, self.task_id, self.verb)
        return found.path_of(found.whole_id(client, self.incident_id or ""), self.verb)


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
    action = Action(
        verb="keep",
        incident_id=incident_id,
        needs=Role.OPERATOR,
        body={"duration": format_duration(for_), "reason": reason},
        dry_run=dry_run,
        yes=yes,
        key=key,
    )
    _act(session, action)


@asking
def kill(
    session: Session,
    incident_id: StoppedIncident = None,
    *,
    task: StoppedTask = None,
    reason: Reason,
    allocation: Allocations = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    key: Key = None,
) -> None:
    """Kill an incident's tasks now, or any task, with all that they have not saved.

    The next tick does it, once Determined has confirmed that it is the same
    allocation of the same owner. Whatever else speaks against it is told first.
    """
    what = _what(incident_id, task, allocation)
    body = _body(reason, allocation)
    _act(session, Action(verb="kill", **what, body=body, dry_run=dry_run, yes=yes, key=key))


@asking
def pause(
    session: Session,
    incident_id: StoppedIncident = None,
    *,
    task: StoppedTask = None,
    reason: Reason,
    allocation: Allocations = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    key: Key = None,
) -> None:
    """Pause an incident's tasks now, or any: trials and generic tasks, which keep a checkpoint."""
    what = _what(incident_id, task, allocation)
    body = _body(reason, allocation)
    _act(session, Action(verb="pause", **what, body=body, dry_run=dry_run, yes=yes, key=key))


class _What(TypedDict):
    incident_id: str | None
    task_id: str | None
    needs: Role


def _what(incident_id: str | None, task_id: str | None, allocations: object) -> _What:
    """Return what is meant, and who may do it.

    Raises:
        BadParameter: it is nothing, or too much.
    """
    if (incident_id is None) == (task_id is None):
        raise typer.BadParameter("name an INCIDENT, or a task with --task, and not both")
    if task_id is not None and allocations:
        raise typer.BadParameter("--allocation is of an INCIDENT; --task means all of the task")
    needs = Role.ADMIN if incident_id is None else Role.OPERATOR
    return {"incident_id": incident_id, "task_id": task_id, "needs": needs}


def _body(reason: str, allocations: Sequence[str] | None) -> Mapping[str, object]:
    return {"reason": reason, **({"allocation_ids": list(allocations)} if allocations else {})}


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
    action = Action(
        verb="dismiss",
        incident_id=incident_id,
        needs=Role.ADMIN,
        body={"reason": reason},
        dry_run=dry_run,
        yes=yes,
        key=key,
    )
    _act(session, action)


def _act(session: Session, action: Action) -> None:
    """Say first what would come of it, ask, and do it once."""
    demand_somebody(unless=action.dry_run or action.yes)
    client = session.client
    path = action.path(client)
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
    # A dry run opens none.
    which = f"Incident {found.short(done)}" if done["incident_id"] else "A new incident"
    yield said(f"{which}: {found.about(done)}", "bold")
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
