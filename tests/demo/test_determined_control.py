"""The listening simulation, switched through its control interface."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from demo.cluster.calls import FaultKind
from demo.cluster.control import ControlClient
from demo.cluster.exporters.app import ExporterKind
from demo.cluster.model import AllocationState, TaskType
from demo.cluster.sensors import ExporterMode
from demo.cluster.wire import AddFault, SetExporters, SetUser, StartTask, TaskState
from demo.plain import PLAIN
from demo.simulation import Addresses


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"not within 10 s: {what}"
        time.sleep(0.01)


def bearer(master: httpx.Client) -> dict[str, str]:
    body = {"username": "watchdog", "password": "watchdog", "isHashed": False}
    token = master.post("/api/v1/auth/login", json=body).json()["token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def master(simulation: Addresses) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulation.determined, timeout=5, verify=PLAIN) as client:
        client.headers.update(bearer(client))
        yield client


@pytest.fixture
def notebook(control: ControlClient) -> TaskState:
    return control.start_idle_notebook("bob")


def kill(master: httpx.Client, task: TaskState) -> int:
    return master.post(f"/api/v1/notebooks/{task.task_id}/kill").status_code


def test_everything_listens_when_the_addresses_are_printed(
    simulation: Addresses, master: httpx.Client
) -> None:
    pages = [
        httpx.get(agent.metrics_url(kind), verify=PLAIN)
        for agent in simulation.agents.values()
        for kind in ExporterKind
    ]

    assert {page.status_code for page in pages} == {200}
    assert len({agent.address for agent in simulation.agents.values()}) == 2
    published = [group["targets"] for group in master.get("/prom/det-http-sd-config").json()]
    assert published == [
        [f"{agent.address}:{agent.dcgm}", f"{agent.address}:{agent.cadvisor}"]
        for agent in simulation.agents.values()
    ]


def test_kill_takes_its_time_and_is_on_record(
    control: ControlClient, master: httpx.Client, notebook: TaskState
) -> None:
    control.set_latency(kill_seconds=30)

    assert kill(master, notebook) == 200

    assert control.task(notebook.task_id).allocation.state == "TERMINATING"
    wait_until(
        lambda: control.task(notebook.task_id).allocation.state == "TERMINATED",
        "the killed notebook is TERMINATED",
    )
    [stop] = control.stops()
    assert (stop.path, stop.username, stop.status) == (
        f"/api/v1/notebooks/{notebook.task_id}/kill",
        "watchdog",
        200,
    )


def test_failing_call_changes_nothing(
    control: ControlClient, master: httpx.Client, notebook: TaskState
) -> None:
    control.fail("/kill$", 503, times=1)

    assert kill(master, notebook) == 503

    assert control.task(notebook.task_id).allocation.state == "RUNNING"
    assert kill(master, notebook) == 200, "the fault was for one call"


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "Unauthenticated"), (404, "NotFound"), (500, "Unknown")]
)
def test_failing_call_speaks_as_the_gateway_does(
    control: ControlClient, master: httpx.Client, status: int, reason: str
) -> None:
    control.fail("^/api/v1/tasks", status)

    response = master.get("/api/v1/tasks")

    assert (response.status_code, response.json()["error"]["reason"]) == (status, reason)
    control.clear_faults()
    assert master.get("/api/v1/tasks").status_code == 200


def test_lost_reply_has_killed_all_the_same(
    control: ControlClient, master: httpx.Client, notebook: TaskState
) -> None:
    control.add_fault(AddFault(path="/kill$", kind=FaultKind.LOSE_REPLY))

    with pytest.raises(httpx.RemoteProtocolError):
        kill(master, notebook)

    assert control.task(notebook.task_id).allocation.state in {"TERMINATING", "TERMINATED"}
    assert [stop.status for stop in control.stops()] == [None]


def test_dropped_call_has_killed_nothing(
    control: ControlClient, master: httpx.Client, notebook: TaskState
) -> None:
    control.add_fault(AddFault(path="/kill$", kind=FaultKind.DROP))

    with pytest.raises(httpx.RemoteProtocolError):
        kill(master, notebook)

    assert control.task(notebook.task_id).allocation.state == "RUNNING"


def test_hanging_call_never_answers(control: ControlClient, master: httpx.Client) -> None:
    control.hang("^/api/v1/me")

    with pytest.raises(httpx.ReadTimeout):
        master.get("/api/v1/me", timeout=0.2)


def test_fault_ends_with_its_time(control: ControlClient, master: httpx.Client) -> None:
    control.add_fault(AddFault(path="^/api/v1/me", status=500, lasts_seconds=0.3))

    assert master.get("/api/v1/me").status_code == 500

    wait_until(lambda: master.get("/api/v1/me").status_code == 200, "the fault is over")


def test_restarting_master_refuses_and_comes_back_without_state_metrics(
    control: ControlClient, master: httpx.Client, notebook: TaskState
) -> None:
    control.restart_master(down_seconds=0.3)

    with pytest.raises(httpx.TransportError):
        master.get("/api/v1/me")

    def answers() -> bool:
        try:
            return master.get("/api/v1/me").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, "the master is back")
    assert master.get("/prom/det-state-metrics").text == ""
    assert f"{notebook.task_id}.1" in master.get("/api/v1/tasks").json()["allocationIdToSummary"]


def test_exporter_that_is_down_refuses_and_can_be_repaired(
    control: ControlClient, simulation: Addresses
) -> None:
    url = simulation.agents["agent-a"].metrics_url(ExporterKind.DCGM)
    control.set_exporters("agent-a", SetExporters(dcgm=ExporterMode.DOWN))

    with pytest.raises(httpx.ConnectError):
        httpx.get(url, verify=PLAIN)

    control.set_exporters("agent-a", SetExporters(dcgm=ExporterMode.OK))
    assert httpx.get(url, verify=PLAIN).status_code == 200


def test_exporter_can_hang(control: ControlClient, simulation: Addresses) -> None:
    control.set_exporters("agent-b", SetExporters(cadvisor=ExporterMode.HANG))

    with pytest.raises(httpx.ReadTimeout):
        httpx.get(
            simulation.agents["agent-b"].metrics_url(ExporterKind.CADVISOR),
            timeout=0.2,
            verify=PLAIN,
        )


def test_activity_shows_in_the_next_readings(
    control: ControlClient, simulation: Addresses, notebook: TaskState
) -> None:
    url = simulation.agents["agent-a"].metrics_url(ExporterKind.DCGM)
    idle = f'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="{notebook.gpu_uuids[0]}"'

    def utilization() -> float:
        [row] = [
            line for line in httpx.get(url, verify=PLAIN).text.splitlines() if line.startswith(idle)
        ]
        return float(row.rpartition(" ")[2])

    wait_until(lambda: utilization() == 0, "the notebook is idle")

    control.set_activity(notebook.allocation.allocation_id, "busy", cpu_cores=4)

    wait_until(lambda: utilization() > 90, "the notebook is busy")
    assert control.task(notebook.task_id).allocation.containers[0].cpu_cores == 4


def test_owner_and_user_can_change(
    control: ControlClient, master: httpx.Client, notebook: TaskState
) -> None:
    control.change_owner(notebook.task_id, "carol")
    control.set_user("carol", SetUser(active=False))

    [shown] = master.get("/api/v1/notebooks").json()["notebooks"]
    users = master.get("/api/v1/users").json()["users"]

    assert shown["username"] == "carol"
    assert [user["username"] for user in users if not user["active"]] == ["carol"]


def test_revoked_session_is_401(control: ControlClient, master: httpx.Client) -> None:
    assert control.revoke_sessions("watchdog") == 1

    assert master.get("/api/v1/me").status_code == 401


def test_held_task_goes_on_when_released(control: ControlClient) -> None:
    request = StartTask(
        task_type=TaskType.TRIAL, username="dan", hold_at=AllocationState.QUEUED, labels=["x"]
    )
    task = control.start(request)
    assert task.allocation.state == "QUEUED"

    control.release(task.task_id)

    assert control.task(task.task_id).allocation.state == "RUNNING"


def test_trial_restarts_and_ends(control: ControlClient) -> None:
    placement = {"agent-a": 1, "agent-b": 1}
    request = StartTask(task_type=TaskType.TRIAL, username="dan", agents=placement)
    task = control.start(request)
    assert task.trial_id is not None

    restarted = control.restart_trial(task.trial_id)
    control.exit_container(restarted.allocation.containers[0].container_id)
    one_left = control.task(task.task_id)
    control.finish(task.task_id)

    assert restarted.allocation.allocation_id == f"{task.task_id}.2"
    states = [container.state for container in one_left.allocation.containers]
    assert states == ["TERMINATED", "RUNNING"]
    assert control.task(task.task_id).experiment_state == "COMPLETED"


def test_request_for_something_that_does_not_exist_says_so(control: ControlClient) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        control.start_idle_notebook("nobody")

    assert caught.value.response.status_code == 422
    assert "no user 'nobody'" in caught.value.response.text
