"""Incidents on the command line: by which id they are found, and how they are shown in a line."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from rich.table import Table
from rich.text import Text

from app.adapters.slack_text import clean
from app.adapters.task_words import gpus, kind
from app.cli.client import AnswerError, Client, NotFoundError, expect_all
from app.cli.moments import Clock, span
from app.cli.shapes import HoldShape, IncidentShape, TargetShape
from app.cli.tables import said, table, word
from app.domain.incident import FINAL_STATES, IncidentState

INCIDENTS = "/api/v1/incidents"
SHORT = 8
"""Letters of an id that a table shows, and that a command takes for the whole of it."""
_WHOLE = 36
_SHORTEST = 4
_MOST = 1000
_LONGEST = 200
HEAD = ("Id", "State", "User", "GPUs", "Alert", "Next")


def path_of(incident_id: str, *rest: str) -> str:
    return "/".join([INCIDENTS, quote(incident_id, safe=""), *rest])


def whole_id(client: Client, text: str) -> str:
    """Return the id that begins so, among the newest incidents.

    Raises:
        AnswerError: none does, or more than one.
    """
    if len(text) >= _WHOLE:
        return text
    if len(text) < _SHORTEST:
        raise AnswerError(f"give at least {_SHORTEST} letters of the incident's id")
    found = expect_all(IncidentShape, client.get(INCIDENTS, limit=_MOST))
    ids = [each["incident_id"] for each in found if each["incident_id"].startswith(text)]
    if not ids:
        raise NotFoundError(f"no incident has an id that begins with {text!r}")
    if len(ids) > 1:
        raise AnswerError(f"{text!r} is how several begin: {', '.join(ids)}")
    return ids[0]


def line(incident: IncidentShape) -> Sequence[object]:
    """Return an incident for programs."""
    targets = incident["targets"]
    return (
        incident["incident_id"],
        incident["state"],
        incident["username"],
        incident["resource_pool"],
        incident["alertname"],
        incident["opened_at"],
        incident["changed_at"],
        deadline(incident),
        incident["blocked"],
        sum(each["slots"] for each in targets),
        ",".join(each["task_id"] for each in targets),
    )


LINE_WORDS = (
    "id, state, user, pool, alert, opened at, changed at, deadline, what blocks it, GPUs, task ids"
)


def incident_table(incidents: Iterable[IncidentShape], clock: Clock) -> Table:
    return table(HEAD, (_row(each, clock) for each in incidents), fixed=2)


def _row(incident: IncidentShape, clock: Clock) -> Sequence[str | Text]:
    slots = sum(each["slots"] for each in incident["targets"])
    return (
        short(incident),
        word(incident["state"]),
        said(incident["username"]),
        str(slots or ""),
        incident["alertname"],
        outlook(incident, clock),
    )


def deadline(incident: IncidentShape) -> str | None:
    """Return the first deadline that was named and is not over with; None: there is none."""
    open_ones = () if is_over(incident) else incident["targets"]
    times = [each["deadline"] for each in open_ones if not each["outcome"]]
    return min((each for each in times if each), default=None)


def outlook(incident: IncidentShape, clock: Clock) -> str:
    """Say in a few words what comes next, or when it was over."""
    state, ends = incident["state"], deadline(incident)
    if is_over(incident):
        return clock.away(incident["changed_at"])
    if state == IncidentState.HELD:
        return "; ".join(_held(each, clock) for each in incident["holds"])
    if incident["blocked"]:
        return f"blocked: {incident['blocked']}"
    if ends and state == IncidentState.NOTIFIED:
        return clock.countdown(ends)
    if state == IncidentState.STOPPING and all(each["outcome"] for each in incident["targets"]):
        return "stopped; its GPUs are looked at"
    return _NEXT.get(state, "")


_NEXT: Mapping[str, str] = {
    IncidentState.FIRING: "owner not told",
    IncidentState.NOTIFIED: "owner told",
    IncidentState.STOPPING: "being stopped",
    IncidentState.ESCALATED: "see to it",
}


def _held(hold: HoldShape, clock: Clock) -> str:
    left = f", {span(clock.left(hold['until']))} more" if hold["until"] else ""
    return f"{hold['reason']}{left}"


def task_words(target: TargetShape) -> str:
    """Return `notebook “JupyterLab (brave-otter)”, 1 GPU`."""
    name = f" “{target['name']}”" if target["name"] else ""
    slots = f", {gpus(target['slots'])}" if target["slots"] else ""
    return f"{kind(target['task_type'])}{name}{slots}"


def about(incident: IncidentShape) -> str:
    """Return `GPUAllocationIdle of bob, held`."""
    return clean(
        f"{incident['alertname']} of {incident['username']}, {incident['state']}", _LONGEST
    )


def is_over(incident: IncidentShape) -> bool:
    return incident["state"] in FINAL_STATES


def short(incident: IncidentShape) -> str:
    """Return as much of its id as a table shows."""
    return clean(incident["incident_id"][:SHORT], SHORT)
