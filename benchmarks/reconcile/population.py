"""Open incidents, and a world that agrees with them: nothing is due, as at most ticks of a day."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from app.domain.alert import Identity, Scope
from app.domain.cluster import Allocation, Container, TaskType
from app.domain.incident import (
    Expressions,
    GivenWarning,
    Incident,
    IncidentState,
    Receipt,
    RecipientKind,
)
from app.domain.opening import open_incident
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.waking import WakingHours

POLICY = Policy(
    "reclaim",
    action=StopAction.KILL,
    grace_default=timedelta(hours=2),
    waking_hours=WakingHours(time(9), time(21)),
)
RULEBOOK = Rulebook(Mode.ENFORCE, {POLICY.name: POLICY})
BEGAN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=10)
_TYPES = (TaskType.NOTEBOOK, TaskType.SHELL, TaskType.COMMAND, TaskType.TRIAL, TaskType.GENERIC)
_USERS = 200
_GPUS = 8
"""Of each agent, which is in one pool."""


@dataclass(frozen=True, slots=True)
class Member:
    """One task that idles, whose owner was warned."""

    identity: Identity
    allocation: Allocation

    @property
    def annotations(self) -> dict[str, str]:
        return _annotations(self.identity)

    @property
    def incident(self) -> Incident:
        annotations = self.annotations
        opening = open_incident(
            f"incident-of-{self.identity.task_id}",
            self.identity,
            mode=Mode.ENFORCE,
            annotations=annotations,
            at=BEGAN,
        )
        [target] = opening.incident.targets
        warning = GivenWarning(
            BEGAN,
            timedelta(),
            BEGAN + POLICY.grace_default,
            target.username,
            announced=POLICY.announcement,
            channel=f"D-{target.username}",
        )
        warned = replace(target, name=self.allocation.name, slots=1, warning=warning)
        return replace(
            opening.incident,
            state=IncidentState.NOTIFIED,
            targets=(warned,),
            round=1,
            expressions=Expressions(annotations["verify"], annotations["evidence"]),
            message=Receipt(f"D-{target.username}", "1795489200.000100", RecipientKind.OWNER),
            version=4,
        )


def population(size: int) -> list[Member]:
    """Make so many members, the same ones each time."""
    source = random.Random(1)
    return [_member(number, source) for number in range(size)]


def _member(number: int, source: random.Random) -> Member:
    task_type = _TYPES[number % len(_TYPES)]
    task_id = f"{number:08x}-b2f1-4c94-ae05-{source.getrandbits(48):012x}"
    name = f"train-{number}"
    if task_type is TaskType.TRIAL:
        # As Determined itself names them.
        task_id, name = f"{number}.{task_id}", f"Trial {number} (Experiment {number})"
    username = f"user{number % _USERS}"
    identity = Identity(
        alertname="GPUAllocationIdle",
        severity="warning",
        policy=POLICY.name,
        scope=Scope.ALLOCATION,
        username=username,
        resource_pool=f"pool{number // _GPUS % 4}",
        allocation_id=f"{task_id}.1",
        task_id=task_id,
        task_type=task_type,
    )
    allocation = Allocation(
        allocation_id=identity.allocation_id,
        task_id=task_id,
        task_type=task_type,
        name=name,
        username=username,
        resource_pool=identity.resource_pool,
        slots=1,
        containers=(Container(f"c-{number}", f"agent{number // _GPUS}", (f"GPU-{number:012x}",)),),
        labels=(),
    )
    return Member(identity, allocation)


def _annotations(identity: Identity) -> dict[str, str]:
    """Return texts as long as those of the rules."""
    selector = f'allocation_id="{identity.allocation_id}"'
    return {
        "summary": "An allocation holds GPUs that it does not use.",
        "description": "No GPU of the allocation was used for an hour, by any signal. " * 2,
        "runbook_url": "https://github.com/example/gpu-watchdog/docs/runbooks/GPUAllocationIdle.md",
        "dashboard_url": f"http://grafana:3000/d/allocation?var-{selector}",
        "verify": f"allocation_id:watchdog_gpu_active:max5m{{{selector}}} == 0 and on () " * 5,
        "evidence": f"max(time() - timestamp(DCGM_FI_DEV_GPU_UTIL{{{selector}}})) and on () " * 5,
    }


def prometheus_answer(members: list[Member]) -> bytes:
    """Return what `GET /api/v1/alerts` of Prometheus answers, which knows no order."""
    alerts = [
        {
            "labels": each.identity.labels(),
            "annotations": each.annotations,
            "state": "firing",
            "activeAt": (BEGAN - timedelta(hours=1)).isoformat(),
            "value": "0e+00",
        }
        for each in random.Random(2).sample(members, len(members))
    ]
    return _as_json({"status": "success", "data": {"alerts": alerts}})


def alertmanager_answer(members: list[Member]) -> bytes:
    """Return what `GET /api/v2/alerts` of Alertmanager answers, by fingerprint."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    alerts = [
        {
            "labels": each.identity.labels() | {"cluster": "lab"},
            "annotations": each.annotations,
            "status": status,
            "startsAt": BEGAN.isoformat(),
            "endsAt": (NOW + timedelta(minutes=4)).isoformat(),
            "updatedAt": NOW.isoformat(),
            "fingerprint": each.identity.key[:16],
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
            "receivers": [{"name": "gpu-watchdog"}],
        }
        for each in sorted(members, key=lambda each: each.identity.key)
    ]
    return _as_json(alerts)


def silences_answer(count: int) -> bytes:
    """Return what `GET /api/v2/silences` answers: some in force over other tasks, some over."""
    return _as_json(list(_silences(count)))


def _silences(count: int) -> Iterator[dict[str, object]]:
    for number in range(count):
        matcher = {"name": "task_id", "value": f"other-{number}", "isRegex": False, "isEqual": True}
        over = number % 2
        yield {
            "id": f"silence-{number}",
            "matchers": [matcher],
            "startsAt": (BEGAN - timedelta(hours=8)).isoformat(),
            "endsAt": (
                BEGAN + timedelta(minutes=5) if over else NOW + timedelta(hours=8)
            ).isoformat(),
            "createdBy": "carol",
            "comment": "demo day",
            "updatedAt": BEGAN.isoformat(),
            "status": {"state": "expired" if over else "active"},
        }


def _as_json(answer: object) -> bytes:
    """Write it as Go does, without spaces."""
    return json.dumps(answer, separators=(",", ":")).encode()
