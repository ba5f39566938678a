"""The rules on what the simulated cluster exposes: every join, and a cluster full of flaws."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.preflight import State, preflight
from app.settings import CONFIG_VARIABLE, load_settings
from demo.cluster.model import TaskType
from demo.cluster.sensors import ExporterMode
from demo.cluster.wire import SetExporters, StartTask, TaskState
from demo.scaling import scale_promql
from demo.stage import Stage, StoryError
from demo.world import Setup, World
from tests.grafana.asking import Choice, answers
from tests.grafana.reading import DASHBOARDS, asked

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
RECORDED = sorted(
    rule["record"]
    for path in (ROOT / "alerting-rules").glob("*.rules.yaml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    # Filled in only where the REST API names no container at all, which here it always does.
    if rule.get("record")
    not in {None, "container_id_allocation_id:det_container_id_allocation_id:group"}
)
LONGEST = timedelta(minutes=75 + 5)
"""After which an idle trial would have fired, with five minutes to spare."""

NOTHING_HAPPENED = {
    "gpu-watchdog-users": {
        "Slots held, by user B": "there are no more than ten users",
    },
    "gpu-watchdog-watchdog": {
        "Errors, by loop A": "no step fails",
        "mark The breaker is tripped": "nobody trips it",
        "mark Alerts about the watchdog": "it is well",
    },
}
"""Queries that rightly find nothing, by page."""

Rows = list[tuple[dict[str, str], float]]


class Lab:
    """A world with tasks of every kind in it."""

    def __init__(self, world: World) -> None:
        self.stage = Stage(world, lambda who, what: print(f"{who} {what}"))
        self.world = world
        self.started_at = datetime.now(UTC)
        # cAdvisor of agent-b does not show Determined's labels; the runtime's ids must do.
        world.cluster.set_exporters("agent-b", SetExporters(determined_labels=False))
        # Five GPUs, which no agent has; two instances of MIG are on agent-c.
        self.distributed = self._start(
            TaskType.TRIAL, "dan", agents={"agent-a": 1, "agent-b": 4}, cpu_cores=6
        )
        self.losing = self._start(TaskType.TRIAL, "carol", agents={"agent-a": 1, "agent-c": 1})
        self.restarting = self._start(TaskType.TRIAL, "carol", agents={"agent-c": 1})
        self.preparing = self._start(
            TaskType.NOTEBOOK, "alice", agents={"agent-a": 1}, activity="idle", cpu_cores=3
        )
        self.viewer = self._start(TaskType.TENSORBOARD, "dan", slots=0, activity="idle")

    @property
    def tasks(self) -> list[TaskState]:
        running = (each for each in self.world.cluster.state().tasks)
        return [each for each in running if each.allocation.ended_at is None]

    def wait_for_rows(self, expression: str, count: int) -> Rows:
        """Return the rows once there are so many."""

        def found() -> Rows | None:
            rows = self.world.rows(expression)
            return rows if len(rows) == count else None

        return self.stage.wait_for(found, f"{count} rows of {expression}", within=30)

    def values(self, expression: str, *labels: str) -> dict[tuple[str, ...], float]:
        rows = self.world.rows(expression)
        return {tuple(row.get(name, "") for name in labels): value for row, value in rows}

    def cores_of(self, task: TaskState, *, at_least: float) -> float | None:
        cores = self.values("allocation_id:container_cpu_cores:rate5m", "allocation_id")
        found = cores.get((task.allocation.allocation_id,), 0)
        return found if found >= at_least else None

    def _start(self, task_type: TaskType, username: str, **how: Any) -> TaskState:  # noqa: ANN401
        request = {"activity": "busy", "name": f'"{username}" <b>'} | how
        return self.world.cluster.start(
            StartTask(task_type=task_type, username=username, **request)
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with World(folder, Setup(mig_agent=True)) as world:
        yield Lab(world)


def test_every_series_joins_to_its_allocation_and_owner(lab: Lab) -> None:
    tasks = lab.tasks
    containers = [(each, part) for each in tasks for part in each.allocation.containers]
    gpus = {(uuid, each.allocation.allocation_id) for each in tasks for uuid in each.gpu_uuids}
    dan = (lab.distributed.allocation.allocation_id,)
    lab.wait_for_rows("allocation_id:watchdog_host_active:max", len(tasks))
    # Neither the one without GPUs nor the one on an instance of MIG.
    lab.wait_for_rows("allocation_id:watchdog_gpu_active:max", len(tasks) - 2)
    lab.wait_for_rows("allocation_id_agent_id:watchdog_cpu_share:ratio", len(containers) - 1)
    # A rate over five minutes is too low until a task is five minutes old.
    cores = lab.stage.wait_for(lambda: lab.cores_of(lab.distributed, at_least=11), "five minutes")

    assert (
        set(
            lab.values(
                "gpu_uuid_allocation_id:watchdog_gpu_allocation_info:group",
                "gpu_uuid",
                "allocation_id",
            )
        )
        == gpus
    )
    assert set(
        lab.values("allocation_id:watchdog_allocation_info:group", "allocation_id", "username")
    ) == {(each.allocation.allocation_id, each.username) for each in tasks}
    assert set(
        lab.values(
            "instance_id:watchdog_container_allocation_info:group",
            *("container_id", "allocation_id", "agent_id", "id"),
        )
    ) == {
        (
            part.container_id,
            each.allocation.allocation_id,
            part.agent_id,
            f"/docker/{part.runtime_id}"
            if part.agent_id == "agent-a"
            else f"/system.slice/docker-{part.runtime_id}.scope",
        )
        for each, part in containers
    }
    assert lab.values(
        "allocation_id_agent_id:watchdog_fair_share:ratio", "allocation_id", "agent_id"
    ) == {
        (each.allocation.allocation_id, part.agent_id): len(part.gpu_uuids)
        / (2 if part.agent_id == "agent-c" else 4)
        for each, part in containers
        if part.gpu_uuids
    }
    assert cores == pytest.approx(12, rel=0.1), "six in each of two containers"
    memory = lab.values("allocation_id:container_memory_working_set_bytes:sum", "allocation_id")
    assert memory[dan] == sum(part.memory_bytes for part in lab.distributed.allocation.containers)
    active = lab.values("allocation_id:watchdog_gpu_active:max", "allocation_id")
    assert active[dan] == 1
    assert active[(lab.preparing.allocation.allocation_id,)] == 0
    assert lab.values("allocation_id:watchdog_gpu_signals:count", "allocation_id")[dan] == 5 * 4
    assert lab.values("agent_id:DCGM_FI_DEV_FB_USED_mig:count", "agent_id") == {("agent-c",): 1}
    assert lab.world.query("sum(prometheus_rule_evaluation_failures_total)") == 0


def test_check_says_of_real_systems_only_what_is_not_watched(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(lab.world.folder / "watchdog.yaml"))
    settings = load_settings()
    good: set[str] = set()
    bad: set[str] = set()

    def is_all_there() -> bool:
        """Ask again for what may be late at times: a scrape, a heartbeat, a rule."""
        findings = asyncio.run(preflight(settings))
        good.update(each.id for each in findings if each.state is State.OK)
        bad.update(each.id for each in findings if each.state is State.WARNING)
        lacking = {each.id for each in findings} - good
        print(*(each for each in findings if each.id in lacking), sep="\n")
        return lacking <= {"unwatched.mig"} <= bad

    assert lab.stage.wait_for(is_all_there, "check says that MIG is not watched, and no more")


def test_flaws_of_a_cluster_accuse_no_task_that_works(
    lab: Lab, alerts: dict[str, dict[str, Any]], expand: Callable[[str, Mapping[str, str]], str]
) -> None:
    cluster = lab.world.cluster
    forgotten = cluster.start(
        StartTask(task_type=TaskType.NOTEBOOK, username="bob", agents={"agent-a": 1})
    )
    began = datetime.now(UTC)
    # The master forgets its rows; those of restored tasks come back below zero, or never.
    cluster.restart_master()
    cluster.exit_container(lab.losing.allocation.containers[1].container_id)
    assert lab.restarting.trial_id is not None
    cluster.restart_trial(lab.restarting.trial_id)
    # One exporter is down, and the engine of every GPU beside it is stuck at 0.
    cluster.set_exporters("agent-b", SetExporters(dcgm=ExporterMode.ERROR))
    cluster.set_exporters("agent-a", SetExporters(engine_stuck=True, hostname_label=""))
    fired = lab.stage.wait_for(
        lambda: _firing(lab, "GPUAllocationIdle"), "the forgotten notebook is found"
    )
    _proves(lab, fired, alerts["GPUAllocationIdle"]["annotations"], expand)
    lab.stage.wait_for(
        lambda: datetime.now(UTC) - began > lab.stage.scaled(LONGEST), "every window is over"
    )

    accused = {
        (one["labels"]["alertname"], one["labels"]["allocation_id"])
        for one in lab.world.firing()
        if one["labels"]["scope"] in {"allocation", "user"}
    }
    assert accused == {("GPUAllocationIdle", forgotten.allocation.allocation_id)}
    doubted = {one["labels"].get("allocation_id") for one in _all_firing(lab, "GPUSignalsDisagree")}
    busy = (lab.losing, lab.distributed)
    assert doubted == {each.allocation.allocation_id for each in busy}
    assert _all_firing(lab, "ExporterDown"), "admins hear of it"
    assert lab.world.query("sum(prometheus_rule_evaluation_failures_total)") == 0
    never = [name for name in RECORDED if not lab.world.rows(_ever(name))]
    assert never == [], "every rule has recorded something"

    [warning, *_] = lab.stage.wait_for(lambda: lab.stage.posts("bob"), "bob is warned")
    lab.world.slack.press("bob", "@bob", warning.ts, "keep.2h")
    cluster.set_activity(forgotten.allocation.allocation_id, "busy")
    verify, evidence = (fired["annotations"][name] for name in ("verify", "evidence"))
    lab.stage.wait_for(lambda: not lab.world.rows(verify), "verify sees the work")
    lab.stage.wait_for(lambda: lab.world.rows(evidence), "work is no blindness")


@pytest.mark.parametrize("page", sorted(DASHBOARDS))
def test_every_query_of_the_dashboards_finds_something(lab: Lab, page: str) -> None:
    """About bob's notebook, which was found idle above, and is at work again."""
    forgotten = next(each for each in lab.tasks if each.username == "bob")
    choice = Choice(
        allocation_id=forgotten.allocation.allocation_id,
        gpu_uuids=[*forgotten.gpu_uuids],
        agent_ids=["agent-a", "agent-b", "agent-c"],
    )
    rightly_silent = NOTHING_HAPPENED.get(page, {})
    silent = {str(each): each for each in asked(page)}
    assert rightly_silent.keys() <= silent.keys()

    def all_have_answered() -> bool:
        for place, each in [*silent.items()]:
            if place in rightly_silent or answers(each, lab.world, choice):
                del silent[place]
        return not silent

    # On a busy machine a scrape or an evaluation is late now and then, and then there is nothing.
    with suppress(StoryError):
        lab.stage.wait_for(all_have_answered, "every query finds something", within=30)

    assert silent.keys() == set()


def _proves(
    lab: Lab,
    fired: dict[str, Any],
    written: Mapping[str, str],
    expand: Callable[[str, Mapping[str, str]], str],
) -> None:
    """Compare what Prometheus made of the templates with what the tests make of them."""
    assert (
        "holds 1 GPU(s) in pool default. For at least 30 minutes"
        in (fired["annotations"]["description"])
    )
    for name in ("verify", "evidence"):
        expected = scale_promql(expand(written[name], fired["labels"]), lab.world.setup.factor)
        assert fired["annotations"][name].strip() == expected
    assert len(lab.world.rows(fired["annotations"]["verify"])) == 1
    # A look right after a missed scrape finds none.
    [(_, age)] = lab.stage.wait_for(
        lambda: lab.world.rows(fired["annotations"]["evidence"]), "the evidence"
    )
    assert 0 <= age < 1, "scraped each 0.15 s"


def _ever(name: str) -> str:
    return f"present_over_time({{__name__={json.dumps(name)}}}[10m])"


def _all_firing(lab: Lab, alertname: str) -> list[dict[str, Any]]:
    return [one for one in lab.world.firing() if one["labels"]["alertname"] == alertname]


def _firing(lab: Lab, alertname: str) -> dict[str, Any] | None:
    return next(iter(_all_firing(lab, alertname)), None)
