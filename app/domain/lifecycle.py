"""The life of an incident: what it may become next, and what is then to be done.

    firing ──▶ notified ──▶ stopping ──▶ stopped
       ▲ ▲        │   │        │ │
       │ └─ held ◀┘   │        │ └────▶ escalated (open: a person must look)
       │      ▲───────│────────┘
       └─ new round ──┘    every open state ──▶ ended, all but stopping ──▶ resolved, dismissed

A *round* is one first warning with its full grace period. Whatever breaks a round (a hold, a change
of mode, an alert that began again, an intent withdrawn) is followed by another round, never by the
rest of the old one (S9). A stop that a person asks for begins in any of the first three states.

Nothing else in the program assigns a state. Pure: no clock, no I/O; `at` is given.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.domain import by_hand, ends, forsaken, reclaimed, reminders, steps, targets, withdrawal
from app.domain import events as e
from app.domain.actions import MessageKind, SendMessage
from app.domain.announcing import eased
from app.domain.history import WATCHDOG
from app.domain.incident import Hold, Incident, IncidentState, Target
from app.domain.policy import Mode, Policy
from app.domain.reasons import Reason
from app.domain.steps import Step, Transition
from app.errors import InvalidTransitionError

S = IncidentState


def advance(incident: Incident, event: e.Event, policy: Policy, *, at: datetime) -> Transition:
    """Return the incident after `event`, and what is now to be done.

    A final incident absorbs every event, because everything is delivered at least once and late.

    Raises:
        InvalidTransitionError: the state does not allow the event.
    """
    if incident.is_final:
        # One thing is left to do: a message that arrived too late must not keep its deadline.
        late = event if isinstance(event, e.WarningDelivered) else None
        step = steps.warned_late(incident, late) if late else None
    else:
        row = _asked_for if isinstance(event, e.ByPeople) else _ROWS[incident.state]
        step = row(incident, event, policy, at)
    if step is None:
        return Transition(incident)
    after = replace(step.incident, changed_at=at)
    actions = (*step.actions, *reclaimed.told(incident, after))
    return Transition(after, actions, (step.entry(incident.state, at),))


def _while_firing(incident: Incident, event: e.Event, policy: Policy, at: datetime) -> Step | None:
    match event:
        case e.AlertActive() if incident.round == 0 and incident.open_targets:
            return _new_round(incident, Reason.ALERT_ACTIVE)

        case e.WarningDelivered() if steps.counts(incident, event):
            step = steps.warned(incident, event)
            return replace(step, incident=replace(step.incident, state=S.NOTIFIED))

        case _:
            return _while_waiting(incident, event, policy, at)


def _while_notified(
    incident: Incident, event: e.Event, policy: Policy, at: datetime
) -> Step | None:
    match event:
        case e.EpisodeBegan(evidence=evidence, reason=reason):
            return _new_round(incident, reason, evidence)

        case e.ReminderDue():
            return reminders.reminded(incident, event, policy)

        case _:
            return _while_waiting(incident, event, policy, at)


def _while_held(incident: Incident, event: e.Event, policy: Policy, at: datetime) -> Step | None:
    match event:
        case e.HoldsObserved(holds=()):
            return _new_round(incident, Reason.HOLD_ENDED)

        case e.HoldsObserved(holds=holds, actor=actor):
            same = holds == incident.holds and not by_hand.takes_back(incident, actor)
            return None if same else _hold(incident, holds, Reason.HOLD_CHANGED, actor)

        case _:
            return _while_waiting(incident, event, policy, at)


def _while_waiting(incident: Incident, event: e.Event, policy: Policy, at: datetime) -> Step | None:
    """The rows that `firing`, `notified` and `held` share."""
    match event:
        case e.HoldsObserved(holds=holds, actor=actor):
            return _hold(incident, holds, Reason.HOLD_BEGAN, actor) if holds else None

        case e.ModeChanged(mode=mode):
            after = replace(incident, mode=mode)
            if incident.state is S.HELD or incident.round == 0:
                return Step(after, Reason.MODE_CHANGED, detail=mode)
            return _new_round(after, Reason.MODE_CHANGED, {"mode": mode})

        case e.OwnerUnreachable(hold=hold) if not incident.holds and event.round == incident.round:
            step = _hold(replace(incident, unreachable=True), (hold,), Reason.OWNER_UNREACHABLE)
            return replace(step, actions=(*step.actions, *forsaken.unreachable(incident, hold)))

        case e.StopBlocked() | e.Blind():
            return steps.blocked(incident, event, policy, at)

        case e.RecoveryObserved(evidence=evidence):
            return _close(incident, S.RESOLVED, Reason.RECOVERED, evidence)

        case e.RuleGone(detail=detail, reason=reason):
            after = replace(incident, relabelled=reason is Reason.RELABELLED)
            return _close(after, S.ENDED, reason, {"detail": detail})

        case e.StopProven(one) if incident.state is S.NOTIFIED or by_hand.is_wanted(incident, one):
            step = steps.record(incident, event, at)
            return replace(step, incident=replace(step.incident, state=S.STOPPING))

        case _ if isinstance(event, e.AboutIntents):
            # Nothing is stopped before its owner was told or asked for it, nor while held.
            raise InvalidTransitionError(f"{incident.state} does not allow {event}")

        case _:
            # Deliveries are repeated and late: the grace period counts from the first warning.
            return _in_every_state(incident, event, at)


def _while_stopping(
    incident: Incident, event: e.Event, policy: Policy, at: datetime
) -> Step | None:
    match event:
        case e.StopProven():
            # Another target, or an intent of unknown fate that is proven again (S6).
            target = steps.demand(incident, event.allocation_id)
            if target.intent and target.intent.attempts >= policy.attempts:
                return _escalate(incident, target, "it runs on")
            return steps.record(incident, event, at)

        case e.StopNotSent():
            return steps.not_sent(incident, event, policy, at)

        case e.StopSending():
            return steps.sending(incident, event, at)

        case e.StopAnswered():
            step = steps.answered(incident, event)
            spent = steps.spent(step.incident, event, policy)
            return _escalate(step.incident, spent, event.detail) if spent else step

        case e.StopWithdrawn() | e.HoldsObserved() | e.ModeChanged() | e.RecoveryObserved():
            return _withdraw(incident, event)

        case e.StopBlocked():
            return steps.blocked(incident, event, policy, at)

        case _:
            # Our own stop empties the GPU, so the alert resolves, or is silenced, or begins again:
            # Determined alone can say that it is over.
            return _in_every_state(incident, event, at)


def _while_escalated(incident: Incident, event: e.Event, _: Policy, at: datetime) -> Step | None:
    match event:
        case e.RecoveryObserved(evidence=evidence):
            return _close(incident, S.RESOLVED, Reason.RECOVERED, evidence)
        case e.StopSending():
            # Whoever is about to call must hear that nobody may any more.
            raise InvalidTransitionError(f"{incident.state} does not allow {event}")
        case _:
            # A person looks. The end of the allocation or the recovery closes it, nothing else.
            return _in_every_state(incident, event, at)


def _asked_for(incident: Incident, event: e.Event, _: Policy, __: datetime) -> Step | None:
    """The rows of what people ask for; to begin a stop is left to its proof, like any other."""
    match event:
        case e.StopRequested() if incident.state is not S.ESCALATED:
            return by_hand.requested(incident, event)
        case e.RequestLapsed() | e.PressRefused():
            return by_hand.noted(incident, event)
        case e.Dismissed(by=by, detail=detail) if incident.state is not S.STOPPING:
            step = _close(incident, S.DISMISSED, Reason.DISMISSED, event.evidence)
            return replace(step, actor=by, detail=detail)
    # Tried often enough, or too late.
    return None


def _in_every_state(incident: Incident, event: e.Event, at: datetime) -> Step | None:
    match event:
        case e.AlertSeen() | e.TargetSeen() | e.DeadlineMoved():
            return steps.seen(incident, event)
        case e.ActionEased():
            return eased(incident, event)
        case e.TargetsChosen() | e.TargetsLeft():
            return _rename(incident, event)
        case e.WarningDelivered():
            return steps.warned_late(incident, event)
        case e.AllocationEnded():
            return _target_ended(incident, ends.ended(incident, event, at))
        case e.GpusSeen():
            return _target_ended(incident, ends.gpus_seen(incident, event))
    return None


_ROWS: Mapping[IncidentState, Callable[[Incident, e.Event, Policy, datetime], Step | None]] = {
    S.FIRING: _while_firing,
    S.NOTIFIED: _while_notified,
    S.HELD: _while_held,
    S.STOPPING: _while_stopping,
    S.ESCALATED: _while_escalated,
}


def _new_round(incident: Incident, reason: Reason, evidence: e.Evidence | None = None) -> Step:
    """Tell the owner anew, with a full grace period (S9); in mode `observe` tell nobody (S10)."""
    begun = replace(steps.without_warnings(incident), round=incident.round + 1, holds=())
    told = incident.mode is not Mode.OBSERVE
    warning = (SendMessage(MessageKind.WARNING),) if told else ()
    # What the last round's message announced is so no more (S10).
    actions = (*steps.status(incident), *warning)
    return Step(replace(begun, state=S.FIRING), reason, actions, evidence=evidence or {})


def _hold(
    incident: Incident, holds: tuple[Hold, ...], reason: Reason, actor: str = WATCHDOG
) -> Step:
    """Stop the clock. The round is over: what follows the hold is a new warning (S9)."""
    if actor != WATCHDOG:
        # Who keeps a task takes back what was asked for before.
        incident = by_hand.without_requests(incident)
    held = replace(steps.without_warnings(incident), state=S.HELD, holds=holds)
    return Step(held, reason, steps.status(incident), steps.words(holds), actor=actor)


def _close(
    incident: Incident, state: IncidentState, reason: Reason, evidence: Mapping[str, Any]
) -> Step:
    """End the incident; tell how it ended whoever was told of it, unless it goes on elsewhere."""
    after, left = ends.unawaited(incident)
    closing = () if incident.relabelled else steps.closing(incident)
    told = (*steps.status(incident), *closing, *left)
    return Step(replace(after, state=state, holds=()), reason, told, evidence=evidence)


def _rename(incident: Incident, event: e.TargetsChosen | e.TargetsLeft) -> Step | None:
    """Let others be the targets, or fewer. Nobody is stopped whom no warning has named (S1)."""
    step = targets.renamed(incident, event)
    if step and (over := _over(replace(step, actions=()))):
        return over
    if step and targets.begins_a_round(incident, event):
        return replace(_new_round(step.incident, step.reason, step.evidence), detail=step.detail)
    return step


def _target_ended(incident: Incident, step: Step | None) -> Step | None:
    """Note the end of a target, or of its GPUs. The incident is over when all of that is."""
    if step is None or (over := _over(step)):
        return step and over
    after = step.incident
    if incident.state is S.STOPPING and not steps.open_intents(after):
        # A neighbour whose intent was withdrawn waited for this one; its new round may begin.
        after = replace(steps.without_warnings(after), state=S.HELD)
    return replace(step, incident=after, actions=(*step.actions, *steps.status(incident)))


def _over(step: Step) -> Step | None:
    """End an incident that is over with its targets; while their GPUs are awaited, only wait."""
    after = step.incident
    if not targets.is_closed_by_its_targets(after):
        return None
    if after.is_looked_after:
        waits = replace(steps.without_warnings(after), state=S.STOPPING, holds=())
        return replace(step, incident=waits, actions=(*step.actions, *steps.status(after)))
    stopped = any(each.outcome is S.STOPPED for each in after.targets)
    end = _close(after, S.STOPPED if stopped else S.ENDED, step.reason, step.evidence)
    return replace(end, actions=(*step.actions, *end.actions), detail=step.detail)


def _withdraw(incident: Incident, event: withdrawal.Withdrawing) -> Step | None:
    """Give stops up; these allocations start again from a new warning (S6, S9)."""
    step = withdrawal.given_up(incident, event)
    if step is None or steps.open_intents(step.incident):
        return step
    # Held until the next look at the world says that nothing forbids a new warning.
    held = _hold(step.incident, withdrawal.holds_of(event), step.reason)
    return replace(step, incident=held.incident)


def _escalate(incident: Incident, target: Target, detail: str) -> Step:
    step = forsaken.exhausted(incident, target, detail)
    return replace(step, incident=replace(step.incident, state=S.ESCALATED))
