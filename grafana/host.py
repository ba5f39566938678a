"""What a task does beside its GPUs, and its fair share of that; the last row of its page."""

from grafana.panels import Lines
from grafana.parts import BLUE, GREEN, GREY, Query
from grafana.promql import ALLOCATION

_SHARE = f"allocation_id_agent_id:watchdog_fair_share:ratio{{{ALLOCATION}}}"

HOST = (
    Lines(
        "CPU beside the fair share",
        "Cores that its containers use on each agent, over 5 min; dashed: the part of the agent's "
        "cores that its slots are.",
        (
            Query(
                f"allocation_id_agent_id:container_cpu_cores:rate5m{{{ALLOCATION}}}", "{{agent_id}}"
            ),
            Query(
                f"{_SHARE} * on (agent_id) group_left () agent_id:machine_cpu_cores:max",
                "fair share on {{agent_id}}",
                GREY,
                dashed=True,
            ),
        ),
        unit="none",
        nothing="No container of it is seen",
    ),
    Lines(
        "Memory beside the fair share",
        "Working set of its containers on each agent; dashed: the part of the agent's memory that "
        "its slots are.",
        (
            Query(
                f"allocation_id_agent_id:container_memory_working_set_bytes:sum{{{ALLOCATION}}}",
                "{{agent_id}}",
            ),
            Query(
                f"{_SHARE} * on (agent_id) group_left () agent_id:node_memory_MemTotal_bytes:max",
                "fair share on {{agent_id}}",
                GREY,
                dashed=True,
            ),
        ),
        unit="bytes",
        nothing="No container of it is seen",
    ),
    Lines(
        "Network and disk",
        "What it receives, and what it writes to disks of its hosts, over 5 min. Several "
        "containers share the counters of their hosts: then nothing is known of what it receives.",
        (
            Query(
                f"allocation_id:container_network_receive_bytes:rate5m{{{ALLOCATION}}}",
                "received",
                BLUE,
            ),
            Query(
                f"allocation_id:container_fs_writes_bytes:rate5m{{{ALLOCATION}}}", "written", GREEN
            ),
        ),
        unit="Bps",
        width=24,
        nothing="Neither is exported for this task",
    ),
)
