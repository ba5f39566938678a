"""Reads what explains how a task is judged. What cannot be read is said, and is unknown."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.domain.cluster import Allocation
from app.domain.explanation import ALERTS, SINCE, Explanation, explain
from app.domain.facts import SPANS, Facts
from app.domain.readings import AlertingRule, Sample
from app.domain.rows import NAME, ROW, Rows
from app.domain.tasks import TaskStanding
from app.errors import UpstreamError
from app.ports import RuleFiles
from app.tasks import Tasks

_OF_ALLOCATION = "(gpu_uuid_)?allocation_id(_window|_signal|_agent_id)?:.+"
_OF_AGENT = (
    "agent_id:(node_cpu_busy:ratio5m|node_memory_available:ratio|node_memory_MemTotal_bytes:max"
    "|machine_cpu_cores:max)"
)
_OF_USER = "username_resource_pool:.+|watchdog_user_slot_limit"


@dataclass(frozen=True, slots=True)
class Explained:
    explanation: Explanation
    snapshot_at: datetime
    unknown: tuple[str, ...]
    """What could not be read, a sentence each."""


class Explanations:
    def __init__(self, tasks: Tasks, rules: RuleFiles, context: Context) -> None:
        self._tasks = tasks
        self._rules = rules
        self._context = context

    async def read(self, task_id: str) -> Explained:
        """Raises: ClusterUnreadError, TaskNotFoundError."""
        page = await self._tasks.one(task_id)
        [standing] = page.standings
        unknown = list(page.unknown)
        facts, rules = await self._facts(standing, unknown), await self._known_rules(unknown)
        world = await self._tasks.world(unknown)
        return Explained(
            explain(standing, facts, rules, world),
            page.snapshot_at,
            tuple(dict.fromkeys(unknown)),
        )

    async def _facts(self, standing: TaskStanding, unknown: list[str]) -> Facts:
        allocation = standing.task.latest
        questions = questions_about(allocation)
        answers = await asyncio.gather(
            *(self._rules.query(each) for each in questions), return_exceptions=True
        )
        samples: list[Sample] = []
        for answer in answers:
            if isinstance(answer, UpstreamError):
                unknown.append(f"Prometheus could not be read: {answer}.")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                samples += answer
        return Facts(
            allocation=allocation,
            rows=Rows(samples),
            started_at=standing.task.started.get(allocation.allocation_id),
            now=self._context.now(),
            is_readable=not isinstance(answers[0], UpstreamError),
            agent_slots=self._tasks.snapshot().agent_slots,
        )

    async def _known_rules(self, unknown: list[str]) -> Sequence[AlertingRule]:
        try:
            return await self._tasks.alerting_rules()
        except UpstreamError as exc:
            unknown.append(f"Prometheus could not be read: {exc}.")
            return ()


def questions_about(allocation: Allocation) -> list[str]:
    """Return the queries; the first is the one without which nothing is known."""
    own = f"allocation_id={_quoted(allocation.allocation_id)}"
    owner = (
        f"username={_quoted(allocation.username or '')}, "
        f"resource_pool={_quoted(allocation.resource_pool)}"
    )
    agents = "|".join(sorted({re.escape(each.agent_id) for each in allocation.containers}))
    states = f"{ALERTS}|{SINCE}"
    return [
        f"{{{NAME}=~{_quoted(f'{_OF_ALLOCATION}|{states}')}, {own}}}",
        # Alerts about the user, and rows, which have no scope.
        f'{{{NAME}=~{_quoted(f"{_OF_USER}|{states}")}, scope=~"user|", {owner}}}',
        f"{{{NAME}=~{_quoted(_OF_AGENT)}, agent_id=~{_quoted(agents)}}}",
        f'{{{NAME}=~"threshold:.+"}}',
        # Results have no name, and `or` would not look at one.
        " or ".join(
            f'label_replace({query % own}, "{ROW}", "{name}", "", "")'
            for name, query in SPANS.items()
        ),
    ]


def _quoted(text: str) -> str:
    # PromQL quotes strings as JSON does.
    return json.dumps(text)
