"""Experiments and trials: reading, killing, pausing."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.cluster import actions
from demo.cluster.cluster import Cluster
from demo.cluster.rest.experiment_views import (
    config_view,
    experiment_view,
    running_allocations,
    trial_view,
)
from demo.cluster.rest.gateway import (
    body_of,
    cluster_of,
    page,
    path_number,
    query_number,
    reply,
)
from demo.cluster.workloads import change_labels


async def list_experiments(request: Request) -> Response:
    """Return a page. `states` filters by the database's states, which the reply refines."""
    states = set(request.query_params.getlist("states"))
    users = set(request.query_params.getlist("users"))
    found = [
        experiment_view(experiment, listed=True)
        for experiment in cluster_of(request).experiments.values()
        if (not states or f"STATE_{experiment.state}" in states)
        and (not users or experiment.owner.username in users)
    ]
    limit = query_number(request, "limit", 0) or 100
    offset = query_number(request, "offset", 0)
    experiments, pagination = page(found, offset=offset, limit=limit)
    return reply({"experiments": experiments, "pagination": pagination})


async def get_experiment(request: Request) -> Response:
    number = path_number(request, "experiment_id")
    experiment = actions.find_experiment(cluster_of(request), number)
    summary = None
    if not experiment.state.final:
        running = any(part.containers for part in running_allocations(experiment))
        state = "STATE_SCHEDULED" if running else "STATE_QUEUED"
        summary = {"state": state, "jobsAhead": 0}
    view = experiment_view(experiment, listed=False)
    return reply({"experiment": view, "jobSummary": summary, "config": config_view(experiment)})


async def patch_experiment(request: Request) -> Response:
    cluster = cluster_of(request)
    experiment = actions.find_experiment(cluster, path_number(request, "experiment_id"))
    body = await body_of(request)
    if "labels" in body:
        change_labels(cluster, experiment, [str(label) for label in body["labels"]])
    if "notes" in body:
        experiment.notes = str(body["notes"])
    return reply({"experiment": experiment_view(experiment, listed=False)})


async def list_trials(request: Request) -> Response:
    number = path_number(request, "experiment_id")
    experiment = actions.find_experiment(cluster_of(request), number)
    views = [trial_view(trial) for trial in experiment.trials]
    limit = query_number(request, "limit", 0) or 100
    trials, pagination = page(views, offset=query_number(request, "offset", 0), limit=limit)
    return reply({"trials": trials, "pagination": pagination})


async def get_trial(request: Request) -> Response:
    trial = actions.find_trial(cluster_of(request), path_number(request, "trial_id"))
    return reply({"trial": trial_view(trial)})


def _act(
    parameter: str, action: Callable[[Cluster, int], None]
) -> Callable[[Request], Awaitable[Response]]:
    async def act(request: Request) -> Response:
        action(cluster_of(request), path_number(request, parameter))
        return reply({})

    return act


def routes() -> list[Route]:
    single = "/api/v1/experiments/{experiment_id}"
    verbs = {
        "kill": actions.kill_experiment,
        "cancel": actions.cancel_experiment,
        "pause": actions.pause_experiment,
        "activate": actions.activate_experiment,
    }
    return [
        Route("/api/v1/experiments", list_experiments),
        Route(single, get_experiment),
        Route(single, patch_experiment, methods=["PATCH"]),
        Route(f"{single}/trials", list_trials),
        *(
            Route(f"{single}/{verb}", _act("experiment_id", action), methods=["POST"])
            for verb, action in verbs.items()
        ),
        Route("/api/v1/trials/{trial_id}", get_trial),
        Route(
            "/api/v1/trials/{trial_id}/kill", _act("trial_id", actions.kill_trial), methods=["POST"]
        ),
    ]
