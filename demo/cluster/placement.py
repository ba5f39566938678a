"""Which devices of which agents a task gets."""

from demo.cluster.cluster import Cluster
from demo.cluster.model import Agent, AllocationState, Device, Task

Room = list[tuple[Agent, list[Device]]]


def room_for(cluster: Cluster, task: Task) -> Room | None:
    """Return the devices; None while the task must wait."""
    free = {
        agent.agent_id: _free_devices(cluster, agent)
        for agent in cluster.connected_agents()
        if task.pool in agent.pools
    }
    wanted = task.workload.placement or _chosen(free, task.slots)
    if wanted is None or any(len(free.get(name, ())) < slots for name, slots in wanted.items()):
        return None
    return [(cluster.agents[name], free[name][:slots]) for name, slots in wanted.items()]


def _chosen(free: dict[str, list[Device]], slots: int) -> dict[str, int] | None:
    """Return one agent with enough room, or else several that have it together."""
    for name, devices in free.items():
        if len(devices) >= slots:
            return {name: slots}
    spread: dict[str, int] = {}
    for name, devices in free.items():
        part = min(len(devices), slots - sum(spread.values()))
        if part:
            spread[name] = part
    return spread if sum(spread.values()) == slots else None


def _free_devices(cluster: Cluster, agent: Agent) -> list[Device]:
    taken = {
        device.uuid
        for allocation in cluster.current_allocations()
        for container in allocation.containers
        if container.state is not AllocationState.TERMINATED
        for device in container.devices
    }
    devices = [
        Device(index=number, uuid=uuid, brand=gpu.brand, gpu=gpu)
        for gpu in agent.gpus
        for number, uuid in enumerate(gpu.device_uuids, start=gpu.index)
    ]
    return [device for device in devices if device.uuid not in taken]
