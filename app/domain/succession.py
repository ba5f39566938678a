"""An alert that goes on under other labels: another identity, and so another incident.

An admin gives a rule another `severity` or `policy`, or a pool another name. The old incident would
stay for as long as the task runs: its alert never fires again, and its condition goes on.
"""

from collections.abc import Iterator

from app.domain.by_hand import is_by_hand
from app.domain.events import RuleGone
from app.domain.incident import Hold, Incident
from app.domain.readings import RuleAlert
from app.domain.reasons import Reason
from app.domain.situation import is_true
from app.domain.steps import is_under_way, may_have_arrived, open_intents
from app.domain.world import World, subject


def relabelled(incident: Incident, world: World) -> Iterator[RuleGone]:
    """Yield the end of an incident that has another one in its place.

    That one has a warning and a grace period of its own (S9). As long as a call of this one may
    have been made, it stays: Determined tells what became of it (S6).
    """
    successor = _successor(incident, world)
    if successor is not None and not _is_to_be_settled(incident):
        detail = f"the alert goes on with {_differences(incident, successor)}"
        yield RuleGone(detail, Reason.RELABELLED)


def relabelled_holds(incident: Incident, world: World) -> Iterator[Hold]:
    """Yield what keeps an incident that cannot end yet from stopping anything by itself."""
    if _successor(incident, world) is not None and _is_to_be_settled(incident):
        yield Hold(Reason.RELABELLED)


def _successor(incident: Incident, world: World) -> RuleAlert | None:
    """Return an alert of the same name about the same, which fires in the place of the incident's.

    Determined has to bear it out, as it opens no incident else.
    """
    own = incident.identity
    if world.firing is None or world.snapshot is None or own.key in world.firing:
        return None
    if is_by_hand(incident) or any(each.request for each in incident.open_targets):
        # A person wants it stopped, whatever alerts say.
        return None
    limits = world.rulebook.slot_limits
    found = world.firing_about.get(subject(own), ())
    true = (each for each in found if is_true(each.identity, world.snapshot, limits))
    return next(true, None)


def _is_to_be_settled(incident: Incident) -> bool:
    called = any(is_under_way(one) or may_have_arrived(one) for one in incident.open_targets)
    return called or bool(open_intents(incident))


def _differences(incident: Incident, successor: RuleAlert) -> str:
    before, after = incident.identity.labels(), successor.identity.labels()
    changed = [name for name in sorted(before | after) if before.get(name) != after.get(name)]
    return ", ".join(f"{name}={after.get(name, '')}" for name in changed)
