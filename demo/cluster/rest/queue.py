"""The job queue, which alone knows the owner of a generic task."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.cluster.cluster import Cluster
from demo.cluster.errors import internal
from demo.cluster.model import Experiment, Task, TaskType, User
from demo.cluster.rest.experiment_views import running_allocations
from demo.cluster.rest.gateway import Json, cluster_of, page, query_number, reply, rfc3339


async def list_jobs(request: Request) -> Response:
    """Return the jobs of one pool. No name is the default compute pool, not all of them."""
    cluster = cluster_of(request)
    pool = request.query_params.get("resourcePool") or cluster.default_pool
    if pool not in cluster.pools:
        raise internal(f"cannot find resource pool {pool}")
    limit = query_number(request, "limit", 0) or 100
    if limit < 0:
        raise internal("runtime error: slice bounds out of range [:-1]")
    jobs, pagination = page(
        _jobs(cluster, pool), offset=query_number(request, "offset", 0), limit=limit
    )
    return reply({"pagination": pagination, "jobs": jobs})


def _jobs(cluster: Cluster, pool: str) -> list[Json]:
    jobs = [
        _of_experiment(experiment)
        for experiment in cluster.experiments.values()
        if experiment.pool == pool and running_allocations(experiment)
    ]
    jobs += [
        _of_task(allocation.task)
        for allocation in cluster.current_allocations()
        if allocation.task.pool == pool and allocation.task.trial is None
    ]
    return [
        _limited(job) if job["username"] in cluster.hidden_users else {"full": job} for job in jobs
    ]


def _limited(job: Json) -> Json:
    """Return what somebody without the right to view may know: neither user nor name."""
    secret = {"username", "userId", "name", "entityId", "submissionTime"}
    return {"limited": {name: value for name, value in job.items() if name not in secret}}


def _of_experiment(experiment: Experiment) -> Json:
    running = running_allocations(experiment)
    return _job(
        kind="EXPERIMENT",
        owner=experiment.owner,
        entity_id=str(experiment.experiment_id),
        task=running[0].task,
        name=experiment.name,
        submitted=rfc3339(experiment.started_at),
        requested=sum(part.task.slots for part in running),
        allocated=sum(part.task.slots for part in running if part.containers),
    )


def _of_task(task: Task) -> Json:
    current = task.current
    allocated = task.slots if current is not None and current.containers else 0
    return _job(
        kind=task.task_type,
        owner=task.owner,
        entity_id=task.task_id,
        task=task,
        name=task.name,
        submitted=rfc3339(task.created_at),
        requested=task.slots,
        allocated=allocated,
    )


def _job(
    *,
    kind: str,
    owner: User,
    entity_id: str,
    task: Task,
    name: str,
    submitted: str | None,
    requested: int,
    allocated: int,
) -> Json:
    scheduled = any(part.containers for part in task.allocations if not part.ended)
    return {
        "summary": {
            "state": "STATE_SCHEDULED" if scheduled else "STATE_QUEUED",
            "jobsAhead": 0,
        },
        "type": f"TYPE_{kind}",
        "submissionTime": submitted,
        "username": owner.username,
        "userId": owner.user_id,
        "resourcePool": task.pool,
        "isPreemptible": task.task_type in {TaskType.TRIAL, TaskType.GENERIC},
        "priority": 42,
        "weight": 0,
        "entityId": entity_id,
        "jobId": task.job_id,
        "requestedSlots": requested,
        "allocatedSlots": allocated,
        "name": name,
        "progress": 0,
        "workspaceId": 1,
    }


def routes() -> list[Route]:
    return [Route("/api/v1/job-queues-v2", list_jobs)]
