"""The backtest that docs/cli.md and docs/backtest.md show."""

from datetime import timedelta

from app.domain.backtest import Backtest, Change, Grouping, Sum, WouldBeStopped
from app.domain.backtest_course import Holder
from app.domain.backtest_outcome import Stop, Use, UsedAgain
from app.domain.backtest_verdict import Unjudged
from tests.domain.examples import T0

_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def _stop(
    username: str, task_type: str, slots: int, days: int, used: UsedAgain | None
) -> WouldBeStopped:
    at = T0 - days * _DAY
    holder = Holder(f"{days}f0c.1", f"{days}f0c", task_type, username, "a100")
    return WouldBeStopped(holder, slots, Stop(at, at - 2 * _HOUR, at + 9 * _HOUR, used))


_LATER = T0 - 12 * _DAY + 3 * _HOUR + 12 * _MINUTE
_SOON = T0 - 5 * _DAY + 35 * _MINUTE

BACKTEST = Backtest(
    by=Grouping.USER,
    since=T0 - 30 * _DAY,
    until=T0,
    policy="reclaim",
    changes=(Change("idle.window", "as the rules give it", "45m"),),
    rows={
        "alice": Sum(41, 1344.2, 2, 1, 1.2, 1),
        "bob": Sum(112, 612.4, 19, 11, 210.5, 1),
        "carol": Sum(9, 98.25, 3, 2, 27.0, 0),
    },
    total=Sum(162, 2054.85, 24, 14, 238.7, 2),
    stops=(
        _stop("bob", "trial", 8, 12, UsedAgain(_LATER, Use.HOST)),
        _stop("carol", "notebook", 1, 9, None),
        _stop("alice", "notebook", 2, 5, UsedAgain(_SOON, Use.GPU)),
    ),
    unjudged={Unjudged.GPUS_UNSEEN: 40.2, Unjudged.NEVER_SEEN: 118.0},
    without_profiling=12,
    exempted=1,
)
"""A part of its stops is missing, to be short."""
