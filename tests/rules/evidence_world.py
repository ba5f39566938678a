"""The task of proof_world beside what is known of other tasks, to be asked for evidence."""

from tests.rules.proof_world import (
    ALWAYS,
    BOB,
    CPU,
    Series,
    cadvisor,
    cluster,
    labels,
    recorded,
)

POOL = labels(resource_pool="default")
USER = labels(username=BOB["username"], resource_pool="default")
MEMORY = 'node_memory_MemAvailable_bytes{{det_agent_id="agent-{}"}}'
LIMIT = f"watchdog_user_slot_limit{{{USER}}}"
QUEUE = f'watchdog_queued_slots{{{POOL},username="carol"}}'
SUM = "username_resource_pool:watchdog_allocation_slots:sum"
OF_DAVE = {
    '"n1': '"n9',
    labels(username=BOB["username"]): labels(username="dave"),
    '"c1"': '"c8"',
    '"c2"': '"c9"',
    "/c1": "/c8",
    "/c2": "/c9",
    "GPU-1": "GPU-8",
    "GPU-2": "GPU-9",
    "agent-a": "agent-h",
    "agent-b": "agent-i",
}


def world() -> Series:
    # An instance of MIG, which carries the uuid of the first GPU and says nothing of it; and a row
    # of another CPU, which counts for nothing either.
    instance = 'DCGM_FI_DEV_GPU_UTIL{gpu_uuid="GPU-1",det_agent_id="agent-a",GPU_I_ID="7"}'
    series = neighbours() | cluster() | recorded()
    series |= {instance: ALWAYS, cadvisor(CPU, 1, cpu="cpu01"): ALWAYS}
    return series | dict.fromkeys((MEMORY.format("a"), MEMORY.format("b"), LIMIT, QUEUE), ALWAYS)


def neighbours() -> Series:
    """Dave's task on eight GPUs, of which two are seen, and what is said of another pool.

    They are always fresh, which makes nothing of Bob's fresh.
    """
    slots = f"watchdog_allocation_slots{{{labels(allocation_id='n9.1')}}}"
    series = {of_dave(name): values for name, values in (cluster() | recorded()).items()}
    series |= {slots: "8+0x400", MEMORY.format("h"): ALWAYS, of_dave(LIMIT): ALWAYS}
    pool = labels(username=BOB["username"], resource_pool="other")
    names = (f"watchdog_user_slot_limit{{{pool}}}", f"{SUM}{{{pool}}}")
    queue = f"watchdog_queued_slots{{{labels(resource_pool='other', username='carol')}}}"
    task = labels(**BOB | {"allocation_id": "n8.1", "task_id": "n8", "resource_pool": "other"})
    owner = f"watchdog_allocation_info{{{task}}}"
    return series | dict.fromkeys((*names, queue, owner), ALWAYS)


def of_dave(name: str) -> str:
    for ours, theirs in OF_DAVE.items():
        name = name.replace(ours, theirs)
    return name
