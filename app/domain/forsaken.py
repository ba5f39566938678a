"""What is left to people: the admins are told, and nothing more is tried."""

from dataclasses import replace

from app.domain.actions import Action, MessageKind, SaveIntent, SendMessage
from app.domain.incident import Hold, Incident, IntentState, Target
from app.domain.reasons import Reason
from app.domain.steps import Step, intent_of, may_have_arrived, open_intents, status


def exhausted(incident: Incident, target: Target, detail: str) -> Step:
    """Leave it to a person: the attempts are used up. No stop of a neighbour goes on either."""
    text = (
        f"Allocation {target.allocation_id} of {target.username} could not be stopped in "
        f"{intent_of(target).attempts} attempts. Last answer: {detail}. Nothing more is tried."
    )
    after, saved = replace(incident, block=None), []
    for each in open_intents(incident):
        closed = replace(intent_of(each), state=IntentState.WITHDRAWN)
        saved.append(SaveIntent(each.allocation_id, closed))
        left = replace(each, intent=closed, was_called=may_have_arrived(each), request=None)
        after = after.with_target(left)
    told = (SendMessage(MessageKind.ADMINS, text), *status(incident))
    return Step(after, Reason.ATTEMPTS_EXHAUSTED, (*saved, *told), detail)


def unreachable(incident: Incident, hold: Hold) -> tuple[Action, ...]:
    """Tell the admins, once an incident, that nobody could be told."""
    text = (
        f"{incident.identity.username} cannot be reached on Slack ({hold.detail}). "
        "Nothing of theirs is stopped. `gpu-watchdog users check` lists who else cannot."
    )
    return () if incident.unreachable else (SendMessage(MessageKind.ADMINS, text),)
