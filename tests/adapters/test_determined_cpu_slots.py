"""An agent without GPUs offers its CPU as a slot. No exporter shows it, and nobody can waste it."""

from msgspec import convert

from app.adapters import determined_reading as reading
from app.adapters import determined_wire as wire


def device(kind: str) -> dict[str, str]:
    return {"uuid": f"uuid of {kind}", "type": kind}


def allocation(*kinds: str) -> wire.AllocationSummary:
    """An allocation in one container, with a slot of each of these kinds."""
    devices = [device(kind) for kind in kinds]
    resources = {"resourcesId": "r1", "agentDevices": {"agent-a": {"devices": devices}}}
    return convert(
        {
            "taskId": "n1",
            "allocationId": "n1.1",
            "name": "JupyterLab",
            "resourcePool": "aux",
            "slotsNeeded": len(kinds),
            "resources": [resources],
        },
        wire.AllocationSummary,
    )


def test_agent_offers_its_gpus_alone() -> None:
    slots = {
        str(number): {"device": device(kind)} for number, kind in enumerate(("TYPE_CUDA",) * 2)
    }
    gpus = convert({"id": "agent-a", "slots": slots}, wire.Agent)
    cpu = convert({"id": "aux-1", "slots": {"0": {"device": device("TYPE_CPU")}}}, wire.Agent)

    assert reading.agent_slots([gpus, cpu]) == {"agent-a": 2, "aux-1": 0}


def test_allocation_holds_its_gpus_alone() -> None:
    of_gpus = reading.allocations([allocation("TYPE_CUDA", "TYPE_ROCM")], reading.Owners())
    of_the_cpu = reading.allocations([allocation("TYPE_CPU")], reading.Owners())

    assert of_gpus["n1.1"].slots == 2
    assert of_the_cpu["n1.1"].slots == 0
    assert of_the_cpu["n1.1"].holds_resources
