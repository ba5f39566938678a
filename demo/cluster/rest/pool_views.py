"""A resource pool as the API shows it; most of its fields concern clouds."""

from demo.cluster.cluster import Cluster
from demo.cluster.model import AllocationState
from demo.cluster.rest.gateway import Json


def pool_view(cluster: Cluster, name: str) -> Json:
    agents = [agent for agent in cluster.connected_agents() if name in agent.pools]
    waiting = [part for part in cluster.current_allocations() if part.task.pool == name]
    queued = sum(part.state is AllocationState.QUEUED for part in waiting)
    slots = sum(len(gpu.device_uuids) for agent in agents for gpu in agent.gpus)
    used = sum(part.task.slots for part in waiting if part.containers)
    return {
        "name": name,
        "description": "",
        "type": "RESOURCE_POOL_TYPE_STATIC",
        "numAgents": len(agents),
        "slotsAvailable": slots,
        "slotsUsed": used,
        "slotType": "TYPE_CUDA",
        "auxContainerCapacity": 100 * len(agents),
        "auxContainersRunning": sum(part.task.slots == 0 for part in waiting if part.containers),
        "defaultComputePool": name == cluster.default_pool,
        "defaultAuxPool": name == cluster.default_pool,
        "auxContainerCapacityPerAgent": 100,
        "schedulerType": "SCHEDULER_TYPE_PRIORITY",
        "schedulerFittingPolicy": "FITTING_POLICY_BEST",
        "stats": {"queuedCount": queued, "scheduledCount": len(waiting) - queued},
        "details": {
            "aws": None,
            "gcp": None,
            "priorityScheduler": {"preemption": False, "defaultPriority": 42, "k8Priorities": []},
        },
        "slotsPerAgent": max((len(agent.gpus) for agent in agents), default=0),
        "resourceManagerMetadata": {},
    } | _CLOUD_FIELDS


_CLOUD_FIELDS: Json = {
    "preemptible": False,
    "minAgents": 0,
    "maxAgents": 0,
    "location": "on-prem",
    "imageId": "",
    "instanceType": "",
    "masterUrl": "",
    "masterCertName": "",
    "startupScript": "",
    "containerStartupScript": "",
    "agentDockerNetwork": "",
    "agentDockerRuntime": "",
    "agentDockerImage": "",
    "agentFluentImage": "",
    "maxIdleAgentPeriod": 0,
    "maxAgentStartingPeriod": 0,
    "accelerator": "",
    "clusterName": "",
    "resourceManagerName": "default",
}
