"""Who holds what: the rows of det-state-metrics and of the receivers."""

from collections.abc import Iterator, Mapping

from benchmarks.rules.fleet import POOLS, Allocation, Fleet
from benchmarks.rules.series import ONE, ORIGIN, Course, Series

REPLICAS = ("gpu-watchdog-a:8090", "gpu-watchdog-b:8090")
_MASTER = {"job": "determined-master", "instance": "determined-master:8080"}
_LABEL = "nightly"
_SLOT_LIMIT = 16
_QUEUED = 24


def mapping_series(fleet: Fleet) -> Iterator[Series]:
    for allocation in fleet.running:
        yield from _running(allocation)
    for allocation in fleet.ended:
        yield from _ended(allocation)
    for replica in REPLICAS:
        labels = {"job": "gpu-watchdog", "instance": replica}
        yield from (
            Series(row.name, {**labels, **row.labels}, row.course) for row in _receiver(fleet)
        )


def _running(allocation: Allocation) -> Iterator[Series]:
    count = len(allocation.containers)
    yield from _allocation_rows(allocation, task=Course(count), job=ONE, container=ONE)
    for container in allocation.containers:
        for gpu in container.gpus:
            labels = {"container_id": container.container_id, "gpu_uuid": gpu.uuid}
            yield _state("det_gpu_uuid_container_id", labels, ONE)


def _ended(allocation: Allocation) -> Iterator[Series]:
    """Yield what stays: each exit counts every container down, and only GPU rows are deleted."""
    count = len(allocation.containers)
    yield from _allocation_rows(
        allocation, task=Course(count - count**2), job=Course(0), container=Course(1 - count)
    )


def _allocation_rows(
    allocation: Allocation, *, task: Course, job: Course, container: Course
) -> Iterator[Series]:
    labels = {
        "allocation_id": allocation.allocation_id,
        "task_id": allocation.task_id,
        "job_id": allocation.job_id,
        "task_actor": f"{allocation.task_type} {allocation.task_id}",
    }
    yield _state("det_allocation_id_task_id_task_actor", labels, task)
    for one in allocation.containers:
        labels = {"container_id": one.container_id, "allocation_id": allocation.allocation_id}
        yield _state("det_container_id_allocation_id", labels, container)
        labels = {"container_id": one.container_id, "container_runtime_id": one.runtime_id}
        yield _state("det_container_id_runtime_container_id", labels, ONE)
    if allocation.experiment_id:
        experiment = {"experiment_id": allocation.experiment_id}
        yield _state("det_job_id_experiment_id", {"job_id": allocation.job_id, **experiment}, job)
        yield _state("det_experiment_id_label", {"label": _LABEL, **experiment}, job)


def _state(name: str, labels: Mapping[str, str], course: Course) -> Series:
    return Series(name, {**_MASTER, **labels}, course)


def _receiver(fleet: Fleet) -> Iterator[Series]:
    yield from _itself()
    for allocation in fleet.running:
        yield from _receiver_rows(allocation)
    for agent in fleet.agents:
        slots = Course(len(agent.gpus))
        yield Series("watchdog_agent_slots", {"agent_id": agent.agent_id}, slots)
    for username in sorted({allocation.username for allocation in fleet.running}):
        for pool in POOLS:
            labels = {"username": username, "resource_pool": pool}
            yield Series("watchdog_user_slot_limit", labels, Course(_SLOT_LIMIT))
    for pool in POOLS:
        yield Series("watchdog_queued_slots", {"resource_pool": pool}, Course(_QUEUED))


def _itself() -> Iterator[Series]:
    """Yield what a receiver says of itself, as far as an alert may read it."""
    now = Course(ORIGIN, per_second=1)
    yield Series("watchdog_snapshot_timestamp_seconds", {}, now)
    yield Series("watchdog_last_tick_timestamp_seconds", {}, now)
    yield Series("watchdog_oldest_unsent_message_timestamp_seconds", {}, Course(0))
    yield Series("watchdog_breaker_tripped", {}, Course(0))
    yield Series("watchdog_hears_presses", {}, Course(1))
    yield Series("watchdog_expired_exemptions", {}, Course(0))
    yield Series("watchdog_config_last_reload_successful", {}, ONE)
    for system in ("determined", "prometheus", "slack", "alertmanager"):
        yield Series("watchdog_upstream_up", {"system": system}, ONE)
    for loop in ("reconcile", "delivery", "session"):
        yield Series("watchdog_step_failures_total", {"loop": loop}, Course(0))
    for state in ("firing", "notified", "held", "stopping", "escalated"):
        yield Series("watchdog_open_incidents", {"state": state}, Course(0))


def _receiver_rows(allocation: Allocation) -> Iterator[Series]:
    itself = {"allocation_id": allocation.allocation_id}
    identity = {
        **itself,
        "task_id": allocation.task_id,
        "task_type": allocation.task_type,
        "job_id": allocation.job_id,
        "experiment_id": allocation.experiment_id,
        "username": allocation.username,
        "resource_pool": allocation.pool,
    }
    yield Series("watchdog_allocation_info", identity, ONE)
    slots = Course(sum(1 for _ in allocation.gpus))
    yield Series("watchdog_allocation_slots", itself, slots)
    yield Series("watchdog_allocation_started_timestamp_seconds", itself, Course(ORIGIN))
    for container in allocation.containers:
        place = {**itself, "agent_id": container.agent.agent_id}
        container_labels = {**place, "container_id": container.container_id}
        yield Series("watchdog_container_allocation_info", container_labels, ONE)
        for gpu in container.gpus:
            yield Series("watchdog_gpu_allocation_info", {**place, "gpu_uuid": gpu.uuid}, ONE)
