"""What Determined alone knows, published for the rules: the contract of docs/metrics.md."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.context import Context
from app.domain.cluster import Allocation, Snapshot
from app.domain.policy import SlotLimits


class ClusterCollector(Collector):
    """Publishes the latest snapshot, and nothing but its age once it is too old (S5)."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is collected at registration: there is no snapshot yet."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        view, rulebook = self._context.view, self._context.rulebook
        if view.snapshot is not None:
            family = _family(
                "watchdog_snapshot_timestamp_seconds", "When Determined was last read."
            )
            family.add_metric([], view.snapshot.at.timestamp())
            yield family
        snapshot = view.fresh(self._context.now(), rulebook.limits.snapshot_age)
        if snapshot is None:
            return
        running = [a for a in snapshot.allocations.values() if a.holds_resources]
        yield _allocation_info(running)
        yield _gpus(running)
        yield _containers(running)
        yield from _sizes(running, view.started)
        yield _limits(snapshot, rulebook.slot_limits)
        yield _agent_slots(snapshot)
        yield _queued_slots(snapshot)


def _family(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, labels=labels)


def _allocation_info(running: list[Allocation]) -> GaugeMetricFamily:
    family = _family(
        "watchdog_allocation_info",
        "1 for each allocation that holds resources.",
        "allocation_id",
        "task_id",
        "task_type",
        "job_id",
        "experiment_id",
        "username",
        "resource_pool",
    )
    for each in running:
        labels = [
            each.allocation_id,
            each.task_id,
            each.task_type or "",
            each.job_id,
            each.experiment_id,
            each.username or "",
            each.resource_pool,
        ]
        family.add_metric(labels, 1)
    return family


def _gpus(running: list[Allocation]) -> GaugeMetricFamily:
    family = _family(
        "watchdog_gpu_allocation_info",
        "1 for each GPU that an allocation holds.",
        "gpu_uuid",
        "allocation_id",
        "agent_id",
    )
    for each in running:
        for container in each.containers:
            for uuid in container.gpu_uuids:
                family.add_metric([uuid, each.allocation_id, container.agent_id], 1)
    return family


def _containers(running: list[Allocation]) -> GaugeMetricFamily:
    family = _family(
        "watchdog_container_allocation_info",
        "1 for each container of an allocation.",
        "container_id",
        "allocation_id",
        "agent_id",
    )
    for each in running:
        for container in each.containers:
            family.add_metric([container.container_id, each.allocation_id, container.agent_id], 1)
    return family


def _sizes(
    running: list[Allocation], started: Mapping[str, datetime]
) -> Iterator[GaugeMetricFamily]:
    slots = _family("watchdog_allocation_slots", "Slots of the allocation.", "allocation_id")
    since = _family(
        "watchdog_allocation_started_timestamp_seconds",
        "When the allocation was first seen running.",
        "allocation_id",
    )
    for each in running:
        slots.add_metric([each.allocation_id], each.slots)
        if each.allocation_id in started:
            since.add_metric([each.allocation_id], started[each.allocation_id].timestamp())
    yield slots
    yield since


def _limits(snapshot: Snapshot, limits: SlotLimits) -> GaugeMetricFamily:
    family = _family(
        "watchdog_user_slot_limit",
        "Slots that the user may hold in the pool while others wait.",
        "username",
        "resource_pool",
    )
    for username in snapshot.users:
        limit = limits.of(username)
        for pool in snapshot.queued_slots if limit is not None else ():
            family.add_metric([username, pool], float(limit or 0))
    return family


def _agent_slots(snapshot: Snapshot) -> GaugeMetricFamily:
    family = _family("watchdog_agent_slots", "Slots of the agent.", "agent_id", "resource_pool")
    for agent_id, slots in snapshot.agent_slots.items():
        # Joined as in det-http-sd-config, and sorted, so that another order makes no new series.
        pools = ",".join(sorted(snapshot.agent_pools.get(agent_id, ())))
        family.add_metric([agent_id, pools], slots)
    return family


def _queued_slots(snapshot: Snapshot) -> GaugeMetricFamily:
    family = _family(
        "watchdog_queued_slots",
        "Slots that the user's queued jobs in the pool wait for.",
        "resource_pool",
        "username",
    )
    for pool, by_user in snapshot.queued_slots.items():
        # Nobody waits for nothing: a pool whose queue is empty has a row to compare with, too.
        family.add_metric([pool, ""], 0)
        for username, slots in by_user.items():
            family.add_metric([pool, username], slots)
    return family
