"""`gpu-watchdog users list`: who holds what now."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType

from app.cli.client import expect, expect_all
from app.cli.session import Session, asking
from app.cli.shapes import HeldShape, UserListShape, UserShape
from app.cli.tables import Cell, said, show, table, write_lines
from app.cli.tasks import end_if_unknown

_PATH = "/api/v1/users"
_NOWHERE: HeldShape = {
    "resource_pool": "",
    "tasks": 0,
    "slots": 0,
    "waiting": 0,
    "used": 0,
    "idle": 0,
}


@asking
def list_(
    session: Session,
    *,
    user: Annotated[str | None, typer.Option(help="This user alone.", metavar="NAME")] = None,
    pool: Annotated[
        str | None, typer.Option(help="Who holds something there, or waits.", metavar="NAME")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many users.")] = 100,
) -> None:
    """List who holds what, the most first: GPUs by pool, which of them work, and open incidents.

    To a program it writes a line for each user and pool, with tabs between: user,
    pool, GPUs, limit, used, idle, GPUs waited for, tasks, open incidents. What is
    not known is empty, on a terminal a question mark.

    Ends with 1, too, when something is not known, which stands on standard error.
    """
    answer = session.client.get(_PATH, username=user, resource_pool=pool, limit=limit)
    listed = expect(UserListShape, answer)
    users = expect_all(UserShape, listed["users"])
    if session.as_json:
        session.write_json(answer)
    elif session.on_terminal:
        show(*shown(users))
        if listed["total"] > len(users):
            typer.echo(f"These are the first {len(users)} of {listed['total']} users.", err=True)
    else:
        write_lines(row for each in users for row in _lines(each))
    end_if_unknown(listed["unknown"])


def _lines(user: UserShape) -> Iterator[Sequence[object]]:
    for held in user["held"] or [_NOWHERE]:
        yield (
            user["username"],
            held["resource_pool"],
            held["slots"],
            user["limit"],
            held["used"],
            held["idle"],
            held["waiting"],
            held["tasks"],
            sum(user["incidents"].values()),
        )


def shown(users: Sequence[UserShape]) -> Iterator[RenderableType]:
    head = ("User", "Pool", "GPUs", "Limit", "Used", "Idle", "Waits for", "Tasks", "Incidents")
    rows = (row for each in users for row in _rows(each))
    yield table(head, rows) if users else "There is nobody."


def _rows(user: UserShape) -> Iterator[Sequence[Cell]]:
    """Yield a row a pool; what is of the user as a whole stands in the first."""
    closed = ["account closed"] if user["active"] is False else []
    incidents = [f"{count} {state}" for state, count in user["incidents"].items()]
    for number, held in enumerate(user["held"] or [_NOWHERE]):
        yield (
            said("" if number else user["username"]),
            said(held["resource_pool"]),
            _count(held["slots"]),
            "" if user["limit"] is None else str(user["limit"]),
            _count(held["used"]),
            said(_count(held["idle"]), "yellow" if held["idle"] else ""),
            _count(held["waiting"]),
            _count(held["tasks"]),
            "" if number else ", ".join([*incidents, *closed]),
        )


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)
