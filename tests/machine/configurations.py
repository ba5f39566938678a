"""The configurations that the receiver is given, one after the other, and what each of them means.

The meaning is written down by hand, so that who reads a configuration wrongly is seen to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from app.domain.authority import Authority
from app.domain.breaker import BreakerLimits
from app.domain.exemption import Exemption
from app.domain.matchers import Matcher
from app.domain.policy import Fallback, Mode, Policy, Rulebook, SlotLimits, StopAction
from app.domain.waking import WakingHours
from tests.domain.examples import T0
from tests.receiver.conftest import MINUTE, POLICY, RULEBOOK

ADMIN = "U-ann"


def slack_id_of(owner: str) -> str:
    return f"U-{owner}"


def delegate_of(owner: str) -> str:
    return f"U-delegate-of-{owner}"


AUTHORITY = Authority(
    frozenset({ADMIN}),
    {each: frozenset({slack_id_of(each), delegate_of(each)}) for each in ("alice", "bob", "carol")},
)
GRACE = 30 * MINUTE
"""So short that one tick may bring it about: what happens in between comes thick and fast."""
LONGEST_TICK = 30 * MINUTE
RECLAIM = replace(POLICY, grace_default=GRACE)
SLOTS = Policy("slots", action=StopAction.KILL, grace_default=GRACE, attempts=3)
PAUSE = replace(RECLAIM, action=StopAction.PAUSE)
LIMIT = 1
"""How many slots a user may hold while others wait."""
QUEUED_FOR = timedelta(minutes=10)
KILL, PAUSED = "kill", "pause"
MANY = 100
"""More stops than a sequence has."""
NEVER = (time(0), time(0))
UNSAVED = frozenset({"notebook", "shell"})


@dataclass(frozen=True, slots=True)
class Law:
    """What may be done under a configuration."""

    mode: Mode = Mode.ENFORCE
    """The watchdog's."""
    reclaim: Mode = Mode.ENFORCE
    """The policy's own."""
    grace: timedelta = GRACE
    exempt: frozenset[str] = frozenset()
    """The owners whose tasks are exempt."""
    day: tuple[time, time] = NEVER
    """The waking hours; the same twice: always."""
    most: int = MANY
    """How many allocations may be stopped within an hour."""
    by_type: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By which calls a task may be stopped under the policy `reclaim`; other types: killed."""
    of_user: frozenset[str] = frozenset({KILL})
    """The same under the policy `slots`: the user over the limit has notebooks and shells alone."""
    only_when_queued: bool = False
    limit: int | None = LIMIT

    def ways(self, policy: str, task_type: str) -> frozenset[str]:
        killed = frozenset({KILL})
        return self.by_type.get(task_type, killed) if policy == RECLAIM.name else self.of_user

    def ceiling(self, policy: str, task_type: str) -> Mode:
        """Return the most that may be done about an alert."""
        modes = {self.mode, self.reclaim if policy == RECLAIM.name else Mode.ENFORCE}
        if not self.ways(policy, task_type):
            modes.add(Mode.WARN)
        return next(mode for mode in (Mode.OBSERVE, Mode.WARN, Mode.ENFORCE) if mode in modes)

    def is_night(self, policy: str, now: datetime) -> bool:
        begin, end = self.day
        has_nights = policy == RECLAIM.name and self.mode is Mode.ENFORCE and begin != end
        return has_nights and not begin <= now.time() < end

    def grace_of(self, policy: str) -> timedelta:
        return self.grace if policy == RECLAIM.name else GRACE

    def asks_for_queue(self, policy: str) -> bool:
        return self.only_when_queued and policy == RECLAIM.name


@dataclass(frozen=True, slots=True)
class Configuration:
    rulebook: Rulebook
    law: Law = Law()

    def with_most(self, most: int) -> "Configuration":
        """Return it with another number of stops that are allowed within an hour."""
        limits = BreakerLimits(max_stops_per_hour=most, floor=most)
        return Configuration(replace(self.rulebook, breaker=limits), replace(self.law, most=most))


def with_policy(reclaim: Policy) -> Rulebook:
    return with_policies(reclaim, SLOTS)


def with_policies(*policies: Policy) -> Rulebook:
    return replace(BASE.rulebook, policies={each.name: each for each in policies})


BASE = Configuration(
    replace(
        RULEBOOK,
        policies={RECLAIM.name: RECLAIM, SLOTS.name: SLOTS},
        limits=replace(RULEBOOK.limits, tick_gap=LONGEST_TICK),
        breaker=BreakerLimits(max_stops_per_hour=MANY, floor=MANY),
        slot_limits=SlotLimits(default=LIMIT),
        authority=AUTHORITY,
    )
)
NOTHING_BUT_PAUSES = {
    "notebook": frozenset[str](),
    "shell": frozenset[str](),
    "trial": frozenset({PAUSED}),
}
OF_A_USER = "advice only"
NOTHING_OF_A_USER = "slots: pause"
CONFIGURATIONS = {
    "as before": BASE,
    OF_A_USER: Configuration(
        with_policy(replace(RECLAIM, action=StopAction.NONE)),
        Law(by_type=dict.fromkeys(("notebook", "shell", "trial"), frozenset())),
    ),
    "observe": Configuration(replace(BASE.rulebook, mode=Mode.OBSERVE), Law(mode=Mode.OBSERVE)),
    "warn": Configuration(replace(BASE.rulebook, mode=Mode.WARN), Law(mode=Mode.WARN)),
    "policy warns": Configuration(
        with_policy(replace(RECLAIM, mode=Mode.WARN)), Law(reclaim=Mode.WARN)
    ),
    "bob is exempt": Configuration(
        replace(
            BASE.rulebook,
            exempt=(Exemption((Matcher("username", "bob"),), "thesis", T0 + timedelta(days=900)),),
        ),
        Law(exempt=frozenset({"bob"})),
    ),
    "nights": Configuration(
        with_policy(replace(RECLAIM, waking_hours=WakingHours(time(9), time(14)))),
        Law(day=(time(9), time(14))),
    ),
    "longer grace": Configuration(
        with_policy(replace(RECLAIM, grace_default=2 * GRACE)), Law(grace=2 * GRACE)
    ),
    "shorter grace": Configuration(
        with_policy(replace(RECLAIM, grace_default=5 * MINUTE)), Law(grace=5 * MINUTE)
    ),
    "pause": Configuration(with_policy(PAUSE), Law(by_type=NOTHING_BUT_PAUSES)),
    "pause or kill": Configuration(
        with_policy(replace(PAUSE, fallback=Fallback.KILL)),
        Law(by_type={"trial": frozenset({PAUSED, KILL})}),
    ),
    NOTHING_OF_A_USER: Configuration(
        with_policies(RECLAIM, replace(SLOTS, action=StopAction.PAUSE)), Law(of_user=frozenset())
    ),
    "only when queued": Configuration(
        with_policy(replace(RECLAIM, only_when_queued=True, queued_for=QUEUED_FOR)),
        Law(only_when_queued=True),
    ),
    "no slot limit": Configuration(
        replace(BASE.rulebook, slot_limits=SlotLimits()), Law(limit=None)
    ),
}
