"""Users: who holds and uses how much, from Determined, dcgm-exporter and cAdvisor together."""

from grafana.frame import Frame, Page, of_row, pools, to_page, users
from grafana.panels import Bars, Lines, Number, Words
from grafana.parts import BLUE, GREEN, ORANGE, Query
from grafana.promql import INFO, POOL, USER, hours, most_of, of_tasks, or_none, recent
from grafana.tables import Column, Table

_NOTE = """\
For planning, and for talking with each other: who may need more, what could be given back when
many wait. It shows what GPUs did, **not how well anybody works**. Debugging, preparing data and
pauses are idle time of a GPU, too, and what could not be seen is neither used nor idle.

**It names people.** It is for those who run the cluster, and for whomever all agreed upon;
everybody else has the page *Cluster*, which names nobody.
"""

_ROWS = {
    "held": "username_resource_pool:watchdog_allocation_slots:sum",
    "used": "username_resource_pool:watchdog_gpus_used:sum",
    "idle": "username_resource_pool:watchdog_gpus_idle:sum",
}
_CHOSEN = {name: f"{row}{{{USER}}}" for name, row in _ROWS.items()}
_NOW = {name: f"sum by (username) ({row})" for name, row in _CHOSEN.items()}
_HOURS = {name: f"sum by (username) ({hours(row)})" for name, row in _CHOSEN.items()}
_POOL_ROW = f"resource_pool:watchdog_allocation_slots:sum{{{POOL}}}"
_ALL_HOURS = f"scalar(sum({hours(_POOL_ROW)}))"
_HELD = f"sum({_CHOSEN['held']})"
"""A row as long as anybody runs anything: also of who holds no slot."""
_RUNNING = f"count({INFO}{{{USER}}})"
_NOBODY = "Nobody runs a task"


def _by_user(row: str) -> str:
    return f"sum by (username) ({of_tasks(row, 'username', USER)})"


_CORES = _by_user("allocation_id:container_cpu_cores:rate5m")
_MEMORY = _by_user("allocation_id:container_memory_working_set_bytes:sum")
_GPU_MEMORY = _by_user("allocation_id:DCGM_FI_DEV_FB_USED:sum")
_POWER = _by_user("allocation_id:DCGM_FI_DEV_POWER_USAGE:sum")


def _ten(expr: str) -> str:
    """Return those ten of the users who held the most, the same ten in every chart."""
    return f"{expr} and on (username) {most_of('username', _CHOSEN['held'])}"


_FIGURES = (
    Number(
        "Users",
        "Users who run a task now.",
        f"count(count by (username) ({INFO}{{{USER}}}))",
        unit="none",
        nothing=_NOBODY,
    ),
    Number("Tasks", "Allocations that run now.", _RUNNING, unit="none", nothing=_NOBODY),
    Number(
        "Slots held",
        "Slots that their tasks hold now.",
        _HELD,
        unit="none",
        nothing=_NOBODY,
    ),
    Number(
        "GPUs that work",
        "GPUs of theirs for which any signal said within the last minute that they work.",
        or_none(f"sum({_CHOSEN['used']})", _HELD),
        unit="none",
        steps=((None, GREEN),),
        nothing=_NOBODY,
    ),
    Number(
        "GPUs held and idle",
        "GPUs of theirs for which no signal said so. Short pauses of work are in it.",
        or_none(f"sum({_CHOSEN['idle']})", _HELD),
        unit="none",
        steps=((None, ORANGE),),
        nothing=_NOBODY,
    ),
    Number(
        "GPU-hours held",
        "GPU-hours for which they held GPUs in this time.",
        f"sum({_HOURS['held']})",
        unit="none",
        decimals=1,
    ),
)

_TABLE = Table(
    "GPU-hours, by user",
    "GPU-hours of this time: for which GPUs were held; in which they worked, and did not, looked "
    "at once a minute. Share: of all that was held in the chosen pools. In use: of what could be "
    "seen. The rest is of now: slots, and what all tasks of the user take of processors and "
    "memory.",
    {"username": "User"},
    (
        Column("Held", _HOURS["held"], decimals=1),
        Column("Used", _HOURS["used"], decimals=1),
        Column("Idle", _HOURS["idle"], decimals=1),
        Column("Share", f"{_HOURS['held']} / {_ALL_HOURS}", unit="percentunit", decimals=1),
        Column(
            "In use",
            f"{_HOURS['used']} / ({_HOURS['used']} + {_HOURS['idle']} > 0)",
            unit="percentunit",
        ),
        Column("Slots now", _NOW["held"]),
        Column("Idle now", _NOW["idle"]),
        Column("CPU cores now", _CORES, decimals=1),
        Column("Memory now", _MEMORY, unit="bytes", decimals=1),
        Column("GPU memory now", _GPU_MEMORY, unit="mbytes", decimals=1),
    ),
    sort_by="Held",
    height=10,
    links={
        "User": (
            to_page("Only this user", Page.USERS, username=of_row("User")),
            to_page("Tasks of this user", Page.TASK, username=of_row("User")),
        )
    },
    nothing="Nobody held a GPU in this time",
)

_BARS = (
    Bars(
        "Most GPU-hours held",
        "The ten who held the most in this time.",
        Query(f"sort_desc(topk(10, {_HOURS['held']}))", "{{username}}", BLUE),
        unit="none",
    ),
    Bars(
        "Share of all GPU-hours",
        "What the same ten held of all that was held in the chosen pools in this time.",
        Query(f"sort_desc(topk(10, {_HOURS['held']} / {_ALL_HOURS}))", "{{username}}", GREEN),
        unit="percentunit",
    ),
    Bars(
        "Most idle GPU-hours",
        "Where the most could be given to somebody else: the ten whose GPUs did nothing for the "
        "longest in this time. Often a question of habits and defaults; ask before you conclude.",
        Query(f"sort_desc(topk(10, {_HOURS['idle']}))", "{{username}}", ORANGE),
        unit="none",
    ),
)

_TREND = (
    Lines(
        "GPU-hours of the last 24 h",
        "GPU-hours of the 24 h before each moment, of all chosen users together.",
        tuple(
            Query(
                f"sum({recent(f'username_resource_pool:watchdog_gpu_hours_{row}:sum1d{{{USER}}}')})",
                name,
                colour,
            )
            for name, row, colour in (
                ("held", "allocated", BLUE),
                ("used", "used", GREEN),
                ("idle", "idle", ORANGE),
            )
        ),
        unit="none",
    ),
    Lines(
        "GPU-hours used of the last 24 h, by user",
        "GPU-hours of the 24 h before each moment in which the GPUs worked. Those ten of the "
        "chosen users who held the most.",
        (
            Query(
                _ten(
                    "sum by (username) ("
                    + recent(f"username_resource_pool:watchdog_gpu_hours_used:sum1d{{{USER}}}")
                    + ")"
                ),
                "{{username}}",
            ),
        ),
        unit="none",
    ),
    Lines(
        "Slots held, by user",
        "Those ten of the chosen users who held the most, and everybody else together.",
        (
            Query(_ten(_NOW["held"]), "{{username}}"),
            Query(
                f"sum({_NOW['held']} unless on (username) {most_of('username', _CHOSEN['held'])})",
                "others",
            ),
        ),
        unit="none",
        stacked=True,
    ),
    Lines(
        "GPUs held and idle, by user",
        "GPUs for which no signal says that they work. The same ten.",
        (Query(_ten(_NOW["idle"]), "{{username}}"),),
        unit="none",
        stacked=True,
    ),
)

_HOSTS = (
    Lines(
        "CPU, by user",
        "Cores that the containers of their tasks use, over 5 min (cAdvisor). The same ten.",
        (Query(_ten(_CORES), "{{username}}"),),
        unit="none",
        width=8,
    ),
    Lines(
        "Host memory, by user",
        "Working set of the containers of their tasks (cAdvisor). The same ten.",
        (Query(_ten(_MEMORY), "{{username}}"),),
        unit="bytes",
        width=8,
    ),
    Lines(
        "Power of GPUs, by user",
        "What the GPUs of their tasks draw together (dcgm-exporter). The same ten.",
        (Query(_ten(_POWER), "{{username}}"),),
        unit="watt",
        width=8,
    ),
)

_FACTS = "task_type, username, resource_pool"


def _of_task(name: str, row: str, unit: str = "none", decimals: int = 0) -> Column:
    return Column(name, of_tasks(row, _FACTS, USER), unit=unit, decimals=decimals)


_TASKS = Table(
    "Tasks that run",
    "What the chosen users run now. Busy time: of its GPUs, on average. Idle for 1 h: GPUs that "
    "did nothing for an hour by any signal. A row opens the task.",
    {
        "username": "User",
        "task_type": "Type",
        "allocation_id": "Allocation",
        "resource_pool": "Pool",
    },
    (
        _of_task("Slots", "allocation_id:watchdog_allocation_slots:max"),
        _of_task("Busy time", "allocation_id:watchdog_gpu_busy:avg", "percentunit"),
        _of_task("Idle for 1 h", "allocation_id:watchdog_gpus_idle1h:count"),
        _of_task("GPU memory", "allocation_id:DCGM_FI_DEV_FB_USED:sum", "mbytes", 1),
        _of_task("Power", "allocation_id:DCGM_FI_DEV_POWER_USAGE:sum", "watt"),
        _of_task("CPU cores", "allocation_id:container_cpu_cores:rate5m", decimals=1),
        _of_task("Memory", "allocation_id:container_memory_working_set_bytes:sum", "bytes", 1),
    ),
    sort_by="Slots",
    height=12,
    links={
        "Allocation": (to_page("Open the task", Page.TASK, allocation_id=of_row("Allocation")),),
    },
    nothing=_NOBODY,
)

USERS = Frame(
    page=Page.USERS,
    description="GPU-hours, slots, processors and memory by user. It names people: see its note.",
    since="now-7d",
    refresh="5m",
    variables=(pools(), users()),
    marks=(),
    contents=(
        Words("Before you read this", _NOTE, height=5),
        "Now",
        *_FIGURES,
        "GPU-hours of this time",
        *_BARS,
        _TABLE,
        "Trend",
        *_TREND,
        "Processors, memory and power",
        *_HOSTS,
        "Tasks",
        _TASKS,
    ),
)
