"""The daily digest in words: what would have happened. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from app.adapters.slack_blocks import Block, context, section
from app.adapters.slack_digest import MOST_LISTED
from app.adapters.slack_messages import Message
from app.adapters.slack_tables import count, counted, figure, table
from app.adapters.slack_text import date, plain, quoted
from app.domain.digest import MOST_ROWS
from app.domain.observed import DayTally, ObservedDigest, WouldBeStop
from app.domain.policy import Mode

_TASK = 160
_MEANING = (
    "As if nobody had answered, and no stop had been prevented. GPU-hours: for how long GPUs were "
    "held in this time after they would have been free, while the alert's condition went on."
)
_QUEUED = " Some would have waited until somebody else needs the GPUs, which is not looked at here."
_NEXT = (
    "Where this looks right, `mode: warn` tells owners and stops nothing, and `mode: enforce` "
    "stops as well. Where it does not, an exemption or the limits in `thresholds.rules.yaml` help."
)


def observed(digest: ObservedDigest) -> Message:
    tally = digest.tally
    head = f"What would have happened, from {date(tally.since)} to {date(tally.until)}"
    summary = f"{_why(digest.mode)} {_summary(tally)}"
    blocks = [section(f"*{head}*\n{summary}"), *_owners(tally), *_stops(tally), *_reviewed(tally)]
    if tally.unseen:
        blocks.append(section(_unseen(tally.unseen)))
    if digest.mode is Mode.OBSERVE and (tally.warned or tally.new_stops):
        blocks.append(context([_NEXT]))
    return Message(plain(f"{head}. {summary}"), blocks)


def _why(mode: Mode) -> str:
    if mode is Mode.OBSERVE:
        return "The mode is `observe`: nobody was told, and nothing was stopped."
    return "About policies that are in mode `observe`: nobody was told, and nothing was stopped."


def _summary(tally: DayTally) -> str:
    warned, stops = tally.warned.total(), tally.new_stops
    if not warned and not stops and not tally.gpu_hours:
        if tally.reviewed.total():
            return "No owner would have been told in any mode."
        return "Nothing was found that somebody would have been told of."
    return (
        f"With mode `enforce` {_owners_told(tally)}, {_stopped(len(stops))}, and "
        f"{figure(tally.gpu_hours)} GPU-hours would have been free for others."
    )


def _owners_told(tally: DayTally) -> str:
    warnings, owners = tally.warned.total(), len(tally.warned)
    if not warnings:
        return "no owner would have been warned"
    return f"{counted(owners, 'owner')} would have had {counted(warnings, 'warning')}"


def _stopped(stops: int) -> str:
    return f"{counted(stops, 'task') if stops else 'no task'} would have been stopped"


def _owners(tally: DayTally) -> Iterator[Block]:
    told = _by_owner(tally)
    rows = [(name, count(w), count(s), figure(h)) for name, w, s, h in told[:MOST_ROWS]]
    rest = told[MOST_ROWS:]
    if rest:
        warnings, stops = sum(row[1] for row in rest), sum(row[2] for row in rest)
        hours = sum(row[3] for row in rest)
        rows.append((f"{count(len(rest))} others", count(warnings), count(stops), figure(hours)))
    if rows:
        yield section(f"*By owner*\n{table(('owner', 'warnings', 'stops', 'GPU-hours'), rows)}")
        yield context([_MEANING + (_QUEUED if tally.only_when_queued else "")])


def _by_owner(tally: DayTally) -> list[tuple[str, int, int, float]]:
    """Return warnings, stops and GPU-hours of each owner, the most GPU-hours first."""
    stops, hours = Counter[str](), defaultdict[str, float](float)
    for each in tally.new_stops:
        stops[each.username] += 1
    for each in tally.stops.values():
        hours[each.username] += tally.hours_of(each)
    names = {*tally.warned, *stops, *(name for name, held in hours.items() if held)}
    found = [(name, tally.warned[name], stops[name], hours[name]) for name in names]
    return sorted(found, key=lambda row: (-row[3], row[0]))


def _stops(tally: DayTally) -> Iterator[Block]:
    new = tally.new_stops
    lines = [f"• {_stop(each)}" for each in new[:MOST_LISTED]]
    if len(new) > MOST_LISTED:
        lines.append(f"… and {count(len(new) - MOST_LISTED)} more")
    if lines:
        yield section("\n".join(["*Would have been stopped*", *lines]))


def _stop(stop: WouldBeStop) -> str:
    return f"{date(stop.at)}: {quoted(stop.task, _TASK)}, {counted(stop.slots, 'GPU')}"


def _reviewed(tally: DayTally) -> Iterator[Block]:
    """What no mode makes a message or a stop: a person has to look."""
    found = sorted((name, times) for name, times in tally.reviewed.items() if times)
    rows = [(name, count(times)) for name, times in found[:MOST_LISTED]]
    rest = found[MOST_LISTED:]
    if rest:
        rows.append((f"{count(len(rest))} others", count(sum(times for _, times in rest))))
    if rows:
        yield section(
            "*For a person to look at*, since their policies only observe in every mode; "
            f"`GET /api/v1/incidents?alertname=…` lists them.\n{table(('alert', 'found'), rows)}"
        )


def _unseen(number: int) -> str:
    return (
        f"Whether {counted(number, 'alert')} may be over cannot be seen now: samples are missing "
        "or old. The history of the incident says which, and the alerts on telemetry say why."
    )
