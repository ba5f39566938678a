"""Whatever happens in whatever order: what must never be so of an incident."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain import events as e
from app.domain.actions import SaveIntent
from app.domain.incident import (
    FINAL_STATES,
    OPEN_INTENTS,
    GivenWarning,
    Hold,
    IncidentState,
    IntentState,
    Receipt,
    RecipientKind,
)
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.schedule import due_targets
from app.errors import InvalidTransitionError
from tests.domain.examples import ALLOCATION, GRACE, POLICY, T0, opened

S = IncidentState
HOLDS = st.sampled_from([(), (Hold(Reason.SILENCED, "carol"),), (Hold(Reason.KEPT, "bob"),)])


class AnyOrder(RuleBasedStateMachine):
    """Drives one incident with events as the watchdog would, early, late, twice and never."""

    def __init__(self) -> None:
        super().__init__()
        self.incident = opened()
        self.now: datetime = T0
        self.clock = timedelta()
        self.calls = 0
        self.proofs = 0
        self.told_at: timedelta | None = None
        self.was_final = False

    def happen(self, event: e.Event) -> None:
        before = self.incident
        try:
            transition = advance(before, event, POLICY, at=self.now)
        except InvalidTransitionError:
            return
        for order in transition.actions:
            if isinstance(order, SaveIntent) and order.intent.state is IntentState.RECORDED:
                self.proofs += 1
        self.incident = transition.incident
        if before.state in FINAL_STATES:
            assert transition.incident == before, "a final incident changed"
        if transition.incident != before:
            assert transition.entries, f"{event} changed the incident without a word"

    @rule(minutes=st.integers(1, 90), answerable=st.booleans())
    def time_goes_by(self, minutes: int, *, answerable: bool) -> None:
        self.now += timedelta(minutes=minutes)
        if answerable:
            self.clock += timedelta(minutes=minutes)

    @rule()
    def alert_is_active(self) -> None:
        self.happen(e.AlertActive())

    @rule(late=st.integers(0, 2), kind=st.sampled_from(RecipientKind))
    def warning_is_delivered(self, late: int, kind: RecipientKind) -> None:
        number = self.incident.round - late
        before = self.incident.state
        warning = GivenWarning(self.now, self.clock, self.now + GRACE, "bob")
        receipt = Receipt("D1", "1.0", kind)
        self.happen(e.WarningDelivered(number, receipt, {ALLOCATION: warning}))
        if before is S.FIRING and self.incident.state is S.NOTIFIED:
            assert late == 0, "a warning of an earlier round counted"
            assert kind is not RecipientKind.ADMINS, "a message to admins counted as a warning"
            self.told_at = self.clock

    @rule(holds=HOLDS)
    def holds_are_observed(self, holds: tuple[Hold, ...]) -> None:
        self.happen(e.HoldsObserved(holds))

    @rule(mode=st.sampled_from(Mode))
    def mode_changes(self, mode: Mode) -> None:
        self.happen(e.ModeChanged(mode))

    @rule()
    def alert_begins_anew(self) -> None:
        self.happen(e.EpisodeBegan())

    @rule()
    def owner_cannot_be_reached(self) -> None:
        hold = Hold(Reason.OWNER_UNREACHABLE)
        self.happen(e.OwnerUnreachable(self.incident.round, hold))

    @rule()
    def stop_is_tried(self) -> None:
        due = due_targets(self.incident, POLICY, clock=self.clock, now=self.now)
        again = self.incident.state is S.STOPPING
        if due or again:
            assert self.incident.mode is Mode.ENFORCE or again
            self.happen(e.StopProven(ALLOCATION, "n1", {}))

    @rule()
    def call_is_made(self) -> None:
        target = self.incident.targets[0]
        attempts = target.intent.attempts if target.intent else 0
        self.happen(e.StopSending(ALLOCATION))
        after = self.incident.targets[0].intent
        if after is not None and after.attempts > attempts:
            self.calls += 1
            assert self.told_at is not None, "a call was made before the owner was told"
            assert self.clock - self.told_at >= GRACE, "a call was made within the grace period"

    @rule(state=st.sampled_from([IntentState.SENT, IntentState.UNCONFIRMED]))
    def call_is_answered(self, state: IntentState) -> None:
        if self.incident.targets[0].intent is not None:
            self.happen(e.StopAnswered(ALLOCATION, state, Reason.STOP_REJECTED, "500"))

    @rule()
    def intent_is_withdrawn(self) -> None:
        if self.incident.targets[0].intent is not None:
            self.happen(e.StopWithdrawn(ALLOCATION, Reason.SILENCED))

    @rule(reason=st.sampled_from([Reason.EVIDENCE_STALE, Reason.PROMETHEUS_UNAVAILABLE]))
    def stop_is_blocked(self, reason: Reason) -> None:
        self.happen(e.StopBlocked(reason))

    @precondition(lambda self: self.now > T0 + timedelta(hours=6))
    @rule(reason=st.sampled_from([Reason.ALLOCATION_ENDED, Reason.OWNER_CHANGED]))
    def allocation_ends(self, reason: Reason) -> None:
        self.happen(e.AllocationEnded(ALLOCATION, reason))

    @precondition(lambda self: self.now > T0 + timedelta(hours=6))
    @rule()
    def recovery_is_observed(self) -> None:
        self.happen(e.RecoveryObserved({}))

    @invariant()
    def every_call_had_a_proof_of_its_own(self) -> None:
        assert self.calls <= self.proofs

    @invariant()
    def attempts_are_bounded(self) -> None:
        intent = self.incident.targets[0].intent
        assert intent is None or intent.attempts <= POLICY.attempts + self.proofs

    @invariant()
    def only_a_told_owner_has_a_warning(self) -> None:
        warned = self.incident.targets[0].warning is not None
        if self.incident.state in {S.FIRING, S.HELD}:
            assert not warned, f"{self.incident.state} with a warning that still counts"
        if self.incident.state is S.NOTIFIED:
            assert warned

    @invariant()
    def an_open_intent_is_seen_in_the_state(self) -> None:
        intent = self.incident.targets[0].intent
        is_open = intent is not None and intent.state in OPEN_INTENTS
        assert is_open == (self.incident.state is S.STOPPING)


AnyOrder.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
