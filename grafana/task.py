"""Task: everything about one allocation, where its alerts lead."""

from grafana.frame import Frame, Page, allocation, gpus, marks, pools, tasks, users
from grafana.host import HOST
from grafana.panels import Lines, Number, States
from grafana.parts import GREEN, GREY, ORANGE, RED, Query, State
from grafana.promql import ALLOCATION, GPU, INFO
from grafana.tables import Column, Table

_MAPPING = f"gpu_uuid_allocation_id:watchdog_gpu_allocation_info:group{{{ALLOCATION}}}"


def _last(row: str) -> str:
    """Return a row as it was at the end of the allocation, or is now."""
    return f"last_over_time({row}{{{ALLOCATION}}}[$__range])"


def _gpu(row: str) -> Query:
    """Ask for its GPUs alone, and only for the time in which it held them.

    The legend has the beginning of the uuid; the whole one stands in the table.
    """
    held = f"{row} and on (gpu_uuid) {_MAPPING}"
    short = f'label_replace({held}, "short", "$1", "gpu_uuid", "(.{{1,12}}).*")'
    return Query(short, "{{short}}")


def _dcgm(name: str) -> str:
    return f'max by (gpu_uuid) ({name}{{{GPU}, GPU_I_ID=""}})'


_FACTS = Table(
    "The task",
    "What Determined knows of the allocation. Window: for how long its GPUs must do nothing "
    "before it is called idle; none where it is never judged.",
    {
        "username": "User",
        "task_type": "Type",
        "task_id": "Task",
        "allocation_id": "Allocation",
        "experiment_id": "Experiment",
        "resource_pool": "Pool",
        "window": "Window",
    },
    (
        Column(
            "Runs",
            "group by (username, task_type, task_id, allocation_id, experiment_id, resource_pool) "
            f"({_last(INFO)})",
        ),
        Column("Slots", _last("allocation_id:watchdog_allocation_slots:max")),
        Column(
            "Started",
            "1000 * max by (allocation_id) "
            f"({_last('watchdog_allocation_started_timestamp_seconds')})",
            unit="dateTimeAsIso",
        ),
        Column(
            "Judged",
            f"group by (allocation_id, window) "
            f"({_last('allocation_id:watchdog_idle_window:info')})",
        ),
    ),
    sort_by="Allocation",
    height=4,
    hidden=("Runs", "Judged"),
    nothing="Choose an allocation, or a time in which it ran",
)

_FIGURES = (
    Number(
        "Busy time",
        "Ratio of time in which its GPUs are busy, on average: of the engine, or else by "
        "utilization.",
        f"allocation_id:watchdog_gpu_busy:avg{{{ALLOCATION}}}",
        unit="percentunit",
        over_time=True,
        nothing="No GPU is seen",
    ),
    Number(
        "Idle GPUs",
        "GPUs of it for which no signal says that they work.",
        f"sum(1 - gpu_uuid_allocation_id:watchdog_gpu_active:max{{{ALLOCATION}}})",
        unit="none",
        steps=((None, GREEN), (1, ORANGE)),
        over_time=True,
        nothing="No GPU is seen",
    ),
    Number(
        "GPU memory",
        "What all its GPUs hold together. Held is not used: a loaded model says nothing about "
        "work.",
        f"allocation_id:DCGM_FI_DEV_FB_USED:sum{{{ALLOCATION}}}",
        unit="mbytes",
        over_time=True,
        nothing="No GPU is seen",
    ),
    Number(
        "Power",
        "What all its GPUs draw together.",
        f"allocation_id:DCGM_FI_DEV_POWER_USAGE:sum{{{ALLOCATION}}}",
        unit="watt",
        over_time=True,
        nothing="No GPU is seen",
    ),
    Number(
        "CPU of its fair share",
        "Cores in use, where it takes the most of an agent; 100 % is exactly the part of the agent "
        "that its slots are. Without slots there is no share.",
        f"max(allocation_id_agent_id:watchdog_cpu_share:ratio{{{ALLOCATION}}})",
        unit="percentunit",
        steps=((None, GREEN), (1.5, ORANGE)),
        over_time=True,
        nothing="No slots, or not seen",
    ),
    Number(
        "Memory of its fair share",
        "Host memory, likewise.",
        f"max(allocation_id_agent_id:watchdog_memory_share:ratio{{{ALLOCATION}}})",
        unit="percentunit",
        steps=((None, GREEN), (1.25, ORANGE)),
        over_time=True,
        nothing="No slots, or not seen",
    ),
)

_VERDICTS = (
    States(
        "Does it work?",
        "Whether any signal says that the task uses its GPUs, or its host (processors, network, "
        "disk).",
        (
            Query(f"allocation_id:watchdog_gpu_active:max{{{ALLOCATION}}}", "GPUs"),
            Query(f"allocation_id_signal:watchdog_host_active:bool{{{ALLOCATION}}}", "{{signal}}"),
        ),
        states={1: State("works", GREEN), 0: State("idle", ORANGE)},
        nothing="Nothing of it is seen",
    ),
    States(
        "What the windows say",
        "Whether nothing happened in the window before each moment. GPUAllocationIdle asks the "
        "window that counts for this type of task, and the 4 h. No band: it is too young to be "
        "judged, or has no GPUs.",
        (Query(f"allocation_id_window:watchdog_window_idle:bool{{{ALLOCATION}}}", "{{window}}"),),
        states={0: State("used, or not seen well", GREEN), 1: State("idle", ORANGE)},
        nothing="Too young to be judged",
    ),
    States(
        "Alerts",
        "What fires about this task, or will when it lasts.",
        (
            Query(
                f'max by (alertname) (ALERTS{{alertstate="firing", {ALLOCATION}}}) '
                f'or 0 * max by (alertname) (ALERTS{{alertstate="pending", {ALLOCATION}}})',
                "{{alertname}}",
            ),
        ),
        states={1: State("fires", RED), 0: State("pending", ORANGE)},
        width=24,
        height=5,
        nothing="Nothing fires about this task",
    ),
)

_GPUS = (
    Lines(
        "Utilization",
        "Percent of time with a kernel running, the highest of the last minute, of each GPU.",
        (_gpu(f"gpu_uuid:DCGM_FI_DEV_GPU_UTIL:max1m{{{GPU}}}"),),
        unit="percent",
        highest=100,
        limits=((None, GREY), (5, GREEN)),
    ),
    Lines(
        "Engine",
        "Ratio of time in which the engine was busy, the highest of the last minute, of each GPU.",
        (_gpu(f"gpu_uuid:DCGM_FI_PROF_GR_ENGINE_ACTIVE:max1m{{{GPU}}}"),),
        unit="percentunit",
        highest=1,
        nothing="These GPUs have no profiling metrics",
    ),
    Lines(
        "Traffic to GPU memory",
        "Ratio of time with traffic to its memory, the highest of the last minute, of each GPU.",
        (_gpu(f"gpu_uuid:DCGM_FI_PROF_DRAM_ACTIVE:max1m{{{GPU}}}"),),
        unit="percentunit",
        highest=1,
        nothing="These GPUs have no profiling metrics",
    ),
    Lines(
        "GPU memory held",
        "What is held on each GPU; the dashed line is what the smallest of them has.",
        (
            _gpu(_dcgm("DCGM_FI_DEV_FB_USED")),
            Query(
                f"allocation_id:DCGM_FI_DEV_FB_TOTAL:min{{{ALLOCATION}}}",
                "there is",
                GREY,
                dashed=True,
            ),
        ),
        unit="mbytes",
    ),
    Lines(
        "Power of each GPU",
        "What each GPU draws.",
        (_gpu(_dcgm("DCGM_FI_DEV_POWER_USAGE")),),
        unit="watt",
    ),
    Lines(
        "Temperature",
        "Of each GPU, while the task holds it.",
        (_gpu(_dcgm("DCGM_FI_DEV_GPU_TEMP")),),
        unit="celsius",
    ),
    Table(
        "Its GPUs",
        "Which GPUs the allocation holds, and where. Number: as nvidia-smi counts on that agent.",
        {
            "det_agent_id": "Agent",
            "gpu": "Number",
            "modelName": "Model",
            "gpu_uuid": "GPU",
        },
        (
            Column(
                "Memory held",
                "max by (det_agent_id, gpu, modelName, gpu_uuid) "
                f'(DCGM_FI_DEV_FB_USED{{{GPU}, GPU_I_ID=""}}) and on (gpu_uuid) {_MAPPING}',
                unit="mbytes",
                decimals=1,
            ),
        ),
        sort_by="Agent",
        ascending=True,
        height=6,
        nothing="It holds no GPU now that can be seen",
    ),
)

TASK = Frame(
    page=Page.TASK,
    description="One allocation: its GPUs, its host, its fair share, and what fired about it.",
    since="now-12h",
    refresh="1m",
    variables=(pools(), users(), tasks(), allocation(), gpus()),
    marks=(
        marks(
            "Incidents",
            f'max by (alertname) (ALERTS{{alertstate="firing", {ALLOCATION}}})',
            RED,
            title="{{alertname}}",
            text="fires about this task",
        ),
    ),
    contents=(
        "The task",
        _FACTS,
        *_FIGURES,
        "Judgement",
        *_VERDICTS,
        "GPUs",
        *_GPUS,
        "Host",
        *HOST,
    ),
)
