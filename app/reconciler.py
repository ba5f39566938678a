"""The loop that compares what is stored with what is so, and does what is due.

Level-triggered: it asks the world for its state at every tick, so whatever a webhook lost, doubled
or mixed up makes no difference.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from app.aftermath import Aftermath
from app.context import Context
from app.domain.by_hand import wanted
from app.domain.incident import FINAL_STATES, Incident, IncidentState, Target
from app.domain.observation import observe
from app.domain.opening import Before, open_incident
from app.domain.readings import RuleAlert
from app.domain.schedule import due_targets, is_unsettled, planned_stop
from app.domain.situation import is_true
from app.domain.steps import Transition
from app.domain.together import arrange, being_stopped, beside, left_to_people
from app.domain.waiting import moves, timely_reminders
from app.domain.world import World
from app.errors import StaleIncidentError, UpstreamError
from app.executor import Executor
from app.lookout import Lookout, Systems
from app.loops import contained
from app.ports import IncidentStore
from app.recorder import Recorder
from app.recovery import Recovery
from app.tenure import Tenure

log = structlog.get_logger()
_STOPS_PER_TICK = 20
_AT_A_TIME = 200
_STOPPABLE = frozenset({IncidentState.NOTIFIED, IncidentState.STOPPING})
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the answer clock's next step begins from."""

    at: float
    """By this process's monotonic clock."""
    token: int
    """The lease's: what happened before a takeover is not known."""
    answerable: bool


class Reconciler:
    def __init__(
        self,
        systems: Systems,
        store: IncidentStore,
        lookout: Lookout,
        executor: Executor,
        recorder: Recorder,
        context: Context,
        tenure: Tenure,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._systems = systems
        self._incidents = store
        self._lookout = lookout
        self._executor = executor
        self._recorder = recorder
        self._recovery = Recovery(systems.rules, store, recorder, context, go_on=tenure.go_on)
        self._aftermath = Aftermath(systems.rules, recorder, context, go_on=tenure.go_on)
        self._context = context
        self._tenure = tenure
        self._monotonic = monotonic
        self._counted: Counted | None = None
        self._tried: dict[str, datetime] = {}
        context.counts_time = tenure.is_sure

    async def tick(self) -> None:
        """Look at everything once; and do what is due, where no other replica does.

        Raises:
            StoreUnavailableError: the database cannot be used; nothing was sent on its behalf.
        """
        began = self._monotonic()
        await self._lookout.recall()
        is_ours = await self._tenure.begin()
        answerable, _ = await asyncio.gather(self._lookout.answerable(), self._lookout.refresh())
        if is_ours:
            with self._tenure.while_held():
                await self._work(answerable=answerable)
        else:
            await self._stand_by()
        self._context.telemetry.ticked(self._context.now(), self._monotonic() - began)

    async def _stand_by(self) -> None:
        """See and show what the replica sees that does the work, so as to be ready for it."""
        clock = (await self._incidents.clock()).elapsed
        known = await self._incidents.open_incidents()
        await self._report(known, await self._lookout.read(clock))

    async def _work(self, *, answerable: bool) -> None:
        """Raises: StaleLeaseError: another replica has taken over; it goes on where this ends."""
        clock = await self._count(answerable=answerable)
        # Before the world: a keep that is committed in between is in the world, and what would be
        # decided without it meets a newer incident.
        known = await self._incidents.open_incidents()
        world = await self._lookout.read(clock)
        incidents = await self._settle_all(known, world)
        incidents += await self._adopt(incidents, world)
        incidents = [each for each in incidents if not each.is_final]
        await self._recovery.ask(incidents, world)
        await self._recovery.forget(await self._incidents.dismissed(), world)
        incidents = await self._wait_for_others(incidents, world)
        await self._remind(incidents, world)
        await self._stop(incidents, world)
        incidents = await self._aftermath.look(incidents, world)
        await self._show_keeps(world)
        await self._report(incidents, world)

    async def _count(self, *, answerable: bool) -> timedelta:
        """Advance the answer clock by the time since the last tick under the same lease (S13).

        It counts when Slack answered at both of its ends: what an outage began or ended in does
        not.
        """
        counted = Counted(self._monotonic(), self._tenure.fence().token, answerable)
        # Before the database is asked: if it does not answer, an outage is not forgotten for that.
        last, self._counted = self._counted, counted
        if last is None or last.token != counted.token:
            last = replace(counted, answerable=False)
        clock = await self._incidents.tick_clock(
            now=self._context.now(),
            monotonic=timedelta(seconds=counted.at - last.at),
            gap=self._context.rulebook.limits.tick_gap,
            answerable=answerable and last.answerable,
        )
        return clock.elapsed

    async def _settle_all(self, known: Iterable[Incident], world: World) -> list[Incident]:
        settled, contained = [], self._contained()
        for number, incident in enumerate(known):
            if number % _AT_A_TIME == 0:
                # Let webhooks in between.
                await asyncio.sleep(0)
                await self._tenure.go_on()
            with contained:
                settled.append(await self._store(self._settled(incident, world)))
        return settled

    def _contained(self) -> AbstractContextManager[None]:
        return contained("reconcile", self._context.telemetry.step_failed)

    def _settled(self, incident: Incident, world: World) -> Transition:
        """Let the incident follow what is so."""
        mode = self._context.rulebook.policy_for(incident.identity).ceiling(world.mode)
        events = observe(incident, world, mode)
        return self._recorder.after(Transition(incident), events)

    async def _adopt(self, incidents: Iterable[Incident], world: World) -> list[Incident]:
        """Open incidents for alerts that fire without one: webhooks get lost."""
        if world.firing is None or world.snapshot is None:
            return []
        known = {incident.identity.key for incident in incidents}
        slots = world.rulebook.slot_limits
        new = {
            key: alert
            for key, alert in world.firing.items()
            if key not in known and is_true(alert.identity, world.snapshot, slots)
        }
        limits = self._context.rulebook.limits
        since = Before.since(world.now, limits)
        resolved = await self._incidents.resolved(list(new), since=since)
        dismissed = await self._incidents.dismissed_of(list(new))
        before = Before(resolved, world.now, limits, dismissed)
        adopted = []
        for key, alert in new.items():
            if not before.is_left_over(key, alert.active_at):
                with self._contained():
                    adopted.append(await self._open(alert, world, before.settled_at(key)))
        return adopted

    async def _open(self, alert: RuleAlert, world: World, settled_at: datetime | None) -> Incident:
        mode = self._context.rulebook.policy_for(alert.identity).ceiling(world.mode)
        opening = open_incident(
            str(uuid.uuid4()),
            alert.identity,
            mode=mode,
            annotations=alert.annotations,
            at=world.now,
            settled_at=settled_at,
        )
        events = observe(opening.incident, world, mode)
        return await self._store(self._recorder.after(opening, events))

    async def _store(self, transition: Transition) -> Incident:
        try:
            return await self._recorder.store(transition)
        except StaleIncidentError:
            # Whoever was faster has stored something newer; the next tick starts from that.
            return transition.incident

    async def _wait_for_others(self, incidents: Sequence[Incident], world: World) -> list[Incident]:
        """Move the deadlines that are over while nobody waits for the GPUs."""
        found, moved = [], moves(incidents, world)
        for incident in incidents:
            events = moved.get(incident.incident_id)
            if not events:
                found.append(incident)
                continue
            with self._contained():
                later = self._recorder.after(Transition(incident), events)
                found.append(await self._store(later))
        return found

    async def _remind(self, incidents: Sequence[Incident], world: World) -> None:
        for incident, due in timely_reminders(incidents, world):
            await self._store(self._recorder.after(Transition(incident), [due]))

    async def _stop(self, incidents: Sequence[Incident], world: World) -> None:
        """Try the stops that are due, some at a time, those first that had to wait longest.

        So stops that are prevented again and again do not keep others from their turn.
        """
        due = [(each, target) for each in incidents for target in self._due(each, world)]
        self._tried = {target.allocation_id: self._last_tried(target) for _, target in due}
        due.sort(key=lambda pair: self._last_tried(pair[1]))
        planned = [
            planned_stop(incident, target)
            for incident, target in due
            # What fires no more may be over, and recovery sees to it.
            if incident.identity.key in (world.firing or {}) and not target.request
        ]
        latest: dict[str, Incident] = {}
        going, left = being_stopped(incidents), left_to_people(incidents)
        arranged = arrange(due, world.rulebook, world.snapshot)
        for number, before in enumerate(arranged[:_STOPS_PER_TICK], start=1):
            left |= left_to_people(latest.values())
            stop = before.as_stored(latest).without(left)
            self._tried |= {target.allocation_id: world.now for _, target in stop.due}
            if stop.may_be_made:
                await self._tenure.go_on()
                going |= being_stopped(latest.values())
                others = [each.as_stored(latest) for each in arranged[number:]]
                others = [each for each in others if each.is_possible and each.may_be_made]
                now = replace(world, beside=beside(stop, others, world.rulebook, going))
                with self._contained(), suppress(StaleIncidentError):
                    latest |= await self._executor.stop(stop, now, due=planned, others=others)

    def _last_tried(self, target: Target) -> datetime:
        return self._tried.get(target.allocation_id, _NEVER)

    def _due(self, incident: Incident, world: World) -> list[Target]:
        limits = self._context.rulebook.limits
        first = [*wanted(incident), *self._first_due(incident, world)]
        return first + [t for t in incident.targets if is_unsettled(t, limits, world.now)]

    def _first_due(self, incident: Incident, world: World) -> list[Target]:
        if incident.block and not incident.block.due:
            # Its alert does not fire, and recovery has said why nobody can see more.
            return []
        policy = self._recorder.policy(incident)
        return due_targets(incident, policy, clock=world.clock, now=world.now)

    async def _show_keeps(self, world: World) -> None:
        """Make a silence of every keep that has none, so that Alertmanager's view agrees."""
        for keep in world.keeps:
            if keep.silence_id or keep.until <= world.now:
                continue
            await self._tenure.go_on()
            try:
                silence_id = await self._systems.peers.silence(keep)
            except UpstreamError as exc:
                log.warning("keep_not_silenced", keep_id=keep.keep_id, error=str(exc))
                continue
            await self._incidents.keep_silenced(keep.keep_id, silence_id)

    async def _report(self, incidents: Iterable[Incident], world: World) -> None:
        telemetry = self._context.telemetry
        telemetry.answer_clock.set(world.clock.total_seconds())
        telemetry.expired_exemptions.set(len(world.rulebook.expired(world.now)))
        stops = await self._incidents.stops_within(self._context.rulebook.breaker.window)
        telemetry.stops_last_hour.set(stops)
        counts = Counter(incident.state for incident in incidents)
        for state in set(IncidentState) - FINAL_STATES:
            telemetry.open_incidents.labels(state).set(counts[state])
