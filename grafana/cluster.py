"""Cluster: what is held, used and waited for, by pool and by agent. No user is named here."""

from grafana.frame import Frame, Page, agents, marks, of_row, pools, to_page
from grafana.panels import Lines, Number
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, Query
from grafana.promql import AGENT, NOTHING_HELD, POOL, POOLS, SLOTS, or_none, recent
from grafana.tables import Column, Table

_HELD = f"sum(resource_pool:watchdog_allocation_slots:sum{{{POOL}}})"
_USED = f"sum(resource_pool:watchdog_gpus_used:sum{{{POOL}}})"
_IDLE = f"sum(resource_pool:watchdog_gpus_idle:sum{{{POOL}}})"
_QUEUED = f"max by (username, resource_pool) (watchdog_queued_slots{{{POOL}}})"
_SHARE = f"allocation_id_agent_id:watchdog_fair_share:ratio{{{AGENT}}}"
_GPUS = f"gpu_uuid_allocation_id_agent_id:watchdog_gpu_allocation_info:last10m{{{AGENT}}}"
_ACTIVE = "gpu_uuid_allocation_id:watchdog_gpu_active:max"
_ADMINS = 'alertstate="firing", scope=~"agent|cluster"'

_held = f"({_HELD} or {NOTHING_HELD})"
_used, _idle = (or_none(each, _held) for each in (_USED, _IDLE))

_NOW = (
    Number(
        "Slots",
        "GPUs that the agents of the chosen pools offer. An agent of several pools counts once.",
        SLOTS,
        unit="none",
    ),
    Number("Held", "Slots that tasks hold now.", _held, unit="none"),
    Number(
        "Working",
        "GPUs of tasks for which any signal (utilization, engine, memory traffic, power) said "
        "within the last minute that they work.",
        _used,
        unit="none",
        steps=((None, GREEN),),
    ),
    Number(
        "Held and idle",
        "GPUs of tasks for which no signal said so. Short pauses of work are in it.",
        _idle,
        unit="none",
        steps=((None, ORANGE),),
    ),
    Number(
        "Free",
        "Slots that nobody holds.",
        f"clamp_min({SLOTS} - {_held}, 0)",
        unit="none",
        steps=((None, BLUE),),
    ),
    Number(
        "Waited for",
        "Slots that queued jobs still lack, of which the watchdog's account knows.",
        f"sum({_QUEUED})",
        unit="none",
        steps=((None, GREEN), (1, ORANGE)),
    ),
)

_POOLS = (
    Lines(
        "Slots, by what becomes of them",
        "All slots of the chosen pools. Not seen: held, while no sample "
        "of the GPU arrives, so nobody knows.",
        (
            Query(_used, "working", GREEN),
            Query(_idle, "held and idle", ORANGE),
            Query(f"clamp_min({_held} - {_used} - {_idle}, 0)", "held, not seen", GREY),
            Query(f"clamp_min({SLOTS} - {_held}, 0)", "free", BLUE),
        ),
        unit="none",
        stacked=True,
    ),
    Lines(
        "Slots that jobs wait for",
        "What queued jobs still lack, by pool. An empty queue is 0.",
        (Query(f"sum by (resource_pool) ({_QUEUED})", "{{resource_pool}}"),),
        unit="none",
    ),
    Lines(
        "Held slots that work",
        "Ratio of the GPUs that worked within the last minute to the slots that are held.",
        (
            Query(
                f"resource_pool:watchdog_gpus_used:sum{{{POOL}}} "
                f"/ (resource_pool:watchdog_allocation_slots:sum{{{POOL}}} > 0)",
                "{{resource_pool}}",
            ),
        ),
        unit="percentunit",
        highest=1,
        nothing="No slot was held",
    ),
    Lines(
        "GPU-hours held and idle, of the last 24 h",
        "GPU-hours of the 24 h before each moment for which GPUs were held and did nothing, by "
        "pool.",
        (
            Query(
                recent(f"resource_pool:watchdog_gpu_hours_idle:sum1d{{{POOL}}}"),
                "{{resource_pool}}",
            ),
        ),
        unit="none",
        stacked=True,
    ),
    Table(
        "Pools",
        "Each pool now, and its GPU-hours of the last 24 h. An agent of several pools counts in a "
        "row of its own, which names them all.",
        {"resource_pool": "Pool"},
        (
            Column(
                "Slots",
                "sum by (resource_pool) "
                f"(max by (agent_id, resource_pool) (watchdog_agent_slots{{{POOLS}}}))",
            ),
            Column("Held", f"resource_pool:watchdog_allocation_slots:sum{{{POOL}}}"),
            Column("Working", f"resource_pool:watchdog_gpus_used:sum{{{POOL}}}"),
            Column("Idle", f"resource_pool:watchdog_gpus_idle:sum{{{POOL}}}"),
            Column("Waited for", f"sum by (resource_pool) ({_QUEUED})"),
            *(
                Column(
                    f"GPU-hours {name}",
                    recent(f"resource_pool:watchdog_gpu_hours_{row}:sum1d{{{POOL}}}"),
                    decimals=1,
                )
                for name, row in (("held", "allocated"), ("used", "used"), ("idle", "idle"))
            ),
        ),
        sort_by="Slots",
        height=7,
    ),
)

_BUSY = "group_left () clamp_max(allocation_id:watchdog_gpu_busy:avg, 1)"
_NOT_BUSY = f"{_SHARE} - {_SHARE} * on (allocation_id) {_BUSY}"
_NOT_BUSY_NOW = (
    f"{_SHARE} @ end() - {_SHARE} @ end() "
    "* on (allocation_id) group_left () clamp_max(allocation_id:watchdog_gpu_busy:avg @ end(), 1)"
)

_AGENTS = (
    Table(
        "Agents",
        "Each agent now. Share held: of its slots. Idle GPUs: held, and no signal says that they "
        "work. CPU and memory are those of the whole machine.",
        {"agent_id": "Agent"},
        (
            Column("Slots", f"max by (agent_id) (watchdog_agent_slots{{{AGENT}, {POOLS}}})"),
            Column(
                "Share held",
                f"sum by (agent_id) ({_SHARE})",
                unit="percentunit",
            ),
            Column(
                "Working GPUs",
                f"sum by (agent_id) ({_GPUS} * on (gpu_uuid, allocation_id) group_left () "
                f"{_ACTIVE})",
            ),
            Column(
                "Idle GPUs",
                "sum by (agent_id) "
                f"({_GPUS} * on (gpu_uuid, allocation_id) group_left () (1 - {_ACTIVE}))",
                steps=((None, "text"), (1, ORANGE)),
            ),
            Column(
                "CPU in use",
                f"agent_id:node_cpu_busy:ratio5m{{{AGENT}}}",
                unit="percentunit",
                steps=((None, "text"), (0.85, ORANGE)),
            ),
            Column(
                "Memory left",
                f"agent_id:node_memory_available:ratio{{{AGENT}}}",
                unit="percentunit",
                steps=((None, RED), (0.05, ORANGE), (0.15, "text")),
            ),
        ),
        sort_by="Idle GPUs",
    ),
    Lines(
        "Slots held and not busy, by agent",
        "Ratio of the agent's slots: what tasks hold there, less the busy time of their GPUs, "
        "which counts alike on all agents of a task. Of all chosen agents the ten with the most "
        "now.",
        (
            Query(
                f"sum by (agent_id) ({_NOT_BUSY}) "
                f"and on (agent_id) topk(10, sum by (agent_id) ({_NOT_BUSY_NOW}))",
                "{{agent_id}}",
            ),
        ),
        unit="percentunit",
        highest=1,
        width=8,
        nothing="No agent holds a task whose GPUs are seen",
    ),
    Lines(
        "CPU in use, by agent",
        "Ratio of the machine's CPU time, over 5 min. Of all chosen agents the ten that were the "
        "busiest in this time. Above the line CPUOverFairShare looks at what tasks take.",
        (
            Query(
                f"agent_id:node_cpu_busy:ratio5m{{{AGENT}}} and on (agent_id) "
                f"topk(10, avg_over_time(agent_id:node_cpu_busy:ratio5m{{{AGENT}}}[$__range] @ "
                "end()))",
                "{{agent_id}}",
            ),
        ),
        unit="percentunit",
        highest=1,
        width=8,
        limits=((None, GREEN), (0.85, RED)),
    ),
    Lines(
        "Memory left, by agent",
        "Ratio of the machine's memory that is available. Of all chosen agents the ten that had "
        "the least in this time. Below the line MemoryOverFairShare looks at what tasks take.",
        (
            Query(
                f"agent_id:node_memory_available:ratio{{{AGENT}}} and on (agent_id) bottomk(10, "
                f"min_over_time(agent_id:node_memory_available:ratio{{{AGENT}}}[$__range] @ "
                "end()))",
                "{{agent_id}}",
            ),
        ),
        unit="percentunit",
        highest=1,
        width=8,
        limits=((None, RED), (0.15, GREEN)),
    ),
    Table(
        "What fires about agents and the cluster",
        "Alerts for the admins: exporters, GPUs and signals that cannot be believed, and the "
        "watchdog itself. What is said of a task opens by its allocation.",
        {
            "alertname": "Alert",
            "severity": "Severity",
            "agent_id": "Agent",
            "allocation_id": "Allocation",
        },
        (
            Column(
                "Firing",
                f"count by (alertname, severity, agent_id, allocation_id) (ALERTS{{{_ADMINS}}})",
            ),
        ),
        sort_by="Alert",
        ascending=True,
        height=7,
        hidden=("Firing",),
        links={
            "Allocation": (to_page("Open the task", Page.TASK, allocation_id=of_row("Allocation")),)
        },
        nothing="Nothing fires",
    ),
)

CLUSTER = Frame(
    page=Page.CLUSTER,
    description="What is held, used, idle and waited for, by pool and by agent. It names no user.",
    since="now-24h",
    refresh="1m",
    variables=(pools(), agents()),
    marks=(
        marks(
            "Alerts for the admins",
            f'max by (alertname, agent_id) (ALERTS{{{_ADMINS}, severity=~"warning|critical"}})',
            RED,
            title="{{alertname}}",
            text="{{agent_id}}",
        ),
    ),
    contents=("Now", *_NOW, "Pools", *_POOLS, "Agents", *_AGENTS),
)
