"""`gpu-watchdog breaker`: how it stands, the panic button, and the reset."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from app.adapters.slack_tables import counted
from app.cli import found
from app.cli.asked import DryRun, Reason, Yes, agree, demand_somebody
from app.cli.client import expect
from app.cli.moments import Clock
from app.cli.session import Session, asking
from app.cli.shapes import BreakerShape
from app.cli.tables import Cell, facts, said, show, table, word, write_lines
from app.domain.access import Role

_PATH = "/api/v1/breaker"
_TRIPPED = "tripped"


@asking
def show_(session: Session) -> None:
    """Show whether anything is stopped now, and what the breaker counts.

    To a program it writes names and values with a tab between: state, since, by,
    reason, stops_last_hour, running; and for each stop that it is about: stop,
    incident id, allocation id, task.
    """
    _write(session, session.client.get(_PATH))


@asking
def trip(session: Session, *, reason: Reason, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Stop nothing any more, on the whole cluster: the panic button."""
    _switch(session, "trip", reason, dry_run=dry_run, yes=yes)


@asking
def reset(session: Session, *, reason: Reason, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Allow stops again, those that it has prevented among them.

    Every owner is warned anew, and has the whole grace period.
    """
    _switch(session, "reset", reason, dry_run=dry_run, yes=yes)


def _switch(session: Session, action: str, reason: str, *, dry_run: bool, yes: bool) -> None:
    demand_somebody(unless=dry_run or yes)
    client = session.client
    if dry_run or not yes:
        answer = client.get(_PATH)
        show(foretold(expect(BreakerShape, answer), action), err=True)
        if dry_run:
            _write(session, answer)
            return
        agree(f"{action.capitalize()} it?")
    body = {"action": action, "reason": reason}
    _write(session, client.post(_PATH, body, Role.ADMIN, again=action == "trip"))


def foretold(breaker: BreakerShape, action: str) -> str:
    """Say what a switch would come to."""
    tripped = breaker["state"] == _TRIPPED
    if action == "trip":
        return (
            "It is tripped already: nothing would change."
            if tripped
            else "Nothing more would be stopped, and nobody told of a deadline, until it is reset. "
            "A call to Determined that is being made may still arrive."
        )
    if not tripped:
        return "It is not tripped: nothing would change."
    if not breaker["stops"]:
        return "Stops would be allowed again. It has prevented none."
    stops = counted(len(breaker["stops"]), "stop")
    return f"This would allow {stops} that it has prevented, after a new warning and grace period."


def _write(session: Session, answer: object) -> None:
    breaker = expect(BreakerShape, answer)
    if session.as_json:
        session.write_json(answer)
    elif session.on_terminal:
        show(*shown(breaker, Clock.of_this_machine()))
    else:
        write_lines(_lines(breaker))


def _lines(breaker: BreakerShape) -> Iterator[Sequence[object]]:
    yield "state", breaker["state"]
    yield "since", breaker["since"]
    yield "by", breaker["by"]
    yield "reason", breaker["reason"]
    yield "stops_last_hour", breaker["stops_last_hour"]
    yield "running", breaker["running"]
    for each in breaker["stops"]:
        yield "stop", each["incident_id"], each["allocation_id"], each["task"]


def shown(breaker: BreakerShape, clock: Clock) -> Iterator[RenderableType]:
    yield facts(_facts(breaker, clock))
    if breaker["stops"]:
        tripped = breaker["state"] == _TRIPPED
        yield ""
        yield "What it has prevented:" if tripped else "What the last reset has allowed:"
        rows = [(each["incident_id"][: found.SHORT], each["task"]) for each in breaker["stops"]]
        yield table(("Incident", "Task"), rows)


def _facts(breaker: BreakerShape, clock: Clock) -> Iterator[tuple[str, Cell]]:
    limits, running = breaker["limits"], breaker["running"]
    since = f", since {clock.moment(breaker['since'])}" if breaker["since"] else ""
    by = f", by {breaker['by']}" if breaker["by"] else ""
    yield "Breaker", word(breaker["state"]).append_text(said(f"{since}{by}"))
    yield "Why", breaker["reason"]
    yield (
        "Stopped",
        (
            f"{counted(breaker['stops_last_hour'], 'allocation')} within the last hour, "
            f"of at most {limits['max_stops_per_hour']}"
        ),
    )
    running_words = "not known now, so nothing is stopped" if running is None else str(running)
    yield "Running", running_words
    yield (
        "Share",
        (
            f"at most {limits['max_share']:.0%} of what runs is stopped within an hour; "
            f"{limits['floor']} always may be"
        ),
    )
