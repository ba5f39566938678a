"""Whatever happens in whatever order: what must never be so of an incident."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.domain import events as e
from app.domain.actions import MessageKind, SaveIntent
from app.domain.incident import (
    OPEN_INTENTS,
    Expressions,
    GivenWarning,
    Hold,
    Incident,
    IncidentState,
    Intent,
    IntentState,
    Receipt,
    RecipientKind,
    StopRequest,
)
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.schedule import due_targets
from app.domain.steps import Transition
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    GRACE,
    NOT_SENT,
    POLICY,
    REFUSED,
    T0,
    UNANSWERED,
    WITHDRAWN,
    given_warning,
    messages,
    opened,
)

S = IncidentState
BREACHES = st.one_of(
    st.sampled_from([Reason.SILENCED, Reason.KEPT]).map(lambda by: e.HoldsObserved((Hold(by),))),
    st.sampled_from([Reason.NEW_EPISODE, Reason.HOLD_ENDED]).map(lambda r: e.EpisodeBegan({}, r)),
    st.sampled_from(Mode).map(e.ModeChanged),
)
NOTED = st.one_of(
    st.sampled_from([e.AlertActive(), e.HoldsObserved(())]),
    st.sampled_from(["v", "v2"]).map(lambda verify: e.AlertSeen(Expressions(verify, "e"), {})),
    st.sampled_from([Reason.EVIDENCE_STALE, Reason.PROMETHEUS_UNAVAILABLE]).flatmap(
        lambda reason: st.sampled_from([e.StopBlocked(reason), e.Blind(reason)])
    ),
)
ANSWERS = st.sampled_from([ACCEPTED, UNANSWERED, REFUSED, NOT_SENT, None])
ENDS = st.sampled_from(
    [
        ENDED,
        e.AllocationEnded(ALLOCATION, Reason.OWNER_CHANGED),
        e.RecoveryObserved({}),
        e.Dismissed("ann"),
    ]
)
TOLD = {S.NOTIFIED, S.STOPPING, S.ESCALATED}
OVER = {S.STOPPED, S.ENDED}
CLOSED = {S.RESOLVED, S.DISMISSED} | OVER
MOVES = {
    S.FIRING: {S.NOTIFIED, S.HELD, S.STOPPING} | CLOSED,
    S.NOTIFIED: {S.FIRING, S.HELD, S.STOPPING} | CLOSED,
    S.HELD: {S.FIRING, S.STOPPING} | CLOSED,
    S.STOPPING: {S.HELD, S.ESCALATED} | OVER,
    S.ESCALATED: CLOSED,
}
"""The arrows of the drawing in `lifecycle`."""


class AnyOrder(RuleBasedStateMachine):
    """Drives one incident with events as the watchdog would, early, late, twice and never."""

    def __init__(self) -> None:
        super().__init__()
        self.incident = opened()
        self.now = T0
        self.clock = timedelta()
        self.proofs = 0
        self.calls = 0
        """On behalf of all intents together."""
        self.attempts = 0
        """On behalf of the present intent."""
        self.arrived = False
        """A call may have had an effect."""
        self.warned: dict[int, GivenWarning] = {}
        """What the owner was told, by round."""
        self.withdrawn_in = 0
        """The round in which an intent was withdrawn last."""
        self.posted: list[e.WarningDelivered] = []
        self.promising: set[str] = set()
        """The messages that still show the deadline with which they were posted."""

    @property
    def intent(self) -> Intent | None:
        return self.incident.targets[0].intent

    def happen(self, event: e.Event) -> Transition | None:
        """Let it happen. None means that the state does not allow it."""
        before = self.incident
        try:
            transition = advance(before, event, POLICY, at=self.now)
        except InvalidTransitionError:
            return None
        self.incident = transition.incident
        self._is_explained(before, event, transition)
        if self.incident.round != before.round:
            assert self.incident.round == before.round + 1
            told = MessageKind.WARNING in messages(transition)
            assert told == (self.incident.mode is not Mode.OBSERVE), "a round and its warning (S9)"
        if MessageKind.STATUS in messages(transition) and self.incident.state is not S.NOTIFIED:
            assert self.incident.message is not None, "there is no message to rewrite"
            self.promising.discard(self.incident.message.ts)
        return transition

    def _is_explained(self, before: Incident, event: e.Event, transition: Transition) -> None:
        after = transition.incident
        if after != before:
            assert transition.entries, f"{event} changed the incident without a word (S12)"
        if before.is_final:
            left = replace(after, message=before.message, changed_at=before.changed_at)
            assert left == before, "more than the message of a final incident changed"
        elif after.state is not before.state:
            assert after.state in MOVES[before.state], f"{before.state} became {after.state}"
            if after.state is S.STOPPING and before.state is not S.NOTIFIED:
                assert before.targets[0].request, "a stop began that nobody asked for (S1)"

    @rule(steps=st.integers(1, 5), answer=ANSWERS)
    def all_goes_its_way(self, steps: int, answer: e.Event | None) -> None:
        """Go on towards a stop: chance alone hardly ever gets there."""
        for _ in range(steps):
            self._go_on(answer)

    def _go_on(self, answer: e.Event | None) -> None:
        match self.incident.state:
            case S.FIRING | S.HELD if self.incident.mode is not Mode.ENFORCE:
                self.happen(e.ModeChanged(Mode.ENFORCE))
            case S.FIRING if self.incident.round == 0:
                self.happen(e.AlertActive())
            case S.FIRING:
                self.warning_is_delivered(0, RecipientKind.OWNER)
            case S.HELD:
                self.happen(e.HoldsObserved(()))
            case S.NOTIFIED:
                self.stop_is_proven()
                self.time_goes_by(60, answerable=True)
            case S.STOPPING:
                self.call_is_made(answer)
                self.stop_is_proven()

    @rule(minutes=st.integers(1, 90), answerable=st.booleans())
    def time_goes_by(self, minutes: int, *, answerable: bool) -> None:
        self.now += timedelta(minutes=minutes)
        if answerable:
            self.clock += timedelta(minutes=minutes)

    @precondition(lambda self: self.incident.round > 0)
    @rule(late=st.integers(0, 2), kind=st.sampled_from(RecipientKind))
    def warning_is_delivered(self, late: int, kind: RecipientKind) -> None:
        """Slack confirms a message: of this round, or of one that was over by then."""
        before = self.incident
        number = max(before.round - late, 1)
        warning = given_warning(self.now, self.clock)
        receipt = Receipt("D1", str(len(self.posted)), kind)
        event = e.WarningDelivered(number, receipt, {ALLOCATION: warning})
        self.posted.append(event)
        self.promising.add(receipt.ts)
        self.happen(event)
        to_owner = kind is not RecipientKind.ADMINS
        if to_owner and before.state not in TOLD:
            assert self.incident.message == receipt, "a message was forgotten (S10)"
        if before.state is S.FIRING and self.incident.state is S.NOTIFIED:
            assert number == before.round, "a warning of an earlier round counted (S9)"
            assert to_owner, "a message to admins counted (S1)"
            self.warned[number] = warning

    @precondition(lambda self: self.posted)
    @rule(back=st.integers(1, 3))
    def confirmation_is_repeated(self, back: int) -> None:
        before = self.incident
        copy = self.posted[-min(back, len(self.posted))]
        self.happen(copy)
        if copy.receipt == before.message:
            assert self.incident == before, "a copy made a difference"

    @rule(event=BREACHES)
    def round_is_broken(self, event: e.Event) -> None:
        was_told = self.incident.state is S.NOTIFIED
        self.happen(event)
        assert not was_told or self.incident.state in {S.FIRING, S.HELD}, "no round ended (S9)"

    @rule()
    def owner_cannot_be_reached(self) -> None:
        self.happen(e.OwnerUnreachable(self.incident.round, Hold(Reason.OWNER_UNREACHABLE)))

    @rule(event=NOTED)
    def something_is_noted(self, event: e.Event) -> None:
        before = self.incident
        self.happen(event)
        block, is_open = self.incident.block, before.state in {S.FIRING, S.NOTIFIED, S.HELD}
        blind = block is not None and not block.due
        assert not (is_open and isinstance(event, e.Blind) and not blind)
        assert not (is_open and isinstance(event, e.AlertSeen) and blind), "it is seen (S5)"

    @rule()
    def stop_is_proven(self) -> None:
        before = self.incident
        is_due = due_targets(before, POLICY, clock=self.clock, now=self.now)
        requested = before.targets[0].request is not None
        if before.state is S.NOTIFIED and not is_due and not requested:
            return
        transition = self.happen(e.StopProven(ALLOCATION, f"n{self.proofs}", {}))
        orders = transition.actions if transition else ()
        saved = [order.intent.state for order in orders if isinstance(order, SaveIntent)]
        if IntentState.RECORDED not in saved:
            return
        warning = before.targets[0].warning
        if not requested:
            assert warning is not None, "a stop was accepted without a warning (S1)"
            assert warning == self.warned.get(before.round), "the warning is of another round (S9)"
        self.proofs += 1
        if before.state is not S.STOPPING:
            self.attempts = 0

    @rule(answer=ANSWERS)
    def call_is_made(self, answer: e.Event | None) -> None:
        """Call Determined where the state gives leave. No answer at all: we crashed."""
        if self.happen(CALL) is None or self.incident.is_final:
            return
        assert self.intent is not None
        assert self.intent.state is IntentState.SENDING, "a call without an intent (S6)"
        if self.incident.targets[0].request is None:
            warning = self.warned.get(self.incident.round)
            assert warning is not None, "a call was made before the owner was told (S1)"
            assert self.clock - warning.clock >= GRACE, "a call within the grace period (S1)"
            assert self.incident.round > self.withdrawn_in, "a withdrawn stop went on (S6)"
        sent = int(answer is not NOT_SENT)
        self.calls += sent
        self.attempts += 1
        self.arrived = self.arrived or answer not in {NOT_SENT, REFUSED}
        if answer is not None:
            assert self.happen(answer) is not None, "the answer was refused"
        self.attempts -= 1 - sent

    @rule(event=st.sampled_from([NOT_SENT, ACCEPTED, REFUSED, UNANSWERED]))
    def answer_comes_without_a_call(self, event: e.Event) -> None:
        intent, before = self.intent, self.incident
        if intent is None or intent.state is not IntentState.SENDING:
            self.happen(event)
            assert self.incident == before

    @rule()
    def person_asks_for_a_stop(self) -> None:
        self.happen(e.StopRequested((ALLOCATION,), StopRequest("bob", self.now)))
        assert self.incident.is_final or self.incident.state is not S.STOPPING or self.intent

    @rule()
    def request_lapses(self) -> None:
        self.happen(e.RequestLapsed(ALLOCATION))

    @rule()
    def person_keeps_it(self) -> None:
        """Take back whatever was asked for, up to the call itself."""
        self.happen(e.HoldsObserved((Hold(Reason.KEPT, by="bob"),), actor="bob"))
        under_way = self.intent and self.intent.state in {IntentState.SENDING, IntentState.SENT}
        if not self.incident.is_final and self.incident.state is not S.ESCALATED and not under_way:
            assert self.incident.targets[0].request is None, "a keep was not heard (S13)"

    @rule()
    def intent_is_withdrawn(self) -> None:
        before = self.incident
        transition = self.happen(WITHDRAWN)
        if transition is not None and transition.entries:
            self.withdrawn_in = before.round

    @precondition(lambda self: self.now > T0 + GRACE)
    @rule(event=ENDS)
    def it_ends(self, event: e.Event) -> None:
        before = self.incident
        self.happen(event)
        if event == ENDED and not before.is_final:
            ours = self.incident.state is S.STOPPED
            assert ours == self.arrived, "whose end it was is not told truly (S12)"

    @invariant()
    def every_call_is_counted_and_had_a_proof_of_its_own(self) -> None:
        assert self.calls <= self.proofs, "a call without a proof of its own (S3)"
        assert self.intent is None or self.intent.attempts == self.attempts <= POLICY.attempts

    @invariant()
    def only_a_told_owner_has_a_warning(self) -> None:
        warned = self.incident.targets[0].warning is not None
        if self.incident.state in {S.FIRING, S.HELD}:
            assert not warned, f"{self.incident.state} with a warning that still counts"
        if self.incident.state is S.NOTIFIED:
            assert warned
        if self.incident.state is S.STOPPING:
            assert warned or self.incident.targets[0].request, "nobody was told, nobody asked (S1)"

    @invariant()
    def no_message_stays_with_a_deadline_that_no_longer_holds(self) -> None:
        message = self.incident.message
        if message is not None and self.incident.state is not S.NOTIFIED:
            assert message.ts not in self.promising, "the message was not rewritten (S10)"

    @invariant()
    def the_end_of_a_hold_is_a_new_warning(self) -> None:
        if self.incident.state is S.HELD:
            ended = advance(self.incident, e.HoldsObserved(()), POLICY, at=self.now)
            told = MessageKind.WARNING in messages(ended)
            assert told == (self.incident.mode is not Mode.OBSERVE), "no new warning (S6, S9)"

    @invariant()
    def an_open_intent_is_seen_in_the_state(self) -> None:
        state = self.intent.state if self.intent else None
        assert (state in OPEN_INTENTS) == (self.incident.state is S.STOPPING)


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase
