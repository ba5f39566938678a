"""The digests that docs/messages.md shows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.adapters.slack_digest import weekly
from app.adapters.slack_messages import Message
from app.adapters.slack_observed import observed
from app.domain.digest import Deed, Usage, WeeklyDigest, WeekTally
from app.domain.digest_times import DigestKind
from app.domain.exceptions import Exceptions, Protection
from app.domain.matchers import Matcher
from app.domain.observed import DayTally, ObservedDigest, WouldBeStop
from app.domain.policy import Mode
from tests.domain.examples import T0

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Example:
    kind: DigestKind
    title: str
    when: str
    message: Message


def digests() -> Iterator[Example]:
    weekly_, daily = DigestKind.WEEKLY, DigestKind.DAILY
    yield Example(weekly_, "To the admins: the week", "Once a week.", weekly(_week()))
    yield Example(
        weekly_,
        "To the admins: a week of which little is known",
        "Prometheus and a peer of Alertmanager did not answer.",
        weekly(_unknown()),
    )
    yield Example(daily, "To the admins: a day in mode `observe`", "Once a day.", observed(_day()))
    yield Example(
        daily,
        "To the admins: a quiet day in mode `observe`",
        "Nothing was found.",
        observed(ObservedDigest(DayTally(T0 - _DAY, T0), Mode.OBSERVE)),
    )


def _week() -> WeeklyDigest:
    tally = WeekTally(T0 - 7 * _DAY, T0, by_hand=2, gpus=14)
    idle, low = "GPUAllocationIdle", "GPUAllocationPartlyIdle"
    counts = {
        (idle, Deed.FOUND): 31,
        (idle, Deed.WARNED): 28,
        (idle, Deed.KEPT): 6,
        (idle, Deed.DISMISSED): 2,
        (idle, Deed.STOPPED): 11,
        (idle, Deed.FAILED): 1,
        (low, Deed.FOUND): 5,
        (low, Deed.WARNED): 4,
        (low, Deed.UNREACHABLE): 1,
    }
    tally.deeds.update(counts)
    tally.reclaimed.update({("bob", "a100"): 61 * _HOUR, ("carol", "default"): 20.5 * _HOUR})
    usage = Usage(
        held={("alice", "a100"): 1344, ("bob", "a100"): 612.4, ("carol", "default"): 98.25},
        used={("alice", "a100"): 1290.5, ("bob", "a100"): 340, ("carol", "default"): 31},
        idle={("alice", "a100"): 53.5, ("bob", "a100"): 270.75},
        covered=0.93,
    )
    silence = Protection(
        (Matcher("policy", "reclaim"), Matcher("username", "dave", is_equal=False)),
        "carol",
        "cluster is moved",
        T0 + 3 * _DAY,
        is_long=True,
        owners=3,
    )
    exempt = Protection(
        (Matcher("username", "alice"), Matcher("resource_pool", "a100")),
        "",
        "thesis",
        T0 + 40 * _DAY,
        is_long=True,
        owners=1,
    )
    return WeeklyDigest(tally, usage, Exceptions((exempt, silence)))


def _unknown() -> WeeklyDigest:
    return WeeklyDigest(
        WeekTally(T0 - 7 * _DAY, T0),
        "Prometheus could not be read: it answered 503",
        Exceptions(unread=("alertmanager-2:9093: connection refused",)),
    )


def _day() -> ObservedDigest:
    tally = DayTally(T0 - _DAY, T0, Counter(bob=2, carol=1), Counter(GPUAllocationFakeLoad=1))
    stop = WouldBeStop(
        T0 - 9 * _HOUR, "notebook 7b0e “JupyterLab (brave-otter)” of bob", "bob", 2, T0
    )
    tally.stops["7b0e.1"] = stop
    return ObservedDigest(tally, Mode.OBSERVE)
