"""The owner's page as values: read from the store, and ready to be written out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from app.adapters.charts import Charts, measured
from app.adapters.owner_links import Claim
from app.adapters.slack_conditions import condition
from app.adapters.slack_text import clean
from app.adapters.task_words import Consequence, consequence, gpus, kind, pause
from app.api.owner_page_values import Buttons, Choice, Meaning, PageView, TaskView
from app.api.owner_page_words import Moment, ending, fate, lines, links, span_words, story
from app.context import Context
from app.domain.alert import Scope
from app.domain.incident import Incident, IncidentState, Keep, Target
from app.domain.keeping import MORNING, OFFERED, still_allowed_for_all
from app.domain.mornings import next_working_morning
from app.domain.outbox import IncidentQuery
from app.domain.policy import Policy, StopAction
from app.domain.schedule import deadlines
from app.errors import IncidentNotFoundError
from app.ports import IncidentStore, Trends

MOST_CHARTS = 5
_MOST_ENTRIES = 100
_MOST_RELATED = 100
_NAME = 200
_TEXT = 2_000
_KEPT_IN = frozenset(
    {IncidentState.FIRING, IncidentState.NOTIFIED, IncidentState.HELD, IncidentState.ESCALATED}
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what the page of one incident shows."""

    store: IncidentStore
    context: Context
    trends: Trends

    async def incident(self, claim: Claim) -> Incident | None:
        """Return the incident of a link. None: there is none, or it is somebody else's by now."""
        try:
            incident = await self.store.incident(claim.incident_id)
        except IncidentNotFoundError:
            return None
        return incident if self._is_of(incident, claim.username) else None

    def _is_of(self, incident: Incident, username: str) -> bool:
        """Tell whether it is the owner's, by the incident and by Determined's latest word."""
        found = (self.context.view.allocation(each.allocation_id) for each in incident.targets)
        owners = {each.username for each in found if each is not None and each.username}
        return incident.identity.username == username and owners <= {username}

    async def page(self, incident: Incident) -> PageView:
        now = self.context.now()
        zone = self.context.rulebook.zone_of(incident.identity.username)
        incidents = [incident, *await self._related(incident)]
        shown = incidents[:1] if incident.is_final else incidents
        choices = await self._choices(shown, now, zone)
        due = await self._deadlines(shown, now)
        tasks = [
            self._task(one, target, due, choices[one.incident_id], zone)
            for one in shown
            for target in one.targets
        ]
        charts = await self._measured(incident, tasks, now)
        tasks = [
            replace(each, chart=charts.by_allocation.get(each.allocation_id)) for each in tasks
        ]
        entries = await self.store.history(incident.incident_id)
        soonest = min(due.values()) if due else None
        texts = incident.annotations
        return PageView(
            incident=incident,
            about=_about(incident, tasks),
            summary=clean(texts.get("summary", ""), _TEXT),
            description=lines(texts.get("description", "")),
            links=tuple(links(texts)),
            tasks=tuple(tasks),
            noticed=Moment(min(each.opened_at for each in shown), zone),
            soonest=Moment(soonest, zone) if soonest else None,
            first=next((each for each in tasks if due.get(each.allocation_id) == soonest), None),
            left=span_words(soonest - now) if soonest else "",
            told=tuple(story(entry, zone) for entry in entries[-_MOST_ENTRIES:]),
            untold=max(len(entries) - _MOST_ENTRIES, 0),
            buttons=_of_all([each.buttons for each in tasks]),
            ending=ending(incident, zone) if incident.is_final else (),
            settles=condition(incident.identity.alertname).settles.replace("this message", "this"),
            related=tuple(self._still_open(incidents)) if incident.is_final else (),
            unmeasured=charts.unreachable,
        )

    async def _related(self, incident: Incident) -> list[Incident]:
        """Return the owner's other open incidents of the same alert: one message tells of all."""
        if incident.identity.scope is not Scope.ALLOCATION:
            return []
        identity = incident.identity
        query = IncidentQuery(
            username=identity.username, alertname=identity.alertname, limit=_MOST_RELATED
        )
        found = await self.store.search(query)
        return [
            each
            for each in found
            if not each.is_final
            and each.incident_id != incident.incident_id
            and each.identity.scope is Scope.ALLOCATION
            and self._is_of(each, identity.username)
        ]

    def _policy(self, incident: Incident) -> Policy:
        return self.context.rulebook.policy_for(incident.identity)

    async def _deadlines(self, shown: Iterable[Incident], now: datetime) -> dict[str, datetime]:
        gap = self.context.rulebook.limits.tick_gap
        clock = (await self.store.clock()).latest(now, gap)
        found: dict[str, datetime] = {}
        for one in shown:
            if one.state is IncidentState.NOTIFIED:
                found |= deadlines(one, self._policy(one), clock=clock, now=now)
        return found

    async def _choices(
        self, shown: Sequence[Incident], now: datetime, zone: tzinfo
    ) -> Mapping[str, tuple[Choice, ...]]:
        """Return for how long each incident may still be kept, by its id."""
        found = {}
        keeps = await self._keeps(shown)
        for one in shown:
            policy = self._policy(one)
            task_ids = {target.task_id for target in one.open_targets}
            left = still_allowed_for_all(
                keeps[policy.name], task_ids, policy, since=one.opened_at, now=now
            )
            ends = _ends(policy, now, zone) if one.state in _KEPT_IN else []
            found[one.incident_id] = tuple(each for each in ends if each.until.at - now <= left)
        return found

    async def _keeps(self, shown: Sequence[Incident]) -> dict[str, Sequence[Keep]]:
        """Return the keeps that can count, by policy."""
        tasks: dict[str, set[str]] = {}
        for one in shown:
            policy = self._policy(one).name
            tasks.setdefault(policy, set()).update(each.task_id for each in one.open_targets)
        since = min(each.opened_at for each in shown)
        return {
            policy: await self.store.keeps_since(sorted(task_ids), policy, since)
            for policy, task_ids in tasks.items()
        }

    def _task(
        self,
        incident: Incident,
        target: Target,
        due: Mapping[str, datetime],
        choices: tuple[Choice, ...],
        zone: tzinfo,
    ) -> TaskView:
        allocation = self.context.view.allocation(target.allocation_id)
        since = target.since or self.context.view.started.get(target.allocation_id)
        slots = allocation.slots if allocation else target.slots
        name = allocation.name if allocation else target.name
        may_act = not target.outcome and incident.state in _KEPT_IN
        stop = f"{incident.incident_id}/{target.allocation_id}"
        return TaskView(
            incident_id=incident.incident_id,
            allocation_id=target.allocation_id,
            summary=clean(incident.annotations.get("summary", ""), _TEXT),
            name=clean(name or target.task_id, _NAME),
            kind=kind(target.task_type),
            gpus=gpus(slots) if slots else "",
            since=Moment(since, zone) if since else None,
            fate=fate(
                incident, target, due.get(target.allocation_id), self._policy(incident), zone
            ),
            open=not target.outcome,
            buttons=Buttons(
                choices=choices,
                keep=(incident.incident_id,) if may_act and choices else (),
                stop=(stop,) if may_act and target.intent is None else (),
            ),
            meaning=_meaning(target, self._policy(incident)),
        )

    async def _measured(self, incident: Incident, tasks: list[TaskView], now: datetime) -> Charts:
        if incident.is_final:
            return Charts({})
        ids = [each.allocation_id for each in tasks if each.open]
        return await measured(self.trends, ids[:MOST_CHARTS], now)

    def _still_open(self, incidents: Sequence[Incident]) -> Iterator[tuple[str, str]]:
        for one in incidents[1:]:
            for target in one.open_targets[:1]:
                yield clean(target.name or target.task_id, _NAME), one.incident_id


def _meaning(target: Target, policy: Policy) -> Meaning | None:
    if target.outcome not in {None, IncidentState.STOPPED}:
        return None
    paused = (
        target.stops_by_pause
        if target.outcome
        else policy.action_for(target.task_type) is StopAction.PAUSE
    )
    words: Callable[[str], Consequence] = pause if paused else consequence
    what = f"What a {'pause' if paused else 'stop'} means for a {kind(target.task_type)}"
    return Meaning(what, words(target.task_type))


def _ends(policy: Policy, now: datetime, zone: tzinfo) -> list[Choice]:
    ends = [
        Choice(argument, f"{span // timedelta(hours=1)} h", Moment(now + span, zone))
        for argument, span in OFFERED.items()
    ]
    morning = next_working_morning(policy.waking_hours, now, zone)
    words = f"until {morning.astimezone(zone):%a %H:%M}"
    return [*ends, Choice(MORNING, words, Moment(morning, zone))]


def _of_all(buttons: Sequence[Buttons]) -> Buttons:
    """Return what may be done about all of them: a keep only where it is allowed for each."""
    keep = dict.fromkeys(subject for each in buttons for subject in each.keep)
    stop = dict.fromkeys(subject for each in buttons for subject in each.stop)
    kept = [{choice.argument for choice in each.choices} for each in buttons if each.keep]
    common = set.intersection(*kept) if kept else set()
    first = next((each.choices for each in buttons if each.keep), ())
    choices = tuple(choice for choice in first if choice.argument in common)
    return Buttons(choices, tuple(keep), tuple(stop))


def _about(incident: Incident, tasks: Sequence[TaskView]) -> str:
    if incident.identity.scope is Scope.USER:
        return f"Your GPUs in pool {clean(incident.identity.resource_pool, _NAME)}"
    if len(tasks) == 1:
        [task] = tasks
        return f"Your {task.kind} {task.name}"
    return f"{len(tasks)} tasks of yours"
