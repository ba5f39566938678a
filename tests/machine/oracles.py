"""The rules about calls and messages, asked of what the systems around the receiver remember."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.actions import MessageKind
from app.domain.incident import RecipientKind
from app.domain.policy import Mode
from app.domain.readings import PeerAlertState
from tests.machine import by_hand
from tests.machine.answer_time import AnswerTime
from tests.machine.breaches import Breach, Case, Through, covers
from tests.machine.by_hand import Promise, Wish
from tests.machine.configurations import KILL, PAUSED, UNSAVED, Configuration, Law
from tests.machine.room import why_unwanted
from tests.machine.stamps import Stamp
from tests.machine.tasks import Condition
from tests.machine.witness import Call, Memory, Told, is_fresh

HOUR = timedelta(hours=1)
PROOF_AGE = timedelta(seconds=10)
HEARTBEAT_AGE = timedelta(minutes=5)
STOP_RETRY = timedelta(minutes=1)
LONGEST_RETRY = 16
"""Times `STOP_RETRY`."""
SLACK_TAKES = timedelta(minutes=1)
THREATS = frozenset({MessageKind.WARNING, MessageKind.REMINDER, MessageKind.LAST_CALL})


@dataclass
class Facts:
    """What was done to the receiver and its world."""

    configuration: Configuration
    conditions: dict[str, Condition] = field(default_factory=dict)
    """By the key of the identity."""
    breaches: list[Breach] = field(default_factory=list)
    beats: list[Stamp] = field(default_factory=list)
    """When a heartbeat was taken."""
    tripped: Stamp | None = None
    was_reset: Stamp | None = None
    allowed: frozenset[str] = frozenset()
    """The allocations that the last reset has listed."""
    keeps: list[Promise] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    may_be_false: set[str] = field(default_factory=set)
    """The keys of the alerts that an admin wanted to be called false."""
    called_false: dict[str, Stamp] = field(default_factory=dict)
    """By key, when that was done, as the admin was answered."""
    committed: Stamp | None = None
    """When the last commit began."""
    sendings: dict[Stamp, Stamp] = field(default_factory=dict)
    """By the moment of a call, when its sending came on record: a reset after that is too late."""
    asked_breaker: Stamp | None = None
    """When the database was last asked how the breaker stands."""
    differ: timedelta = timedelta()
    """By how much the clocks of receivers may differ from those of the other systems."""

    @property
    def law(self) -> Law:
        return self.configuration.law


@dataclass
class Court:
    memory: Memory
    facts: Facts
    answer_time: AnswerTime

    def of_call(self, call: Call) -> list[str]:
        """Say what speaks against a call; empty if nothing does."""
        wishes = [each for each in self.facts.wishes if each.is_about(call)]
        self.facts.sendings[call.at] = self.facts.committed or call.at
        by_itself = self._by_itself(call, wishes)
        return min([by_itself, *(self._by_hand(each, call) for each in wishes)], key=len)

    def _by_hand(self, wish: Wish, call: Call) -> list[str]:
        """Say what speaks against a call that somebody has asked for (0013)."""
        facts = self.facts
        return [
            *self._same_allocation(call),
            *self._repeats(call),
            *by_hand.objections(wish, call, facts.keeps, facts.called_false),
        ]

    def _by_itself(self, call: Call, wishes: Sequence[Wish]) -> list[str]:
        exempt = ["S11: it is exempt"] if call.owner in self.facts.law.exempt else []
        common = [
            *exempt,
            *self._same_allocation(call),
            *self._heartbeat(call),
            *self._breaker(call),
        ]
        warnings = [told for told in self.memory.told if told.names(call.allocation_id)]
        if not warnings:
            return [*common, *self._repeats(call), "S1: no message to an owner named it"]
        is_alone = not wishes and len({told.key for told in warnings}) == 1
        # Of a round of one incident there is one intent at most: all calls since are its attempts.
        common += self._repeats(call, warnings[-1].at if is_alone else None)
        # One warning that holds is enough; else what is said of the one that lacks least.
        by_warning = [list(self._of_warning(told, call)) for told in reversed(warnings)]
        return [*common, *min(by_warning, key=len)]

    def of_message(self, told: Told) -> Iterator[str]:
        """Say why a message to an owner should not have been posted now (S1, S10, S11, S13)."""
        if told.post.kind not in THREATS:
            return
        condition, law = self.facts.conditions[told.key], self.facts.law
        identity = condition.identity
        mode = law.ceiling(identity.policy, identity.task_type)
        if mode is Mode.OBSERVE:
            yield f"S10: a {told.post.kind} in mode observe"
        if told.owner in law.exempt:
            yield f"S11: a {told.post.kind} to {told.owner}, who is exempt"
        if not told.post.deadlines:
            return
        if mode is not Mode.ENFORCE:
            yield f"S10: a {told.post.kind} with a deadline in mode {mode}"
        tripped, asked = self.facts.tripped, self.facts.asked_breaker
        if tripped and asked and tripped < asked:
            yield f"S10: a {told.post.kind} while the breaker is tripped"
        # When it was decided to post, Slack had not taken its time yet.
        decided = (told.at.wall - SLACK_TAKES, told.at.wall + self.facts.differ)
        is_night = all(law.is_night(identity.policy, each) for each in decided)
        if is_night and _is_unsaved(condition):
            yield f"S13: a {told.post.kind} at night"

    def _same_allocation(self, call: Call) -> Iterator[str]:
        reading = self.memory.allocations.get(call.allocation_id)
        if reading is None or reading.what is None or not _is_recent(reading.at, call):
            yield "S2: the allocation was not read right before"
            return
        if call.owner is None or reading.what.username != call.owner:
            yield f"S2: it is {reading.what.username}'s, not {call.owner}'s"

    def _heartbeat(self, call: Call) -> Iterator[str]:
        """S5. Since it was seen the wall clock may have jumped, which makes it no older."""
        last = self.facts.beats[-1] if self.facts.beats else None
        longest = HEARTBEAT_AGE + PROOF_AGE + self.facts.differ
        is_recent = last is not None and (
            timedelta() <= call.at.wall - last.wall <= longest
            or call.at.true - last.true <= longest
        )
        if not is_recent:
            yield f"S5: the heartbeat arrived last at {last and last.wall}"

    def _breaker(self, call: Call) -> Iterator[str]:
        """S7. One that was tripped since the sending is on record comes too late for it."""
        facts = self.facts
        if facts.tripped and facts.committed and facts.tripped < facts.committed:
            yield "S7: the breaker is tripped"
        # An hour that has gone by, whatever the wall clock was set to meanwhile.
        since = call.at.true - HOUR + PROOF_AGE
        counted = {
            each.allocation_id
            for each in [*self.memory.calls, call]
            if since < each.at.true <= call.at.true
            and (facts.was_reset is None or facts.was_reset < facts.sendings[each.at])
            and not any(wish.is_about(each) for wish in facts.wishes)
        } | set(call.together)
        if len(counted - facts.allowed) > facts.law.most:
            yield f"S7: {len(counted)} allocations within the hour"

    def _repeats(self, call: Call, since: Stamp | None = None) -> Iterator[str]:
        """S6: a call is repeated when its effect had the time to show, and did not; and the longer
        after the one before it, the more calls there were since then.
        """
        before = [each for each in self.memory.calls if each.allocation_id == call.allocation_id]
        attempts = sum(since is not None and since < each.at for each in before)
        retry = STOP_RETRY * min(2 ** max(attempts - 1, 0), LONGEST_RETRY)
        soonest = retry - PROOF_AGE - self.facts.differ
        if before and call.at.wall - before[-1].at.wall < soonest:
            yield f"S6: called {call.at.wall - before[-1].at.wall} after the call before"

    def _of_warning(self, told: Told, call: Call) -> Iterator[str]:
        """Say what speaks against a call that rests on this warning."""
        condition = self.facts.conditions[told.key]
        if call.owner != condition.identity.username:
            yield f"S2: it is {call.owner}'s, and {condition.identity.username} was judged"
        yield from self._told_first(told, call, condition)
        yield from self._as_announced(told, call, condition)
        yield from self._proven(call, condition)
        yield from self._peers(call, condition)
        yield from self._allowed(call, condition)
        for breach in self.facts.breaches:
            if breach.covers(condition, call.allocation_id) and self._counts(breach, told):
                yield f"{breach.rule}: {breach.why} after the warning"

    def _told_first(self, told: Told, call: Call, condition: Condition) -> Iterator[str]:
        confirmed = self.memory.confirmed.get(told.message_id)
        deadline = told.post.deadlines[call.allocation_id]
        if confirmed is None:
            yield "S1: the warning is not confirmed"
            return
        owner = condition.identity.username
        if told.post.to is RecipientKind.ADMINS or told.post.channel != f"D-{owner}":
            yield f"S1: {told.post.channel} was told, the owner is {owner}"
        differ = self.facts.differ
        if call.at.wall < deadline - differ:
            yield f"S1: called {deadline - call.at.wall} before the deadline"
        for later in self.memory.told:
            named = later.post.deadlines.get(call.allocation_id)
            if later.key == told.key and later.at > told.at and named is not None:
                yield from _too_early(later, named - differ, call)
        of_law = self.facts.law.grace_of(condition.identity.policy)
        grace = max(of_law, deadline - confirmed.wall - differ)
        had = self.answer_time.since(confirmed)
        if had < grace:
            yield f"S13: the owner had {had} of {grace}"

    def _as_announced(self, told: Told, call: Call, condition: Condition) -> Iterator[str]:
        """S1: nothing harsher than the warning said, and whatever else was said since."""
        identity = condition.identity
        lawful = self.facts.law.ways(identity.policy, identity.task_type)
        since = [each for each in self.memory.told if each.key == told.key and each.at > told.at]
        for each in (told, *since):
            ways = each.ways(identity.task_type)
            is_instead = PAUSED in ways and PAUSED not in lawful
            if call.way == KILL and each.post.deadlines and (KILL not in ways or is_instead):
                yield f"S1: a kill, where the {each.post.kind} said {sorted(ways)}"

    def _proven(self, call: Call, condition: Condition) -> Iterator[str]:
        """S3: Prometheus has just said so itself, with fresh samples."""
        firing = self.memory.firing
        if firing is None or not _is_recent(firing.at, call):
            yield "S3: Prometheus was not asked what fires"
        elif condition.key not in firing.what:
            yield "S3: it did not fire"
        for expression in (condition.verify, condition.evidence):
            answer = self.memory.queries.get(expression)
            if answer is None or not _is_recent(answer.at, call):
                yield f"S3: {expression} was not asked"
            elif expression == condition.verify and not answer.what:
                yield "S9: it was active"
            elif expression == condition.evidence and not is_fresh(answer.what):
                yield f"S5: samples were {answer.what} s old"

    def _peers(self, call: Call, condition: Condition) -> Iterator[str]:
        """S4, and the night (S13), by the last reading of every Alertmanager."""
        reading = self.memory.peers
        if reading is None or not _is_recent(reading.at, call):
            yield "S4: Alertmanager was not asked"
            return
        asked = self.memory.allocations.get(call.allocation_id)
        if asked and reading.at < asked.at:
            yield "S4: Alertmanager was not asked after all else"
        now, case = reading.at.wall, Case(condition, call.allocation_id)
        for peer in reading.what:
            alert = peer.alerts.get(condition.key)
            if alert is None or alert.state is not PeerAlertState.ACTIVE:
                yield f"S4: not active on {peer.peer} ({peer.error})"
            if any(covers(each, case, now) for each in peer.silences):
                yield f"S4: silenced on {peer.peer}"
        is_night = self.facts.law.is_night(condition.identity.policy, now)
        if is_night and _is_unsaved(condition):
            yield "S13: it is night"

    def _allowed(self, call: Call, condition: Condition) -> Iterator[str]:
        law, identity = self.facts.law, condition.identity
        if law.ceiling(identity.policy, identity.task_type) is not Mode.ENFORCE:
            yield f"S10: the mode is {law.ceiling(identity.policy, identity.task_type)}"
        elif call.way not in law.ways(identity.policy, identity.task_type):
            yield f"S10: a {call.way} of a {identity.task_type} is not what was announced"
        for promise in self.facts.keeps:
            is_over = call.at.wall >= promise.until - self.facts.differ
            if promise.holds(condition) and not is_over:
                yield f"S13: it is kept until {promise.until}"
        if no := why_unwanted(call, condition, law, self.memory):
            yield no

    def _counts(self, breach: Breach, told: Told) -> bool:
        """Tell whether a breach came after the warning, and could be known before the call."""
        confirmed = self.memory.confirmed.get(told.message_id)
        if breach.at < told.at or confirmed is None:
            return False
        if breach.wall is not None and breach.wall <= confirmed.wall + self.facts.differ:
            return False
        known = {
            Through.ALERTMANAGER: self.memory.peers.at if self.memory.peers else None,
            Through.PROMETHEUS: self.memory.firing.at if self.memory.firing else None,
            Through.DATABASE: self.facts.committed,
            Through.NOTHING: None,
        }[breach.through]
        return known is None or breach.at < known


def _is_unsaved(condition: Condition) -> bool:
    return condition.identity.task_type in UNSAVED


def _too_early(later: Told, named: datetime, call: Call) -> Iterator[str]:
    """S1: nor before a deadline that was named since, as time really goes by.

    What was named while the clock was set back comes sooner, once that is set right.
    """
    elapsed = call.at.true - later.at.true
    left = named - later.at.wall - elapsed
    is_over = named <= call.at.wall and named - later.at.latest <= elapsed
    if later.post.kind in THREATS and left > timedelta() and not is_over:
        yield f"S1: called {left} before the deadline of the {later.post.kind}"


def _is_recent(at: Stamp, call: Call) -> bool:
    return call.at.true - at.true <= PROOF_AGE
