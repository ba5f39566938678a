"""What a look at the world means for an incident: level-triggered, whatever webhooks said."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.domain import events as e
from app.domain.alert import Scope
from app.domain.announcing import eases, harsher, has_changed
from app.domain.breaker import BreakerState
from app.domain.by_hand import is_forgotten
from app.domain.cluster import Snapshot
from app.domain.incident import Expressions, Hold, Incident, IncidentState, Target
from app.domain.matchers import Silence
from app.domain.opening import texts
from app.domain.policy import Mode
from app.domain.readings import PeerAlert, PeerAlertState, PeerReading, RuleAlert
from app.domain.reasons import Reason
from app.domain.selection import choice, nobody_to_stop, reconsider
from app.domain.situation import look
from app.domain.standing import exempt_holds, night_holds
from app.domain.succession import relabelled, relabelled_holds
from app.domain.targets import taken, without
from app.domain.world import World, labels_on, target_labels


def expressions_of(alert: RuleAlert) -> Expressions:
    texts = alert.annotations
    return Expressions(verify=texts.get("verify", ""), evidence=texts.get("evidence", ""))


def _says(alert: RuleAlert, expressions: Expressions) -> bool:
    texts = alert.annotations
    return (texts.get("verify", ""), texts.get("evidence", "")) == (
        expressions.verify,
        expressions.evidence,
    )


def observe(incident: Incident, world: World, mode: Mode) -> Iterator[e.Event]:
    """Yield the events that the world holds for the incident, the most binding first.

    `mode` is the one that holds for the incident's policy.
    """
    yield from _of_determined(incident, world.snapshot)
    yield from _of_the_request(incident)
    alert = (world.firing or {}).get(incident.identity.key)
    if alert is not None:
        yield from _of_the_alert(incident, alert)
        for change in _of_the_targets(incident, world):
            incident = _changed(incident, change)
            yield change
    yield from relabelled(incident, world)
    holds = holds_over(incident, world)
    if holds:
        yield e.HoldsObserved(holds)
    if mode is not incident.mode:
        yield e.ModeChanged(mode)
    if holds:
        return
    if alert is None:
        # A new round would warn somebody who may be at work. What ended is not forgotten.
        return
    yield from _resets(incident, alert, world)
    if not _is_active(incident, world.peers):
        return
    if incident.state is IncidentState.HELD:
        yield from _released(incident, world)
    elif incident.round == 0 and incident.open_targets:
        yield e.AlertActive()


def _of_the_alert(incident: Incident, alert: RuleAlert) -> Iterator[e.AlertSeen]:
    """Yield the alert where it may say anything new, for it is the same at nearly every look."""
    if incident.block or not _says(alert, incident.expressions):
        yield e.AlertSeen(expressions_of(alert), texts(alert.annotations))


def _of_the_request(incident: Incident) -> Iterator[e.RuleGone]:
    """Yield the end of what a person began without an alert, and wants no more."""
    if is_forgotten(incident):
        yield e.RuleGone("nobody asks for it any more")


def _of_the_targets(incident: Incident, world: World) -> Iterator[e.TargetsChosen | e.TargetsLeft]:
    """Look at the targets of an alert about a user again, unless all of it is held anyway."""
    if incident.identity.scope is Scope.USER and not [*_over_all(incident, world)]:
        yield from reconsider(incident, world)


def _changed(incident: Incident, change: e.TargetsChosen | e.TargetsLeft) -> Incident:
    if isinstance(change, e.TargetsLeft):
        return without(incident, change)
    return taken(incident, change)


def _released(incident: Incident, world: World) -> Iterator[e.TargetsChosen | e.HoldsObserved]:
    """Yield the end of a hold, known from every peer; with it the targets are chosen anew."""
    if not all(peer.readable for peer in world.peers):
        return
    if incident.identity.scope is Scope.USER:
        situation = look(incident, world)
        chosen = choice(incident, situation, world) if situation else None
        if chosen is None:
            return
        yield chosen
    yield e.HoldsObserved(())


def _of_determined(
    incident: Incident, snapshot: Snapshot | None
) -> Iterator[e.AllocationEnded | e.TargetSeen]:
    if snapshot is None or snapshot.at < incident.opened_at:
        return
    for target in incident.open_targets:
        allocation = snapshot.allocations.get(target.allocation_id)
        if allocation is None:
            evidence = {"snapshot_at": snapshot.at.isoformat()}
            yield e.AllocationEnded(target.allocation_id, evidence=evidence)
        elif allocation.username not in {None, target.username}:
            evidence = {"snapshot_at": snapshot.at.isoformat(), "owner": allocation.username}
            yield e.AllocationEnded(target.allocation_id, Reason.OWNER_CHANGED, evidence)
        elif not target.name:
            yield e.TargetSeen(target.allocation_id, allocation.name, allocation.slots)


def _resets(
    incident: Incident, alert: RuleAlert, world: World
) -> Iterator[e.EpisodeBegan | e.ActionEased]:
    """Yield what ended the round after the warning, while nobody looked (S9); and what is milder
    by now than was announced.
    """
    changed = has_changed(incident, world.rulebook)
    for target in incident.targets:
        ended = ended_hold(incident, target, world)
        if ended is not None:
            yield e.EpisodeBegan(dict([ended]), Reason.HOLD_ENDED)
        elif began_after_warning(alert, target):
            yield e.EpisodeBegan({"active_at": alert.active_at.isoformat()})
        elif breaker_was_reset(incident, target, world):
            yield e.EpisodeBegan({"breaker_reset_by": world.breaker.by}, Reason.HOLD_ENDED)
        elif changed and (now := harsher(incident, target, world.rulebook)):
            yield e.EpisodeBegan({"action": now.action}, Reason.ACTION_CHANGED)
    if changed:
        yield from eases(incident, world.rulebook)


def ended_hold(incident: Incident, target: Target, world: World) -> tuple[str, str] | None:
    """Return what held the target after its warning and is over: its kind, and its id."""
    silence = ended_silence(incident, target, world)
    if silence is not None:
        return "silence", silence.silence_id
    if target.warning is None or target.outcome:
        return None
    mine = (target.task_id, incident.identity.policy)
    for keep in world.keeps:
        # One through another alert held this one, too, though no tick may have seen it.
        is_over = target.warning.delivered_at < keep.until <= world.now
        if is_over and (keep.task_id, keep.policy) == mine:
            return "keep", keep.keep_id
    return None


def ended_silence(incident: Incident, target: Target, world: World) -> Silence | None:
    """Return a silence that covered the target after its warning, and is over."""
    if target.warning is None or target.outcome:
        return None
    since = target.warning.delivered_at
    own = target_labels(incident, target)
    if world.silenced.is_far_from(own):
        # So it is with nearly all, on every peer.
        return None
    for peer in world.peers:
        common = labels_on(peer, incident)
        silence = peer.index.ended_over(own, common, since=since, now=world.now)
        if silence is not None:
            return silence
    return None


def began_after_warning(alert: RuleAlert, target: Target) -> bool:
    """Tell whether the alert began after the warning: it had stopped in between (S9)."""
    return target.warning is not None and alert.active_at > target.warning.delivered_at


def breaker_was_reset(incident: Incident, target: Target, world: World) -> bool:
    """Tell whether the breaker was reset after the warning: what it stopped begins anew (S9)."""
    warning = target.warning
    if warning is None or target.outcome or incident.mode is not Mode.ENFORCE:
        return False
    return world.breaker.was_reset(warning.breaker_at)


def _is_active(incident: Incident, peers: Sequence[PeerReading]) -> bool:
    for peer in peers:
        alert = peer.alerts.get(incident.identity.key) if peer.readable else None
        if alert is not None and alert.state is PeerAlertState.ACTIVE:
            return True
    return False


def holds_over(incident: Incident, world: World) -> tuple[Hold, ...]:
    """Return everything that forbids a stop now, from every peer that can be read (S4)."""
    all_over = [*_over_all(incident, world)]
    holds = [
        *_kept(incident, world),
        *_silences(incident, world),
        *all_over,
        *exempt_holds(incident, world.rulebook, world.snapshot, world.now),
        *relabelled_holds(incident, world),
    ]
    if incident.identity.scope is Scope.USER and not all_over:
        holds += nobody_to_stop(incident, world)
    return tuple(dict.fromkeys(holds)) if holds else ()


def _over_all(incident: Incident, world: World) -> Iterator[Hold]:
    """Yield what holds the alert as a whole, whatever its targets are."""
    for peer in world.peers:
        alert = peer.alerts.get(incident.identity.key)
        if alert is not None and alert.is_held:
            yield from _held_by(alert, peer)
    yield from _lasting(incident, world.now)
    yield from night_holds(incident, world.rulebook, world.now)
    yield from _tripped(incident, world.breaker)


def _lasting(incident: Incident, now: datetime) -> Iterator[Hold]:
    """An owner who could not be reached is left alone until the next try is due."""
    for hold in incident.holds:
        if hold.reason is Reason.OWNER_UNREACHABLE and hold.until and now < hold.until:
            yield hold


def _tripped(incident: Incident, breaker: BreakerState) -> Iterator[Hold]:
    """S7. Where nothing would be stopped anyway, the breaker changes nothing."""
    if breaker.tripped and incident.mode is Mode.ENFORCE:
        yield Hold(Reason.BREAKER, by=breaker.by, detail=breaker.reason)


def _kept(incident: Incident, world: World) -> Iterator[Hold]:
    if not world.keeps:
        return
    tasks = {target.task_id for target in incident.open_targets}
    for keep in world.keeps:
        mine = keep.task_id in tasks and keep.policy == incident.identity.policy
        if mine and world.now < keep.until:
            yield Hold(Reason.KEPT, by=keep.by, until=keep.until, detail=keep.reason)


def _silences(incident: Incident, world: World) -> Iterator[Hold]:
    """Yield what silences a target on any peer, by all labels that the alert has there (S4)."""
    labels_of_each = (target_labels(incident, target) for target in incident.open_targets)
    own = [labels for labels in labels_of_each if not world.silenced.is_far_from(labels)]
    for peer in world.peers if own else ():
        common = labels_on(peer, incident)
        for labels in own:
            silence = peer.index.over(labels, common, world.now)
            if silence is not None:
                yield _silenced(silence)


def _held_by(alert: PeerAlert, peer: PeerReading) -> Iterator[Hold]:
    for silence_id in alert.silenced_by:
        silence = peer.index.by_id.get(silence_id)
        yield _silenced(silence) if silence else Hold(Reason.SILENCED, detail=silence_id)
    if alert.inhibited_by:
        # Which of several alerts Alertmanager names differs from one reading to the next.
        yield Hold(Reason.INHIBITED)
    nameless = not (alert.silenced_by or alert.inhibited_by)
    if alert.muted_by or (alert.state is PeerAlertState.SUPPRESSED and nameless):
        # Alertmanager before 0.28 has no name for it.
        yield Hold(Reason.MUTED, by=", ".join(sorted(alert.muted_by)))


def _silenced(silence: Silence) -> Hold:
    return Hold(
        Reason.SILENCED, by=silence.created_by, until=silence.ends_at, detail=silence.comment
    )
