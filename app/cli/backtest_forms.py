"""A backtest as text: a table for people, JSON for programs. Pure.

Names are anybody's: in a table they come out as far as they can be seen, in JSON as they are.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from app.adapters.slack_tables import aligned, count, counted, figure, fitting, width
from app.adapters.slack_text import clean
from app.domain.backtest import Backtest, Sum, WouldBeStopped
from app.domain.backtest_outcome import Use
from app.domain.backtest_verdict import Unjudged
from app.durations import format_duration

_NARROWEST = 8
_LONGEST = 300
_WORST = 10
_NAME_WIDTH = 24
_HEAD = ("tasks", "held", "warned", "stopped", "reclaimed", "used again")
_MEANING = """\
tasks: that held GPUs, each new start of a trial is one; held: their GPU-hours;
warned, stopped: tasks; reclaimed: GPU-hours from a stop to the end of the task,
or to its next use; used again: stops of what was used again later: mistakes."""
_NOT_KNOWN = """\
What owners would have answered is not known, nor the silences and keeps of that
time, nor the labels and workspaces that exemptions may name. The breaker and
`only_when_queued` are left out."""
_WHY = {
    Unjudged.NO_WINDOW: "a type that is never judged, or an unknown owner",
    Unjudged.NEVER_SEEN: "no GPU of the task was ever seen: instances of MIG, say",
    Unjudged.GPUS_UNSEEN: "measurements of its GPUs were missing",
    Unjudged.SIGNALS_LOST: "a signal that was there had fallen silent",
    Unjudged.HOST_UNSEEN: "its host was not seen, and its GPUs rested for less than idle.veto",
    Unjudged.GAP: "nothing was recorded before",
}
_ON = {Use.GPU: "on the GPU", Use.HOST: "on its host"}


class BacktestForm(StrEnum):
    TABLE = "table"
    JSON = "json"


def written(told: Backtest, form: BacktestForm, columns: int | None = None) -> str:
    """`columns`: how wide a table may be, by which names are cut; None: as wide as it is."""
    if form is BacktestForm.JSON:
        return _json(told)
    parts = (
        _title(told),
        _table(told, columns),
        _MEANING,
        "\n".join(_worst(told)),
        "\n".join(_unjudged(told)),
        _NOT_KNOWN,
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def _title(told: Backtest) -> str:
    span = f"from {_minute(told.since)} to {_minute(told.until)}"
    title = f"Had {told.policy} been enforced {span}."
    changes = [f"  {each.name}={each.after}, now {each.before}" for each in told.changes]
    return "\n".join([title, *(["Changed:", *changes] if changes else [])])


def _table(told: Backtest, columns: int | None) -> str:
    rows = [(_name(name), each) for name, each in told.rows.items()]
    lines = [[told.by, *_HEAD], *([name, *_cells(each)] for name, each in rows)]
    lines.append(["total", *_cells(told.total)])
    if columns is not None:
        figures = aligned([["", *line[1:]] for line in lines])
        left = max(columns - max(map(width, figures)), _NARROWEST)
        lines = [[fitting(line[0], left), *line[1:]] for line in lines]
    return "\n".join(aligned(lines))


def _cells(row: Sum) -> list[str]:
    return [
        count(row.tasks),
        figure(row.held),
        count(row.warned),
        count(row.stopped),
        figure(row.reclaimed),
        count(row.used_again),
    ]


def _name(name: str) -> str:
    return clean(name, _LONGEST) or "(without a name)"


def _worst(told: Backtest) -> Iterator[str]:
    wrong = told.wrong_stops
    if not wrong:
        return
    yield "Used again, the soonest first:"
    for each in wrong[:_WORST]:
        yield from _mistake(each)
    if len(wrong) > _WORST:
        yield f"  and {count(len(wrong) - _WORST)} more: all of them are in --format json"


def _mistake(each: WouldBeStopped) -> Iterator[str]:
    used, holder = each.stop.used_again, each.holder
    if used is None:
        return
    after = format_duration(used.at - each.stop.at)
    name = fitting(_name(holder.username), _NAME_WIDTH)
    task = fitting(_name(f"{holder.task_type} {holder.task_id}"), 2 * _NAME_WIDTH)
    yield f"  {task} of {name}"
    yield (
        f"    stopped {_minute(each.stop.at)} with {counted(each.slots, 'GPU')}, "
        f"used {after} later {_ON[used.on]}"
    )


def _unjudged(told: Backtest) -> Iterator[str]:
    if told.unjudged:
        yield "Not judged, and so not stopped, in GPU-hours:"
        found = sorted(told.unjudged.items(), key=lambda each: (-each[1], each[0]))
        lines = [("", figure(hours)) for _, hours in found]
        for line, (reason, _) in zip(aligned(lines), found, strict=True):
            yield f"{line}  {_WHY[reason]}"
    if told.without_profiling:
        few = counted(told.without_profiling, "task")
        yield f"{few}: judged without profiling metrics, by utilization and power."
    if told.exempted:
        yield f"{counted(told.exempted, 'task')}: exempt, as it is configured now."


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _json(told: Backtest) -> str:
    found = {
        "policy": told.policy,
        "since": _moment(told.since),
        "until": _moment(told.until),
        "changes": [asdict(each) for each in told.changes],
        "by": told.by,
        "rows": [{str(told.by): name, **_figures(each)} for name, each in told.rows.items()],
        "total": _figures(told.total),
        "stops": [_stop(each) for each in told.stops],
        "unjudged_gpu_hours": {
            reason: round(told.unjudged.get(reason, 0.0), 3) for reason in Unjudged
        },
        "without_profiling": told.without_profiling,
        "exempt": told.exempted,
        "unknown": told.unknown,
    }
    return f"{json.dumps(found, indent=2, allow_nan=False)}\n"


def _figures(row: Sum) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(row).items()}


def _stop(each: WouldBeStopped) -> dict[str, Any]:
    stop, used = each.stop, each.stop.used_again
    return {
        **asdict(each.holder),
        "slots": each.slots,
        "warned_at": _moment(stop.warned_at),
        "stopped_at": _moment(stop.at),
        "ended_at": _moment(stop.ended_at),
        "reclaimed": round(each.reclaimed, 3),
        "used_again_at": _moment(used.at) if used else None,
        "used_again_on": used.on if used else None,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
