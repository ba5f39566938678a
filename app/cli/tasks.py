"""`gpu-watchdog tasks`: what runs, how busy it is, and what would become of it."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import RenderableType

from app.adapters.task_words import kind
from app.cli import found
from app.cli.client import AnswerError, Client, NotFoundError, expect, expect_all
from app.cli.completion import task_ids
from app.cli.moments import Clock, span
from app.cli.session import Session, asking
from app.cli.shapes import ProspectShape, TaskListShape, TaskShape
from app.cli.tables import Cell, said, show, table, write_lines
from app.cli.terminal import SOMETHING_IS_MISSING
from app.domain.cluster import TaskType
from app.domain.policy import Mode

TASKS = "/api/v1/tasks"
_PAGE = 1000
_SHORTEST = 4
_WHOLE = 36
TaskId = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="Its id, or how it begins: at least 4 letters.",
        autocompletion=task_ids,
    ),
]


class Use(StrEnum):
    IDLE = "idle"
    BUSY = "busy"


@asking
def tasks(
    session: Session,
    *,
    user: Annotated[str | None, typer.Option(help="Of this user.", metavar="NAME")] = None,
    pool: Annotated[str | None, typer.Option(help="In this resource pool.", metavar="NAME")] = None,
    type_: Annotated[TaskType | None, typer.Option("--type", help="Of this type.")] = None,
    now: Annotated[
        Use | None, typer.Option(help="Those of which no GPU works at the moment, or one does.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
) -> None:
    """List what runs, the newest first: how busy its GPUs are, and what comes next.

    To a program it writes a line for each, with tabs between: id, type, user,
    pool, GPUs, running since, utilization in percent, idle or busy, mode that
    would hold, ids of open incidents, name. What is not known is empty, on a
    terminal a question mark, and why it is not known stands on standard error.
    """
    answer = session.client.get(
        TASKS,
        username=user,
        resource_pool=pool,
        task_type=type_,
        idle={Use.IDLE: "true", Use.BUSY: "false"}[now] if now else None,
        limit=limit,
    )
    listed = expect(TaskListShape, answer)
    running = expect_all(TaskShape, listed["tasks"])
    if session.as_json:
        session.write_json(answer)
    elif session.on_terminal:
        show(*shown(running, Clock.of_this_machine()))
        if listed["total"] > len(running):
            typer.echo(f"These are the newest {len(running)} of {listed['total']}.", err=True)
    else:
        write_lines(map(_line, running))
    end_if_unknown(listed["unknown"])


def end_if_unknown(unknown: Sequence[str]) -> None:
    """Say what is not known, and end with 1 if there is anything."""
    for each in unknown:
        show(said(each), err=True)
    if unknown:
        raise typer.Exit(SOMETHING_IS_MISSING)


def task_path(client: Client, text: str, *rest: str) -> str:
    return "/".join([TASKS, quote(_whole_id(client, text), safe=""), *rest])


def _whole_id(client: Client, text: str) -> str:
    """Return the id of a task that runs and begins so.

    Raises:
        AnswerError: none does, or more than one.
    """
    if len(text) >= _WHOLE:
        return text
    if len(text) < _SHORTEST:
        raise AnswerError(f"give at least {_SHORTEST} letters of the task's id")
    ids = {each for each in _running_ids(client) if each.startswith(text)}
    if text in ids:
        return text
    if not ids:
        raise NotFoundError(f"no task that runs has an id that begins with {text!r}")
    if len(ids) > 1:
        raise AnswerError(f"{text!r} is how several begin: {', '.join(sorted(ids))}")
    return ids.pop()


def _running_ids(client: Client) -> Iterator[str]:
    offset, total = 0, 1
    while offset < total:
        page = expect(TaskListShape, client.get(TASKS, limit=_PAGE, offset=offset))
        yield from (each["task_id"] for each in page["tasks"])
        offset, total = offset + _PAGE, page["total"]


def _line(task: TaskShape) -> Sequence[object]:
    activity = task["activity"]
    return (
        task["task_id"],
        task["task_type"],
        task["username"],
        task["resource_pool"],
        task["slots"],
        task["started_at"],
        activity["average"],
        {None: "", True: Use.BUSY, False: Use.IDLE}[activity["active"]],
        task["if_idle"]["mode"],
        ",".join(each["incident_id"] for each in task["incidents"]),
        task["name"],
    )


def shown(running: Sequence[TaskShape], clock: Clock) -> Iterator[RenderableType]:
    head = ("Id", "User", "Type", "GPUs", "Used", "Runs for", "Next")
    rows = (_row(each, clock) for each in running)
    yield table(head, rows) if running else "There is none."


def _row(task: TaskShape, clock: Clock) -> Sequence[Cell]:
    since = task["started_at"]
    return (
        said(task["task_id"][: found.SHORT]),
        said(task["username"] or "?"),
        kind(task["task_type"] or "?"),
        str(task["slots"]),
        used(task) if task["slots"] else "",
        span(-clock.left(since)) if since else "?",
        outlook(task, clock),
    )


def used(task: TaskShape) -> Cell:
    average = task["activity"]["average"]
    percent = "?" if average is None else f"{average:.0f} %"
    return said(percent, "yellow" if task["activity"]["active"] is False else "")


def outlook(task: TaskShape, clock: Clock) -> str:
    """Say in a few words what comes next, or what would if it idled."""
    for incident in task["incidents"]:
        until = incident["deadline"]
        how = clock.countdown(until) if until else incident["state"]
        return f"{incident['incident_id'][: found.SHORT]}: {how}"
    prospect = task["if_idle"]
    return if_idle(prospect) if prospect["never"] else f"if idle: {if_idle(prospect)}"


def if_idle(prospect: ProspectShape) -> str:
    """Say what would be done about it: `kill after 2h`."""
    if prospect["never"]:
        return f"never judged: {prospect['never']}"
    held = ", ".join(each["reason"] for each in prospect["holds"])
    match prospect["mode"]:
        case Mode.ENFORCE:
            deed = f"{prospect['action']} after {prospect['grace']}"
        case Mode.WARN:
            deed = "its owner is told"
        case _:
            deed = "only observed"
    return f"{deed}; {held}" if held else deed
