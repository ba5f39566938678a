"""Ways to break a sound set-up in one thing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.errors import WatchdogError
from app.sections import shipped_policies
from tests.preflight.parts import NOW, allocation
from tests.preflight.sound import Setup

Break = Callable[[Setup], object]


def change(name: str, value: object) -> Break:
    """Let a system answer something else."""
    return lambda setup: setattr(setup, name, value)


def configure(section: str, **changes: object) -> Break:
    return lambda setup: setup.configuration.setdefault(section, {}).update(changes)


def without_rule_group(setup: Setup) -> None:
    setup.groups.remove(setup.group("gpu-watchdog-windows"))


def older_rules(setup: Setup) -> None:
    group = setup.group("gpu-watchdog-self")
    group["rules"].remove(setup.rule("WatchdogExemptionExpired"))


def failing_rule(setup: Setup) -> None:
    setup.rule("allocation_id:watchdog_gpu_active:max").update(
        health="err", lastError="found duplicate series for the match group"
    )


def late_rules(setup: Setup) -> None:
    at = NOW - timedelta(minutes=5)
    setup.group("gpu-watchdog-reclaim")["lastEvaluation"] = at.isoformat()


def other_policy(setup: Setup) -> None:
    setup.rule("NodeMemoryNearlyOut")["labels"]["policy"] = "hurry"


def target(index: int, **changes: object) -> Break:
    return lambda setup: setup.targets[index].update(changes)


def slow_scrapes(setup: Setup) -> None:
    for each in setup.targets:
        if each["scrapePool"] == "determined-agents":
            each["scrapeInterval"] = "1m"


def greedy_route(setup: Setup) -> None:
    """Somebody else's route comes first, takes all, and lets nothing go on."""
    setup.routes().insert(1, {"receiver": "admins", "matchers": ['severity="warning"']})


def no_heartbeat_route(setup: Setup) -> None:
    del setup.routes()[0]


def rare_heartbeat(setup: Setup) -> None:
    setup.routes()[0].update(group_interval="5m", repeat_interval="4h")


def muted(setup: Setup) -> None:
    setup.routes()[2]["mute_time_intervals"] = ["office-hours"]


def hook(**changes: object) -> Break:
    return lambda setup: setup.receiver()["webhook_configs"][0].update(changes)


def no_inhibition(setup: Setup) -> None:
    del setup.alertmanager["inhibit_rules"][0]


def bigger_cluster(setup: Setup) -> None:
    setup.cluster["peers"].append({"name": "b", "address": "10.0.0.2"})


def agents(kind: str, **numbers: float) -> Break:
    found = {name.replace("_", "-"): number for name, number in numbers.items()}
    return lambda setup: setup.samples.update({kind: found})


def running(**changes: Any) -> Break:  # noqa: ANN401 -- any field of an allocation.
    def break_(setup: Setup) -> None:
        setup.snapshot = replace(setup.snapshot, allocations={"1": allocation(**changes)})

    return break_


def scopes_without(*scopes: str) -> Break:
    return lambda setup: setup.scopes.difference_update(scopes)


def roles(*permissions: str) -> Break:
    def break_(setup: Setup) -> None:
        setup.master["rbacEnabled"] = True
        role = {"roleId": 5, "permissions": [{"id": each} for each in permissions]}
        assigned = [{"roleId": 5, "scopeWorkspaceIds": [], "scopeCluster": True}]
        setup.permissions = {"roles": [role], "assignments": assigned}

    return break_


def no_gpus(setup: Setup) -> None:
    setup.snapshot = replace(setup.snapshot, agent_slots={"agent-a": 0})


def down(system: str, why: WatchdogError) -> Break:
    return lambda setup: setup.down.update({system: why})


def exempt(exemption: Mapping[str, object]) -> Break:
    return lambda setup: setup.configuration.update(exempt=[exemption])


def one_more_policy(setup: Setup) -> None:
    setup.configuration["policies"] = {name: {} for name in (*shipped_policies(), "retired")}


def send_to(*hosts: str) -> Break:
    return change("sent_to", [f"http://{host}:9093/api/v2/alerts" for host in hosts])


def without_exporter(agent: str) -> Break:
    def break_(setup: Setup) -> None:
        for samples in ("gpus", "utilization", "profiling"):
            del setup.samples[samples][agent]
        for each in setup.targets:
            if each["labels"]["instance"] == f"{agent}:9400":
                each.update(health="down", lastError="refused")

    return break_
