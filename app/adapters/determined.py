"""Determined over its REST API."""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
from msgspec import Struct

from app.adapters import determined_reading as reading
from app.adapters import determined_wire as wire
from app.adapters.determined_family import descendants
from app.adapters.determined_reading import segment
from app.adapters.determined_session import Session
from app.adapters.upstream import read_whole, together, upstream_errors
from app.domain.cluster import Allocation, Snapshot, TaskType, User
from app.errors import StopNotSentError, UpstreamError, UpstreamRejectedError

Model = TypeVar("Model", bound=Struct)
_SYSTEM = "Determined"
_JOBS_PER_PAGE = 10_000
"""Without a limit there are 100, and -1, which means everything elsewhere, is an error here."""
_ALIVE = [
    "STATE_ACTIVE",
    "STATE_STOPPING_COMPLETED",
    "STATE_STOPPING_CANCELED",
    "STATE_STOPPING_ERROR",
    "STATE_STOPPING_KILLED",
]
"""The states in which most experiments hold allocations. The others are asked for one by one."""
_TASK_TYPES = {f"TASK_TYPE_{each.upper()}": each for each in TaskType}
_ENDED = "STATE_TERMINATED"


class Determined:
    """Implements `app.ports.Cluster`. Of all that can be done to tasks it knows kill and pause."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        session: Session,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._session = session
        self._now = now
        self._known: Mapping[str, Allocation] = {}
        """The allocations of the last snapshot, by id."""

    async def snapshot(self, *, workspaces: bool = False) -> Snapshot:
        # Taken before the answers: they may be younger than this says, never older.
        at = self._now()
        async with together() as group:
            tasks = group.create_task(self._get("tasks", wire.Tasks))
            pools = group.create_task(self._get("resource-pools", wire.Pools))
            users = group.create_task(self._get("users", wire.Users, limit=0))
            machines = group.create_task(self._machines())
            names = group.create_task(self._workspaces(wanted=workspaces))
            lists = {
                task_type: group.create_task(self._get(plural, wire.Interactives))
                for task_type, plural in reading.INTERACTIVE.items()
            }
        summaries = tasks.result().allocation_id_to_summary.values()
        async with together() as group:
            experiments = group.create_task(self._experiments(summaries))
            queues = {
                pool.name: group.create_task(self._jobs(pool.name))
                for pool in pools.result().resource_pools
            }
        owners = reading.Owners(
            interactive={task_type: one.result().listed for task_type, one in lists.items()},
            experiments=experiments.result(),
            jobs=[job for queue in queues.values() for job in queue.result()],
            workspaces=names.result(),
        )
        allocations = reading.allocations(summaries, owners, self._known)
        self._known, parts = allocations, reading.parts(allocations.values())
        return Snapshot(
            at=at,
            allocations=allocations,
            users={
                user.username: User(user.username, user.active, user.admin)
                for user in users.result().users
            },
            agent_slots=machines.result().agent_slots,
            agent_pools=machines.result().agent_pools,
            queued_slots={
                pool: reading.queued_slots(queue.result()) for pool, queue in queues.items()
            },
            queue={pool: reading.queue(queue.result(), parts) for pool, queue in queues.items()},
            rooms=machines.result().rooms,
            occupants=machines.result().occupants,
        )

    async def read_allocation(
        self, allocation_id: str, *, workspaces: bool = False
    ) -> Allocation | None:
        tasks = await self._get("tasks", wire.Tasks)
        summary = tasks.allocation_id_to_summary.get(allocation_id)
        if summary is None:
            return None
        owners = await self._owners_of(summary)
        owners = replace(owners, workspaces=await self._workspaces(wanted=workspaces))
        found = reading.allocations([summary], owners)[allocation_id]
        if found.task_type is not TaskType.GENERIC:
            return found
        return replace(found, descendants=await descendants(found.task_id, self._get))

    async def stop(self, allocation: Allocation, *, may_send: Callable[[], bool]) -> str:
        """Kill the task that the allocation is the present run of.

        What is not surely the right one is refused here, and nothing is sent.
        """
        with _before_the_call():
            path, body = await self._call_for(allocation)
        return await self._send(f"{path}/kill", body, may_send)

    async def pause(
        self, allocations: Sequence[Allocation], *, may_send: Callable[[], bool]
    ) -> str:
        """Pause the experiment of trials, or a generic task. It is the owner who lets it go on."""
        first = allocations[0]
        body: dict[str, object] | None
        with _before_the_call():
            if first.task_type is TaskType.GENERIC and len(allocations) == 1:
                await self._demand_present(first)
                await self._demand_alone(first)
                path = f"tasks/{segment(first.task_id)}"
                body = {"taskId": first.task_id}
            else:
                path, body = f"experiments/{await self._whole(allocations)}", None
        return await self._send(f"{path}/pause", body, may_send)

    async def _send(
        self, path: str, body: dict[str, object] | None, may_send: Callable[[], bool]
    ) -> str:
        if not may_send():
            raise StopNotSentError("it took too long to get ready")
        with upstream_errors(_SYSTEM):
            response = await self._client.post(f"/api/v1/{path}", json=body, auth=self._session)
            if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
                # How Determined says that a trial or generic task has ended, or is none.
                raise UpstreamRejectedError(f"{_SYSTEM} answered 500 to {path}", code="500")
            response.raise_for_status()
        return f"{response.status_code} {path}"

    async def _call_for(self, allocation: Allocation) -> tuple[str, dict[str, object] | None]:
        """Return the path and the body of the call, once it is sure to be about the right task.

        Raises:
            StopNotSentError: it is not.
            UpstreamError: Determined does not tell.
        """
        task_id = allocation.task_id
        if allocation.allocation_id.rpartition(".")[0] != task_id:
            raise StopNotSentError(f"{allocation.allocation_id} is no run of task {task_id}")
        match allocation.task_type:
            case TaskType.TRIAL:
                await self._demand_trial(allocation)
                await self._demand_present(allocation)
                return f"trials/{segment(allocation.trial_id)}", None

            case TaskType.GENERIC:
                await self._demand_present(allocation)
                await self._demand_alone(allocation)
                body = {"taskId": task_id, "killFromRoot": False}
                return f"tasks/{segment(task_id)}", body

            case task_type if task_type in reading.INTERACTIVE:
                # These run once, so the task is the allocation.
                return f"{reading.INTERACTIVE[task_type]}/{segment(task_id)}", None

            case _:
                kind = allocation.task_type or "task of unknown type"
                raise StopNotSentError(f"there is no call to stop a {kind}")

    async def _demand_trial(self, allocation: Allocation) -> None:
        """See that the trial of the name, which is only text, is the trial of the task."""
        if not allocation.trial_id:
            raise StopNotSentError(f"no trial is known for task {allocation.task_id}")
        reply = await self._get(f"trials/{segment(allocation.trial_id)}", wire.TrialReply)
        if allocation.task_id not in reply.trial.task_ids:
            raise StopNotSentError(
                f"trial {allocation.trial_id} does not run task {allocation.task_id}"
            )

    async def _demand_present(self, allocation: Allocation) -> None:
        """See that the task has not gone on to another allocation since it was judged (S2)."""
        reply = await self._get(f"tasks/{segment(allocation.task_id)}", wire.TaskReply)
        for each in reply.task.allocations:
            if each.allocation_id == allocation.allocation_id:
                if each.state == _ENDED or each.end_time:
                    break
                return
        raise StopNotSentError(f"allocation {allocation.allocation_id} has ended")

    async def _demand_alone(self, allocation: Allocation) -> None:
        """See that no other task would be stopped with this one (S2)."""
        if found := await descendants(allocation.task_id, self._get):
            raise StopNotSentError(f"these would be stopped with it: {', '.join(found)}")

    async def _whole(self, allocations: Sequence[Allocation]) -> int:
        """Return the experiment of which the allocations are all that runs (S2)."""
        [experiment, *others] = {reading.experiment_of(each.task_id) for each in allocations}
        is_trial = all(each.task_type is TaskType.TRIAL for each in allocations)
        if experiment is None or others or not is_trial:
            raise StopNotSentError("only trials of one experiment can be paused by one call")
        tasks = await self._get("tasks", wire.Tasks)
        running = reading.running_trials(tasks.allocation_id_to_summary.values(), experiment)
        if running != {each.allocation_id for each in allocations}:
            raise StopNotSentError("what runs of the experiment has changed")
        return experiment

    async def _owners_of(self, summary: wire.AllocationSummary) -> reading.Owners:
        """Ask the one place that knows the owner of a task of this type."""
        if reading.experiment_of(summary.task_id) is not None:
            return reading.Owners(experiments=await self._experiments([summary], listed=False))
        task_id = segment(summary.task_id)
        task = await _or_none(self._get(f"tasks/{task_id}", wire.TaskReply))
        task_type = _TASK_TYPES.get(task.task.task_type) if task else None
        if task_type is TaskType.GENERIC:
            return reading.Owners(jobs=await self._jobs(summary.resource_pool))
        if task_type not in reading.INTERACTIVE:
            return reading.Owners()
        path = f"{reading.INTERACTIVE[task_type]}/{task_id}"
        reply = await _or_none(self._get(path, wire.InteractiveReply))
        return reading.Owners(interactive={task_type: [reply.found]} if reply else {})

    async def _experiments(
        self, summaries: Iterable[wire.AllocationSummary], *, listed: bool = True
    ) -> list[wire.Experiment]:
        """Return the experiments that the allocations belong to, where we may see them."""
        wanted = {reading.experiment_of(summary.task_id) for summary in summaries} - {None}
        found: list[wire.Experiment] = []
        if listed and wanted:
            reply = await self._get("experiments", wire.Experiments, limit=-1, states=_ALIVE)
            found = [each for each in reply.experiments if each.id in wanted]
        missing = wanted - {each.id for each in found}
        async with together() as group:
            single = [
                group.create_task(
                    _or_none(self._get(f"experiments/{number}", wire.ExperimentReply))
                )
                for number in missing
            ]
        replies = [one.result() for one in single]
        return found + [reply.experiment for reply in replies if reply]

    async def _machines(self) -> reading.Machines:
        return reading.machines((await self._get("agents", wire.Agents)).agents)

    async def _workspaces(self, *, wanted: bool) -> dict[int, str]:
        """Return the names of workspaces by id: of tasks of their own only the id is told."""
        if not wanted:
            return {}
        reply = await self._get("workspaces", wire.Workspaces, limit=0)
        return {each.id: each.name for each in reply.workspaces}

    async def _jobs(self, pool: str) -> list[wire.Job]:
        """Return those that wait, and the generic ones, which have no list of their own."""
        jobs: list[wire.Job] = []
        read = 0
        asked: dict[str, int | str] = {"resourcePool": pool, "limit": _JOBS_PER_PAGE}
        while True:
            reply = await self._get("job-queues-v2", wire.Jobs, **asked, offset=read)
            read += len(reply.jobs)
            # Nearly all run, and are told of elsewhere.
            jobs += [each for each in reply.jobs if each.is_told_here_alone]
            if not reply.jobs or read >= reply.pagination.total:
                return jobs

    async def _get(self, path: str, model: type[Model], **params: int | str | list[str]) -> Model:
        with upstream_errors(_SYSTEM):
            body = await read_whole(self._client, f"/api/v1/{path}", params, self._session)
            return wire.read(body, model)


@contextmanager
def _before_the_call() -> Iterator[None]:
    """Say of whatever fails here that nothing was sent."""
    try:
        yield
    except UpstreamError as exc:
        raise StopNotSentError(str(exc)) from exc


async def _or_none(answer: Coroutine[Any, Any, Model]) -> Model | None:
    """Return None for 404: it does not exist, or the account may not see it."""
    try:
        return await answer
    except UpstreamRejectedError as exc:
        if exc.code == str(httpx.codes.NOT_FOUND):
            return None
        raise
