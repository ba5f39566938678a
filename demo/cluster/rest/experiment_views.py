"""Experiments and trials as the API shows them: lists and single objects differ."""

from demo.cluster.model import (
    Allocation,
    AllocationState,
    Experiment,
    ExperimentState,
    Trial,
)
from demo.cluster.rest.gateway import Json, rfc3339

_ORDER = (
    AllocationState.QUEUED,
    AllocationState.PULLING,
    AllocationState.STARTING,
    AllocationState.RUNNING,
)


def shown_state(state: ExperimentState, allocations: list[Allocation]) -> str:
    """Return ACTIVE as what its allocations do: QUEUED, PULLING, STARTING or RUNNING."""
    if state is not ExperimentState.ACTIVE:
        return f"STATE_{state}"
    known = [part.state for part in allocations if part.state in _ORDER]
    return f"STATE_{max(known, key=_ORDER.index, default=AllocationState.QUEUED)}"


def running_allocations(experiment: Experiment) -> list[Allocation]:
    return [trial.task.current for trial in experiment.trials if trial.task.current is not None]


def config_view(experiment: Experiment) -> Json:
    slots = experiment.trials[0].task.slots if experiment.trials else 0
    return {
        "name": experiment.name,
        "labels": experiment.labels,
        "resources": {"slots_per_trial": slots, "resource_pool": experiment.pool},
        "searcher": {"name": "single", "metric": "loss"},
    }


def experiment_view(experiment: Experiment, *, listed: bool) -> Json:
    """Return an experiment.

    In a list, `notes` is a placeholder and `trialIds` empty; alone, `displayName` is empty.
    """
    notes = "omitted" if listed and experiment.notes else experiment.notes
    trial_ids = [] if listed else [trial.trial_id for trial in experiment.trials]
    return {
        "id": experiment.experiment_id,
        "description": "",
        "labels": experiment.labels,
        "startTime": rfc3339(experiment.started_at),
        "endTime": rfc3339(experiment.ended_at),
        "state": shown_state(experiment.state, running_allocations(experiment)),
        "archived": False,
        "numTrials": len(experiment.trials),
        "trialIds": trial_ids,
        "displayName": experiment.owner.display_name if listed else "",
        "userId": experiment.owner.user_id,
        "username": experiment.owner.username,
        "resourcePool": experiment.pool,
        "searcherType": "single",
        "searcherMetric": "",
        "hyperparameters": None,
        "name": experiment.name,
        "notes": notes,
        "jobId": experiment.job_id,
        "forkedFrom": None,
        "progress": 0,
        "projectId": 1,
        "projectName": "Uncategorized",
        "workspaceId": 1,
        "workspaceName": "Uncategorized",
        "parentArchived": False,
        "config": config_view(experiment),
        "originalConfig": f"name: {experiment.name}\n",
        "projectOwnerId": 1,
        "checkpointSize": "0",
        "checkpointCount": 0,
        "unmanaged": False,
        "modelDefinitionSize": 0,
    }


def trial_view(trial: Trial) -> Json:
    current = trial.task.current
    return {
        "id": trial.trial_id,
        "experimentId": trial.experiment.experiment_id,
        "startTime": rfc3339(trial.task.created_at),
        "endTime": rfc3339(trial.ended_at),
        "state": shown_state(trial.state, [current] if current else []),
        "restarts": trial.restarts,
        "hparams": {},
        "totalBatchesProcessed": 0,
        "bestValidation": None,
        "latestValidation": None,
        "bestCheckpoint": None,
        "runnerState": "TRAINING" if current else "",
        "wallClockTime": 0,
        "warmStartCheckpointUuid": "",
        "taskId": trial.task.task_id,
        "totalCheckpointSize": "0",
        "checkpointCount": 0,
        "summaryMetrics": None,
        "taskIds": [trial.task.task_id],
    }
