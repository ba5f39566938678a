"""A task on two GPUs of two agents, as promtool's input series: raw, and as the rules record it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BOB = {
    "allocation_id": "n1.1",
    "task_id": "n1",
    "task_type": "notebook",
    "username": 'bob "the \\builder"',
    "resource_pool": "default",
}
TRIAL = BOB | {"task_type": "trial"}
ALWAYS = "1+0x400"
IDLE = "0+0x400"
SNAPSHOT = "watchdog_snapshot_timestamp_seconds"
CPU = "container_cpu_usage_seconds_total"
LAYERS = ("mapping", "gpus", "hosts", "windows", "verdicts")
GROUPS = [
    f"gpu-watchdog-{name}"
    for name in (
        *(
            "mapping",
            "mapping-gpus",
            "mapping-containers",
            "shares",
            "det",
            "det-runtime",
            "det-gpus",
        ),
        *(
            "profiling",
            "power",
            "gpus",
            "allocations",
            "signal-counts",
            "coverage",
            "coverage-allocations",
            "summaries",
        ),
        *("hosts", "io", "memory", "nodes"),
        *("windows", "windows-coverage", "windows-held", "windows-hosts", "verdicts"),
    )
]
"""In the order of their layers: promtool has none of its own."""

Series = dict[str, str]


def labels(**pairs: str) -> str:
    quoted = {
        name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in pairs.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in quoted.items())


ONE = labels(allocation_id="n1.1")
OWNER = f"watchdog_allocation_info{{{labels(**BOB)}}}"


def gpu(number: int) -> str:
    agent = "agent-a" if number == 1 else "agent-b"
    return f'DCGM_FI_DEV_GPU_UTIL{{gpu_uuid="GPU-{number}",det_agent_id="{agent}"}}'


def gpu_mapping(number: int) -> str:
    return f'watchdog_gpu_allocation_info{{{ONE},gpu_uuid="GPU-{number}"}}'


def container_mapping(number: int) -> str:
    agent = "agent-a" if number == 1 else "agent-b"
    return (
        f'watchdog_container_allocation_info{{{ONE},container_id="c{number}",agent_id="{agent}"}}'
    )


def cadvisor(name: str, number: int, **more: str) -> str:
    agent = "agent-a" if number == 1 else "agent-b"
    where = {"instance": f"{agent}:8080", "det_agent_id": agent, "id": f"/docker/c{number}"}
    return f"{name}{{{labels(container_id=f'c{number}', **where, **more)}}}"


def cpu(number: int) -> str:
    """Cgroup v1 on the first agent, where each CPU has a row; v2 on the second."""
    return cadvisor(CPU, number, cpu="cpu00" if number == 1 else "total")


def cluster(identity: Mapping[str, str] = BOB, /, **changed: str) -> Series:
    """What is scraped of one idle task, from the first minute on."""
    values = dict.fromkeys(("owner", "map_1", "map_2", "container_1", "container_2"), ALWAYS)
    values |= {"util_1": IDLE, "util_2": IDLE, "slots": "2+0x400"}
    values |= {"cpu_1": "0+0.3x400", "cpu_2": "0+0.3x400"} | changed
    return {
        f"watchdog_allocation_info{{{labels(**identity)}}}": values["owner"],
        f"watchdog_allocation_slots{{{ONE}}}": values["slots"],
        gpu_mapping(1): values["map_1"],
        gpu_mapping(2): values["map_2"],
        container_mapping(1): values["container_1"],
        container_mapping(2): values["container_2"],
        gpu(1): values["util_1"],
        gpu(2): values["util_2"],
        cpu(1): values["cpu_1"],
        cpu(2): values["cpu_2"],
        cadvisor("container_start_time_seconds", 1): ALWAYS,
        cadvisor("container_start_time_seconds", 2): ALWAYS,
    }


def said(values: str) -> dict[str, str]:
    """What a receiver says of the task, all with these values."""
    names = ("owner", "map_1", "map_2", "container_1", "container_2")
    return dict.fromkeys(names, values)


def away(evaluations: int) -> Series:
    """The task of which the receiver says nothing for so many evaluations, from 50m on."""
    down = f"1+0x199 stale _x{evaluations - 1} 1+0x300"
    slots = down.replace("1+0", "2+0")
    read = f"0+15x199 stale _x{evaluations - 1} {15 * (200 + evaluations)}+15x300"
    return cluster(BOB, slots=slots, **said(down)) | {SNAPSHOT: read}


def recorded(identity: Mapping[str, str] = BOB) -> Series:
    """What the rules record of it, where no rule is evaluated beside it."""
    owner = labels(**identity)
    user = labels(username=identity["username"], resource_pool=identity["resource_pool"])
    where = 'id="/docker/c{0}",instance="agent-{1}:8080",agent_id="agent-{1}",container_id="c{0}"'
    cgroup = "instance_id:watchdog_container_allocation_info:group{{" + ONE + "," + where + "}}"
    half_hour = f'{ONE},window="30m"'
    return {
        f'allocation_id:watchdog_idle_window:info{{{owner},window="30m"}}': ALWAYS,
        f"allocation_id:watchdog_allocation_slots:max{{{ONE}}}": "2+0x400",
        f"allocation_id:watchdog_gpu_active:max{{{ONE}}}": IDLE,
        f"allocation_id:watchdog_gpu_signals:count{{{ONE}}}": "2+0x400",
        f"allocation_id:watchdog_host_active:max{{{ONE}}}": IDLE,
        f"allocation_id_window:watchdog_window_seen:bool{{{half_hour}}}": ALWAYS,
        f"allocation_id_window:watchdog_window_idle:bool{{{half_hour}}}": ALWAYS,
        cgroup.format(1, "a"): ALWAYS,
        cgroup.format(2, "b"): ALWAYS,
        f"allocation_id:watchdog_gpu_busy:avg{{{ONE}}}": "0.1+0x400",
        f'allocation_id_agent_id:container_cpu_cores:rate5m{{{ONE},agent_id="agent-a"}}': "9+0x400",
        f"username_resource_pool:watchdog_allocation_slots:sum{{{user}}}": "2+0x400",
    }


def rules_for(queries: Iterable[str], *, layers: Sequence[str] = LAYERS) -> dict[str, Any]:
    """Return the rules of these layers that record what is read, and what those stand on.

    promtool evaluates every rule that it is given at every step; the others change no answer.
    """
    groups = groups_of(layers)
    others = [rule for group in groups for rule in group["rules"]]
    kept: list[dict[str, Any]] = []
    read = list(queries)
    while found := [one for one in others if any(reads(text, one["record"]) for text in read)]:
        others = [rule for rule in others if rule not in found]
        kept += found
        read = [rule["expr"] for rule in found]
    pruned = [
        group | {"rules": [rule for rule in group["rules"] if rule in kept]} for group in groups
    ]
    return {"groups": [group for group in pruned if group["rules"]]}


def groups_of(layers: Sequence[str]) -> list[dict[str, Any]]:
    paths = [ROOT / f"alerting-rules/{layer}.rules.yaml" for layer in layers]
    return [group for path in paths for group in yaml.safe_load(path.read_text())["groups"]]


def reads(expression: str, name: str) -> bool:
    patterns = re.findall(r'__name__=~"([^"]*)"', expression)
    return name in expression or any(re.fullmatch(pattern, name) for pattern in patterns)


def promtool_test(
    series: Series, cases: list[dict[str, Any]], *, rules: Sequence[Path] = ()
) -> dict[str, Any]:
    """Return the file for `promtool test rules`. `series` has what no rule of these records."""
    # A receiver that reads Determined: what it does not list has ended.
    series = {SNAPSHOT: "0+15x1200"} | series
    return {
        "rule_files": [str(path) for path in rules],
        "evaluation_interval": "15s",
        "group_eval_order": GROUPS,
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items()
                ],
                "promql_expr_test": cases,
            }
        ],
    }


def apart(text: str, number: int) -> str:
    """Return a series or a query of the task as that of a task of its own, on its own agents."""
    ours = r'(?<=["/])(n1|c1|c2|GPU-1|GPU-2|agent-a|agent-b)(?=[".:])'
    return re.sub(ours, rf"\1-of-{number}", text)


def sample(value: float) -> dict[str, Any]:
    return {"labels": "{}", "value": value}
