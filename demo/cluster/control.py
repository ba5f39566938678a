"""A client of the control interface, for the demo and the tests."""

from types import TracebackType
from typing import Self

import httpx
from pydantic import BaseModel, TypeAdapter

from demo.cluster.calls import FaultKind
from demo.cluster.model import TaskType
from demo.cluster.wire import (
    Activity,
    AddFault,
    CallRecord,
    ClusterState,
    RestartMaster,
    SetActivity,
    SetAgent,
    SetExporters,
    SetGpu,
    SetLatency,
    SetUser,
    StartTask,
    TaskState,
)
from demo.plain import PLAIN

_CALLS = TypeAdapter(list[CallRecord])


class ControlClient:
    """Switches the simulated cluster. Every method returns when the change holds.

    Raises:
        httpx.HTTPStatusError: 422, with the reason, when something does not exist.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=10, verify=PLAIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def state(self) -> ClusterState:
        return ClusterState.model_validate_json(self._get("/state"))

    def task(self, task_id: str) -> TaskState:
        return self.state().task(task_id)

    def start(self, request: StartTask) -> TaskState:
        return TaskState.model_validate_json(self._post("/tasks", request))

    def start_idle_notebook(self, username: str, *, slots: int = 1, name: str = "") -> TaskState:
        return self.start(
            StartTask(task_type=TaskType.NOTEBOOK, username=username, slots=slots, name=name)
        )

    def finish(self, task_id: str) -> None:
        """End a task as if its program had ended by itself."""
        self._post(f"/tasks/{task_id}/finish")

    def release(self, task_id: str) -> None:
        """Let a task that was started with `hold_at` go on, as soon as there is room."""
        self._post(f"/tasks/{task_id}/release")

    def change_owner(self, task_id: str, username: str) -> None:
        self._post(f"/tasks/{task_id}/owner/{username}")

    def restart_trial(self, trial_id: int) -> TaskState:
        """Begin the next allocation of the same task."""
        return TaskState.model_validate_json(self._post(f"/trials/{trial_id}/restart"))

    def set_activity(
        self,
        allocation_id: str,
        activity: Activity | None = None,
        *,
        cpu_cores: float | None = None,
        memory_bytes: int | None = None,
        receive_bytes_per_second: float | None = None,
        write_bytes_per_second: float | None = None,
    ) -> None:
        """Change what the containers of a running allocation do; None leaves as it is."""
        change = SetActivity(
            activity=activity,
            cpu_cores=cpu_cores,
            memory_bytes=memory_bytes,
            receive_bytes_per_second=receive_bytes_per_second,
            write_bytes_per_second=write_bytes_per_second,
        )
        self._post(f"/allocations/{allocation_id}/activity", change)

    def set_gpu(
        self,
        uuid: str,
        *,
        activity: Activity | None = None,
        xid: int | None = None,
        lost: bool | None = None,
    ) -> None:
        self._post(f"/gpus/{uuid}", SetGpu(activity=activity, xid=xid, lost=lost))

    def exit_container(self, container_id: str) -> None:
        self._post(f"/containers/{container_id}/exit")

    def connect_agent(self, agent_id: str, *, connected: bool) -> None:
        """Cut or restore an agent's connection to the master; its exporters go on."""
        self._post(f"/agents/{agent_id}", SetAgent(connected=connected))

    def set_exporters(self, agent_id: str, change: SetExporters) -> None:
        self._post(f"/exporters/{agent_id}", change)

    def restart_master(self, *, down_seconds: float = 0) -> None:
        """Restart; for the given real seconds connections are refused."""
        self._post("/master/restart", RestartMaster(down_seconds=down_seconds))

    def set_latency(
        self, *, kill_seconds: float | None = None, preemption_seconds: float | None = None
    ) -> None:
        """Change how long ends take, in seconds of a real cluster."""
        change = SetLatency(kill_seconds=kill_seconds, preemption_seconds=preemption_seconds)
        self._post("/latency", change)

    def set_user(self, username: str, change: SetUser) -> None:
        self._post(f"/users/{username}", change)

    def revoke_sessions(self, username: str | None = None) -> int:
        """Forget the sessions of one user, or of all; return how many there were."""
        params = {"username": username} if username else {}
        response = self._http.post("/sessions/revoke", params=params).raise_for_status()
        return int(response.json()["revoked"])

    def add_fault(self, fault: AddFault) -> None:
        self._post("/faults", fault)

    def fail(self, path: str, status: int, *, times: int | None = None) -> None:
        """Answer calls whose path contains a match of `path` with an error."""
        self.add_fault(AddFault(path=path, status=status, times=times))

    def hang(self, path: str, *, times: int | None = None) -> None:
        self.add_fault(AddFault(path=path, kind=FaultKind.HANG, times=times))

    def clear_faults(self) -> None:
        self._http.delete("/faults").raise_for_status()

    def calls(self, *, method: str | None = None, path: str = "") -> list[CallRecord]:
        """Return the calls on the master, oldest first; `path` is a regular expression."""
        params = {"path": path} | ({"method": method} if method else {})
        response = self._http.get("/calls", params=params).raise_for_status()
        return _CALLS.validate_json(response.content)

    def stops(self) -> list[CallRecord]:
        """Return the calls that were to end or pause something."""
        return self.calls(method="POST", path="/(kill|pause|cancel)$")

    def clear_calls(self) -> None:
        self._http.delete("/calls").raise_for_status()

    def _get(self, path: str) -> bytes:
        return self._http.get(path).raise_for_status().content

    def _post(self, path: str, body: BaseModel | None = None) -> bytes:
        content = body.model_dump_json() if body else "{}"
        return self._http.post(path, content=content).raise_for_status().content
