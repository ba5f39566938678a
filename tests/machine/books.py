"""What the database must hold: every alert that was taken, and a reason for every change (S8, S12).

It is read as any other program would, and compared with what the systems have said.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.machine.oracles import Facts
from tests.machine.stamps import Stamp, Stamps
from tests.machine.tasks import Condition
from tests.machine.witness import Memory
from tests.receiver.memory import MemoryDatabase

S = IncidentState
FINAL = frozenset({S.RESOLVED, S.ENDED, S.STOPPED, S.DISMISSED})


@dataclass(frozen=True)
class BreakerMove:
    """The breaker was tripped, or reset."""

    tripped: bool
    at: datetime
    """By the wall clock of who did so."""
    about: frozenset[str]
    """The allocations of the stops that this was about."""


@dataclass
class Books:
    database: MemoryDatabase
    memory: Memory
    facts: Facts
    stamps: Stamps
    begun: dict[str, Stamp] = field(default_factory=dict)
    """By incident, when it was first seen."""
    states: dict[str, str] = field(default_factory=dict)
    """By incident, as the history told them last."""
    keys: dict[str, str] = field(default_factory=dict)
    """The identity of each incident."""
    sent: int = 0
    """How often the history says that a call is made."""
    read: int = 0
    """The last entry that was read."""
    breaker_read: int = 0
    """The last one of the breaker's history."""

    def audit(self) -> Iterator[str]:
        """Say what is not as it must be, of what is new since the last audit."""
        rows = self.database.rows("SELECT incident_id, key, state FROM incidents")
        self.keys |= {incident_id: key for incident_id, key, _ in rows}
        yield from self._new_entries()
        states = {incident_id: state for incident_id, _, state in rows}
        for incident_id, state in self.states.items():
            if states.get(incident_id) != state:
                yield f"S12: the history ends with {state}, not {states.get(incident_id)}"
        if len(states) > len(self.states):
            yield "S12: an incident without a history"
        if len(self.memory.calls) > self.sent:
            yield "S6: a call was made that is not on record"

    def is_open(self, condition: Condition) -> bool:
        key = condition.identity.key
        open_ones = {each for each, state in self.states.items() if state not in FINAL}
        return any(self.keys[each] == key for each in open_ones)

    def left_open(self) -> list[str]:
        """Say which incidents are not over, and how they stand."""
        left = {each: state for each, state in self.states.items() if state not in FINAL}
        subjects = {each: self.facts.conditions[self.keys[each]].subject for each in left}
        return [f"the incident of {subjects[each]}, {state}," for each, state in left.items()]

    def last_state(self, condition: Condition) -> str:
        """Return the state of its newest incident; empty if it never had one."""
        key = condition.identity.key
        return next((s for i, s in reversed(self.states.items()) if self.keys[i] == key), "")

    def newest(self, condition: Condition) -> str:
        """Return the id of its newest incident; empty if it never had one."""
        key = condition.identity.key
        return next((i for i in reversed(self.states) if self.keys[i] == key), "")

    def waiting(self) -> int:
        """Count the messages that are still to be sent."""
        [[number]] = self.database.rows("SELECT count(*) FROM outbox WHERE state = 'waiting'")
        return int(number)

    def breaker_moves(self) -> Iterator[BreakerMove]:
        """Yield each trip and each reset that was not yielded yet."""
        rows = self.database.rows(
            "SELECT entry_id, tripped, at, stops FROM breaker_history"
            " WHERE entry_id > ? ORDER BY entry_id",
            self.breaker_read,
        )
        for self.breaker_read, tripped, at, stops in rows:
            about = frozenset(each["allocation_id"] for each in json.loads(stops))
            yield BreakerMove(bool(tripped), datetime.fromisoformat(at).replace(tzinfo=UTC), about)

    def _new_entries(self) -> Iterator[str]:
        entries = self.database.rows(
            "SELECT entry_id, incident_id, before, after, reason, detail FROM history"
            " WHERE entry_id > ? ORDER BY entry_id",
            self.read,
        )
        for self.read, incident_id, before, after, reason, detail in entries:
            known = self.states.get(incident_id)
            if known != before:
                yield f"S12: {reason} goes on from {before}, not from {known}"
            if before is None:
                self.begun[incident_id] = self.stamps.now()
                yield from self._begins(self.facts.conditions[self.keys[incident_id]])
            self.states[incident_id] = after
            self.sent += reason == Reason.STOP_SENT
            if reason == Reason.STOP_VERIFIED:
                yield from self._verified(self.facts.conditions[self.keys[incident_id]])
            if after in FINAL and before not in FINAL:
                condition = self.facts.conditions[self.keys[incident_id]]
                if reason == Reason.RULE_GONE:
                    yield from self._end_of_rule(incident_id, condition, detail)
                    continue
                end = self._end if condition.allocation_id else self._end_of_user
                yield from end(condition, Reason(reason), detail)

    def _begins(self, condition: Condition) -> Iterator[str]:
        """What was called false opens nothing before it was seen to be over (0013)."""
        dismissed = self.facts.called_false.pop(condition.key, None)
        if dismissed is not None and not self._is_over(condition, dismissed):
            yield f"press: what was called false was opened again, unseen: {condition.subject}"

    def _verified(self, condition: Condition) -> Iterator[str]:
        """A stop is over when its GPUs were seen free, or with another allocation (0019)."""
        memory, one = self.memory, condition.allocation_id
        # What is verified of a user is one of the tasks that were called.
        asked = [one] if one else [each.allocation_id for each in memory.calls]
        left = [memory.why_not_freed(each) for each in asked]
        if left and all(left):
            yield f"release: {condition.subject}'s stop was verified, unseen: {left[0]}"

    def _is_over(self, condition: Condition, since: Stamp) -> bool:
        memory = self.memory
        asked = [
            memory.active.get(condition.verify, since),
            memory.fresh.get(condition.evidence, since),
        ]
        return (
            condition.allocation_id in memory.gone
            or condition.key not in memory.reported
            or condition.identity.alertname in memory.unknown_rules
            or all(each > since for each in asked)
        )

    def _end(self, condition: Condition, reason: Reason, detail: str) -> Iterator[str]:
        """S5, S8: an incident ends by what a system has said, and by nothing else."""
        memory, allocation_id = self.memory, condition.allocation_id
        owners = memory.owners[allocation_id] - {None, condition.identity.username}
        called = any(call.allocation_id == allocation_id for call in memory.calls)
        proof = {
            Reason.RECOVERED: condition.verify in memory.active
            and condition.evidence in memory.fresh,
            Reason.ALLOCATION_ENDED: allocation_id in memory.gone,
            Reason.STOP_VERIFIED: allocation_id in memory.gone and called,
            Reason.GPUS_IN_USE: allocation_id in memory.gone and called,
            Reason.GPUS_UNSEEN: allocation_id in memory.gone and called,
            Reason.OWNER_CHANGED: bool(owners),
            Reason.DISMISSED: condition.key in self.facts.may_be_false,
        }
        if not proof.get(reason):
            yield f"{_rule(reason)}: {allocation_id} was closed, unsaid: {reason} {detail}"

    def _end_of_rule(self, incident_id: str, condition: Condition, detail: str) -> Iterator[str]:
        """S8: there is no such rule, or Prometheus said nothing of what a webhook claims.

        It may have spoken of the same alert before, when it led to an incident that has ended.
        """
        last = self.memory.reported.get(condition.key)
        is_reported = last is not None and last > self.begun[incident_id]
        if is_reported and condition.identity.alertname not in self.memory.unknown_rules:
            yield f"S8: that on {condition.subject} was closed, unsaid: {Reason.RULE_GONE} {detail}"

    def _end_of_user(self, condition: Condition, reason: Reason, detail: str) -> Iterator[str]:
        memory = self.memory
        proof = {
            Reason.RECOVERED: condition.verify in memory.active
            and condition.evidence in memory.fresh,
            **dict.fromkeys(
                (Reason.STOP_VERIFIED, Reason.GPUS_IN_USE, Reason.GPUS_UNSEEN),
                any(call.allocation_id in memory.gone for call in memory.calls),
            ),
        }
        if not proof.get(reason):
            yield f"{_rule(reason)}: {condition.subject}'s was closed, unsaid: {reason} {detail}"


def _rule(reason: Reason) -> str:
    """Return which rule an end without proof breaks: unknown is not active, either (S5)."""
    return "S5" if reason is Reason.RECOVERED else "S8"
