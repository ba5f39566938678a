"""`gpu-watchdog explain`: why a task was warned about, or why it was not."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from app.adapters.task_words import gpus, kind
from app.cli.client import expect, expect_all
from app.cli.moments import Clock
from app.cli.session import Session, asking
from app.cli.shapes import ConditionShape, ExplanationShape, LookShape, TaskShape
from app.cli.tables import Cell, facts, grid, said, show, table, word, write_lines
from app.cli.tasks import TaskId, end_if_unknown, if_idle, task_path, used

_MARKS = {True: ("yes", "green"), False: ("no", "bold"), None: ("?", "yellow")}
_OF_NOTE = frozenset({"pending", "firing"})
_MANY = 100


@asking
def explain(
    session: Session,
    task_id: TaskId,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that every alert looks at.")] = False,
) -> None:
    """Say why a task was warned about, or why not: what each alert sees, and what comes when.

    An alert fires when all that it looks at is so: yes. What keeps it from firing
    is so not, or is not known.

    To a program it writes lines with tabs between: alert, name, state, since,
    fires at; condition, name, yes or no or ?, value, limit, unit, words; measure,
    name, value, unit, words; next, stage, at, words.

    Ends with 1, too, when something is not known, which stands on standard error.
    """
    answer = session.client.get(task_path(session.client, task_id, "explanation"))
    explanation = expect(ExplanationShape, answer)
    expect_all(LookShape, explanation["alerts"])
    if session.as_json:
        session.write_json(answer)
    elif session.on_terminal:
        show(*shown(explanation, Clock.of_this_machine(), every=every))
    else:
        write_lines(_lines(explanation))
    end_if_unknown(explanation["unknown"])


def _lines(explanation: ExplanationShape) -> Iterator[Sequence[object]]:
    for look in explanation["alerts"]:
        yield "alert", look["alertname"], look["state"], look["since"], look["fires_at"]
        for each in look["conditions"]:
            met, _ = _MARKS[each["met"]]
            numbers = each["value"], each["limit"], each["unit"]
            yield "condition", look["alertname"], met, *numbers, each["words"]
    for one in explanation["measures"]:
        yield "measure", one["name"], one["value"], one["unit"], one["words"]
    for stone in explanation["next"]:
        yield "next", stone["stage"], stone["at"], stone["words"]


def shown(
    explanation: ExplanationShape, clock: Clock, *, every: bool = False
) -> Iterator[RenderableType]:
    yield facts(_facts(explanation, clock))
    yield from ("", Text("If it idles from now on", "bold"))
    yield grid(
        (said(each["stage"]), clock.moment(each["at"]) or "-", each["words"])
        for each in explanation["next"]
    )
    alerts = explanation["alerts"]
    others = [] if every else [each for each in alerts[1:] if each["state"] not in _OF_NOTE]
    for look in alerts:
        if look not in others:
            yield from _look(look, clock)
    if others:
        yield ""
        yield table(("Other alerts", "What is not so, or not known"), map(_in_short, others))


def _facts(explanation: ExplanationShape, clock: Clock) -> Iterator[tuple[str, Cell]]:
    task = explanation["task"]
    yield "Task", task["task_id"]
    yield "What", _what(task)
    yield "Runs", f"since {clock.moment(task['started_at'])}" if task["started_at"] else "?"
    yield "Used", used(task) if task["slots"] else ""
    yield "Window", explanation["window"] or "not known, or none counts for it"
    yield "If idle", if_idle(task["if_idle"])
    for number, one in enumerate(explanation["measures"]):
        yield "" if number else "Seen", f"{one['words']}: {_figure(one['value'])} {one['unit']}"


def _what(task: TaskShape) -> str:
    name = f" “{task['name']}”" if task["name"] else ""
    owner = task["username"] or "nobody whom Determined names"
    return (
        f"{kind(task['task_type'] or '')}{name} of {owner}, {gpus(task['slots'])}, "
        f"in pool {task['resource_pool']}"
    )


def _in_short(look: LookShape) -> Sequence[Cell]:
    """Name the first thing that keeps an alert from firing; before that, why it cannot tell."""
    if look["error"]:
        return look["alertname"], f"it could not be evaluated: {look['error']}"
    lacking = sorted(
        (each for each in look["conditions"] if not each["met"]),
        key=lambda each: each["met"] is None,
    )
    words = [f"{each['words']}{_numbers(each)}" for each in lacking]
    return look["alertname"], words[0] if words else look["state"]


def _look(look: LookShape, clock: Clock) -> Iterator[RenderableType]:
    since = f", since {clock.moment(look['since'])}" if look["since"] else ""
    fires = f", fires {clock.moment(look['fires_at'])}" if look["fires_at"] else ""
    yield ""
    yield Text.assemble(
        said(look["alertname"], "bold"), ": ", word(look["state"]), said(f"{since}{fires}")
    )
    if look["error"]:
        yield said(f"It could not be evaluated: {look['error']}")
    yield grid(map(_condition, look["conditions"]))


def _condition(condition: ConditionShape) -> Sequence[Cell]:
    mark, style = _MARKS[condition["met"]]
    return Text(mark, style), f"{condition['words']}{_numbers(condition)}"


def _numbers(condition: ConditionShape) -> str:
    value, limit, unit = condition["value"], condition["limit"], condition["unit"]
    if value is None:
        return ""
    against = "" if limit is None else f", against {_figure(limit)}"
    return f" ({_figure(value)}{against} {unit})" if unit else f" ({_figure(value)}{against})"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _MANY else f"{value:.3g}"
