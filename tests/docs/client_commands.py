"""What the commands show that ask the receiver, from the examples of docs/api.md."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType

from app.api import problems
from app.cli import actions, breaker, explain, holders, incidents, tasks
from app.cli.client import expect
from app.cli.moments import Clock
from app.cli.shapes import (
    ActionShape,
    BreakerShape,
    ExplanationShape,
    HistoryShape,
    IncidentShape,
    TaskShape,
    UserShape,
)
from app.cli.watch import Change, line
from app.errors import NotPausableError
from tests.docs.pages import blocks, read, section

COLUMNS = 80
CLOCK = Clock(datetime(2026, 11, 24, 13, 10, tzinfo=UTC), UTC)
_CLOSED = "It is closed; its alert opens another one only after it was seen to be over."
_UNTOUCHED = {"since": None, "by": "", "reason": "", "stops_last_hour": 2}
_PAGE = read("docs/api.md")
_NOT_PAUSABLE = problems._ANSWERS[NotPausableError][1].format(error="notebook")
_TASK = "### `GET /api/v1/tasks/{task_id}`"
_INCIDENT = "### `GET /api/v1/incidents/{incident_id}`"


def answer(heading: str) -> dict[str, Any]:
    """Return what docs/api.md shows as the answer of an endpoint."""
    [text] = blocks(section(_PAGE, heading), "json")
    found: dict[str, Any] = json.loads(text)
    return found


def held() -> HistoryShape:
    return expect(HistoryShape, answer(_INCIDENT))


def notified() -> IncidentShape:
    found = answer(_INCIDENT)
    [target] = found["targets"]
    warned = target | {"warned_at": "2026-11-24T11:35:00Z", "deadline": "2026-11-24T13:35:00Z"}
    other = {
        "incident_id": "9b1fa6f1-6a0e-4f1c-8f0e-0d7c1a9d2b11",
        "state": "notified",
        "alertname": "UserOverSlotLimit",
        "policy": "slots",
        "username": "alice",
        "holds": [],
        "targets": [warned | {"slots": 4}],
    }
    return expect(IncidentShape, found | other)


def dry_run(effect: str = "") -> ActionShape:
    """Return what a dry run of a kill has come to; with other words, of something else."""
    shown = answer("### What all actions have in common") | {"dry_run": True}
    if effect:
        said = {"effect": "acts", "allocation_id": "", "words": effect}
        shown |= {"effects": [said], "warnings": []}
    return expect(ActionShape, answer(_INCIDENT) | shown)


def running() -> list[TaskShape]:
    notebook = answer(_TASK)
    trial = {
        "task_id": "98.4b7ac3e1-8f3c-4d0e-9c5b-2a1f7d3e6b90",
        "task_type": "trial",
        "username": "alice",
        "slots": 8,
        "activity": {"average": 93.4, "busiest": 97.0, "active": True},
        "if_idle": notebook["if_idle"] | {"mode": "enforce", "action": "pause", "holds": []},
        "incidents": [],
    }
    return [expect(TaskShape, each) for each in (notebook | trial, notebook)]


def users() -> list[UserShape]:
    [bob] = answer("### `GET /api/v1/users`")["users"]
    [held] = bob["held"]
    elsewhere = held | {"resource_pool": "a100", "tasks": 1, "slots": 2, "used": None, "idle": None}
    carol = {
        "username": "carol",
        "active": False,
        "limit": None,
        "held": [held | {"slots": 1, "used": 1, "idle": 0, "waiting": 8}],
        "incidents": {},
    }
    both = bob | {"held": [held, elsewhere]}
    return [expect(UserShape, each) for each in (both, bob | carol)]


def explanation() -> ExplanationShape:
    found = answer("### `GET /api/v1/tasks/{task_id}/explanation`")
    return expect(ExplanationShape, found | {"task": answer(_TASK)})


def printed(*parts: RenderableType) -> str:
    """Return what a terminal of 80 columns shows."""
    output = io.StringIO()
    console = Console(file=output, width=COLUMNS, highlight=False)
    for part in parts:
        console.print(part)
    return "\n".join(each.rstrip() for each in output.getvalue().splitlines())


def switched(before: BreakerShape, action: str) -> str:
    return printed(breaker.foretold(before, action), *breaker.shown(before, CLOCK))


def foretold(effect: str = "") -> str:
    done = dry_run(effect)
    return f"{printed(*actions.told(done))}\n{actions.end_words(done)}"


def examples() -> Mapping[str, tuple[str, str]]:
    """Return what is typed, and what is shown then, by command."""
    tripped = expect(BreakerShape, answer("### `GET /api/v1/breaker`"))
    closed = expect(BreakerShape, {**tripped, "state": "closed", "stops": [], **_UNTOUCHED})
    change = "\t".join(str(each or "") for each in line(Change("notified", held())))
    why = '--reason "rack 3 is switched off" --dry-run'
    return {
        "incidents list": (
            "incidents list",
            printed(*incidents.listed([notified(), held()], CLOCK)),
        ),
        "incidents show": ("incidents show 0f4c6a52", printed(*incidents.shown(held(), CLOCK))),
        "incidents watch": ("incidents watch | cat", change),
        "keep": (
            'keep 0f4c6a52 --for 8h --reason "waits for a dataset" --dry-run',
            foretold("Nothing is stopped until it ends; then the owner is warned anew."),
        ),
        "kill": (f"kill 0f4c6a52 {why}", foretold()),
        "pause": (f"pause 0f4c6a52 {why}", _NOT_PAUSABLE),
        "dismiss": (
            'dismiss 0f4c6a52 --reason "its exporter is broken" --dry-run',
            foretold(
                "It is closed; its alert opens another one only after it was seen to be over."
            ),
        ),
        "tasks": ("tasks", printed(*tasks.shown(running(), CLOCK))),
        "explain": ("explain c7a2ea20", printed(*explain.shown(explanation(), CLOCK))),
        "users list": ("users list", printed(*holders.shown(users()))),
        "breaker show": ("breaker show", printed(*breaker.shown(tripped, CLOCK))),
        "breaker trip": (f"breaker trip {why}", switched(closed, "trip")),
        "breaker reset": (
            'breaker reset --reason "the exporters are back" --dry-run',
            switched(tripped, "reset"),
        ),
    }
