"""What runs and how it stands, for people who ask. Nothing is decided by it."""

import asyncio
import json
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.context import Context
from app.domain.cluster import Snapshot
from app.domain.prospect import SHIPPED, prospect
from app.domain.readings import AlertingRule, Sample
from app.domain.tasks import (
    Activity,
    RunningTask,
    TaskPage,
    TaskQuery,
    TaskStanding,
    incidents_about,
    running_task,
    running_tasks,
)
from app.domain.world import World
from app.errors import ActivityUnknownError, ClusterUnreadError, TaskNotFoundError, UpstreamError
from app.ports import IncidentStore, RuleFiles, SilenceLists

AVERAGE = "allocation_id:DCGM_FI_DEV_GPU_UTIL:avg"
BUSIEST = "allocation_id:DCGM_FI_DEV_GPU_UTIL:max"
ACTIVE = "allocation_id:watchdog_gpu_active:max"
_RULES_AGE = 300.0  # seconds: an older Prometheus sends all that fires along with the rules
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _KnownRules:
    rules: Sequence[AlertingRule]
    at: float


class Tasks:
    def __init__(
        self,
        rules: RuleFiles,
        peers: SilenceLists,
        store: IncidentStore,
        context: Context,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._peers = peers
        self._store = store
        self._context = context
        self._monotonic = monotonic
        self._known: _KnownRules | None = None

    async def page(self, query: TaskQuery) -> TaskPage:
        """Return a page of what runs, the newest first.

        Raises:
            ClusterUnreadError: Determined has not been read yet.
            ActivityUnknownError: the filter asks for what Prometheus does not tell now.
        """
        snapshot = self.snapshot()
        running = running_tasks(snapshot, self._context.view.started)
        found = [each for each in running if query.takes(each)]
        if query.idle is not None:
            found = await self._with_activity(found, active=not query.idle)
        page = found[query.offset : query.offset + query.limit]
        return await self._standings(page, len(found), snapshot)

    async def one(self, task_id: str) -> TaskPage:
        """Return a page of this task alone.

        Raises:
            ClusterUnreadError: Determined has not been read yet.
            TaskNotFoundError: it does not run.
        """
        return await self._standings([self.task(task_id)], 1, self.snapshot())

    def task(self, task_id: str) -> RunningTask:
        """Raises: ClusterUnreadError, TaskNotFoundError."""
        found = running_task(task_id, self.snapshot(), self._context.view.started)
        if found is None:
            raise TaskNotFoundError(task_id)
        return found

    def snapshot(self) -> Snapshot:
        """Return the latest reading of Determined, however old. Raises: ClusterUnreadError."""
        snapshot = self._context.view.snapshot
        if snapshot is None:
            raise ClusterUnreadError
        return snapshot

    def staleness(self) -> Iterator[str]:
        """Yield a sentence where the snapshot is that of a while ago."""
        limit = self._context.rulebook.limits.snapshot_age
        if self._context.view.fresh(self._context.now(), limit) is None:
            at = self.snapshot().at
            yield f"Determined could not be read since {at:%Y-%m-%d %H:%M:%S} UTC."

    async def alerting_rules(self) -> Sequence[AlertingRule]:
        """Return the rules that Prometheus has, or had a few minutes ago.

        Raises:
            UpstreamError: Prometheus could not be asked.
        """
        now = self._monotonic()
        if self._known is None or now - self._known.at > _RULES_AGE:
            self._known = _KnownRules(await self._rules.alerting_rules(), now)
        return self._known.rules

    async def world(self, unknown: list[str]) -> World:
        """Return what protects tasks now. What could not be read is added to `unknown`."""
        now, snapshot = self._context.now(), self.snapshot()
        unknown += self.staleness()
        peers = await self._peers.silences()
        unknown += [f"Silences are not known: {each.error}." for each in peers if each.error]
        return World(
            now=now,
            clock=(await self._store.clock()).elapsed,
            rulebook=self._context.rulebook,
            snapshot=snapshot,
            firing=None,
            peers=peers,
            breaker=await self._store.breaker(),
            keeps=await self._store.keeps(now),
            heartbeat_at=await self._store.heartbeat_at(),
            started=self._context.view.started,
        )

    async def _standings(
        self, tasks: Sequence[RunningTask], total: int, snapshot: Snapshot
    ) -> TaskPage:
        unknown: list[str] = []
        world, activities, rules = await asyncio.gather(
            self.world(unknown),
            _or({}, self._activities(tasks), unknown),
            _or((), self.alerting_rules(), unknown),
        )
        rule = next((each for each in rules if each.name == SHIPPED.name), SHIPPED)
        about = incidents_about(tasks, await self._store.open_incidents())
        standings = tuple(
            TaskStanding(
                task=each,
                activity=each.activity(activities),
                prospect=prospect(each.latest, rule, world),
                incidents=tuple(about.get(each.latest.task_id, ())),
            )
            for each in tasks
        )
        # One that answers nothing says the same to every question.
        return TaskPage(standings, total, snapshot.at, tuple(dict.fromkeys(unknown)))

    async def _activities(self, tasks: Iterable[RunningTask]) -> dict[str, Activity]:
        """Ask once, for these alone: of ten thousand allocations a page has a few."""
        ids = [each.allocation_id for task in tasks for each in task.allocations]
        return activities(await self._rules.query(rows_of(ids))) if ids else {}

    async def _with_activity(
        self, tasks: Iterable[RunningTask], *, active: bool
    ) -> list[RunningTask]:
        try:
            of = activities(await self._rules.query(ACTIVE))
        except UpstreamError as exc:
            raise ActivityUnknownError(str(exc)) from exc
        return [each for each in tasks if each.activity(of).active is active]


async def _or(otherwise: Answer, answer: Awaitable[Answer], unknown: list[str]) -> Answer:
    try:
        return await answer
    except UpstreamError as exc:
        unknown.append(f"Prometheus could not be read: {exc}.")
        return otherwise


def rows_of(allocation_ids: Iterable[str]) -> str:
    """Return the query for how much these allocations do."""
    # json.dumps: PromQL quotes strings as JSON does.
    names = json.dumps(f"{AVERAGE}|{BUSIEST}|{ACTIVE}")
    ids = json.dumps("|".join(re.escape(each) for each in allocation_ids))
    return f"{{__name__=~{names}, allocation_id=~{ids}}}"


def activities(samples: Iterable[Sample]) -> dict[str, Activity]:
    """Read the answer, by allocation id."""
    rows: dict[str, dict[str, float]] = {}
    for each in samples:
        if math.isfinite(each.value):
            of = rows.setdefault(each.labels.get("allocation_id", ""), {})
            of[each.labels.get("__name__", "")] = each.value
    return {key: _activity(row) for key, row in rows.items()}


def _activity(row: Mapping[str, float]) -> Activity:
    active = row.get(ACTIVE)
    return Activity(row.get(AVERAGE), row.get(BUSIEST), None if active is None else active > 0)
