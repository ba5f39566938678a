"""The real `det` command line against the simulated master.

It is the referee: what it understands, a client of the real master understands too.
"""

import os
import subprocess
from pathlib import Path

import pytest

from demo.cluster.control import ControlClient
from demo.cluster.model import AllocationState, TaskType
from demo.cluster.wire import StartTask, TaskState
from demo.simulation import Addresses

ROOT = Path(__file__).parents[2]
DET = Path(os.environ.get("WATCHDOG_DET", ROOT / ".venv-det" / "bin" / "det"))
TIMEOUT = 60


class Det:
    """Runs the command line as alice, with a home of its own."""

    def __init__(self, master: str, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DET_MASTER": master,
            "DET_USER": "alice",
            "DET_PASS": "alice",
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the command line under test
            [str(DET), *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def output(self, *arguments: str) -> str:
        """Return what was printed.

        Raises:
            AssertionError: the exit status was not 0.
        """
        result = self(*arguments)
        told = f"det {' '.join(arguments)} exited with {result.returncode}: {result.stderr}"
        assert result.returncode == 0, told
        return result.stdout


@pytest.fixture
def det(simulation: Addresses, tmp_path: Path) -> Det:
    assert DET.exists(), f"{DET} is missing: `make test` creates it, or WATCHDOG_DET names another"
    return Det(simulation.determined, tmp_path)


@pytest.fixture
def notebook(control: ControlClient) -> TaskState:
    return control.start_idle_notebook("bob", name="Sketches")


@pytest.fixture
def trial(control: ControlClient) -> TaskState:
    request = StartTask(
        task_type=TaskType.TRIAL,
        username="alice",
        name="resnet",
        agents={"agent-a": 1, "agent-b": 1},
        activity="busy",
    )
    return control.start(request)


def columns(row: str) -> list[str]:
    return [column.strip() for column in row.split("|")]


def rows(table: str) -> list[list[str]]:
    """Return the cells below the header of a printed table."""
    return [columns(line) for line in table.splitlines()[2:] if "|" in line]


def test_whoami(det: Det) -> None:
    assert "You are logged in as user 'alice'" in det.output("user", "whoami")


def test_lists_show_what_runs(
    det: Det, control: ControlClient, notebook: TaskState, trial: TaskState
) -> None:
    waiting = StartTask(
        task_type=TaskType.TRIAL, username="carol", name="bert", hold_at=AllocationState.QUEUED
    )
    queued = control.start(waiting)

    tasks = {row[0]: row for row in rows(det.output("task", "list"))}
    notebooks = rows(det.output("notebook", "list", "-a"))
    experiments = rows(det.output("experiment", "list", "-a"))
    jobs = rows(det.output("job", "list"))

    assert tasks[notebook.task_id][1:4] == [f"{notebook.task_id}.1", "Sketches", "1"]
    assert tasks[trial.task_id][5] == "['agent-a', 'agent-b']"
    assert tasks[queued.task_id][5] == "[]"
    assert [row[:4] for row in notebooks] == [[notebook.task_id, "bob", "Sketches", "RUNNING"]]
    assert [(row[0], row[1], row[2], row[4]) for row in experiments] == [
        ("41", "alice", "resnet", "RUNNING"),
        ("42", "carol", "bert", "QUEUED"),
    ]
    assert [(row[2], row[6], row[8]) for row in jobs] == [
        ("TYPE_EXPERIMENT", "2/2", "alice"),
        ("TYPE_EXPERIMENT", "0/1", "carol"),
        ("TYPE_NOTEBOOK", "1/1", "bob"),
    ]


def test_agent_list(det: Det, trial: TaskState, simulation: Addresses) -> None:
    del trial

    found = rows(det.output("agent", "list"))

    assert [(row[0], row[1], row[3], row[4], row[8]) for row in found] == [
        ("agent-a", "0.38.1", "4", "1", simulation.agents["agent-a"].address),
        ("agent-b", "0.38.1", "4", "1", simulation.agents["agent-b"].address),
    ]


def test_notebook_kill(det: Det, control: ControlClient, notebook: TaskState) -> None:
    assert f"Killed notebook {notebook.task_id}" in det.output("notebook", "kill", notebook.task_id)

    assert control.task(notebook.task_id).allocation.state in {"TERMINATING", "TERMINATED"}
    assert [stop.username for stop in control.stops()] == ["alice"]


def test_trial_kill(det: Det, control: ControlClient, trial: TaskState) -> None:
    assert "Killed trial 57" in det.output("trial", "kill", str(trial.trial_id))

    assert control.task(trial.task_id).allocation.state in {"TERMINATING", "TERMINATED"}


def test_experiment_pause_and_kill(det: Det, control: ControlClient, trial: TaskState) -> None:
    assert "Paused experiment 41" in det.output("experiment", "pause", "41")
    paused = control.task(trial.task_id).experiment_state

    assert "Killed experiment 41" in det.output("experiment", "kill", "41")

    assert paused == "PAUSED"
    assert control.task(trial.task_id).experiment_state in {"STOPPING_KILLED", "CANCELED"}


def test_unknown_experiment_is_reported_in_the_masters_words(det: Det) -> None:
    result = det("experiment", "kill", "99")

    assert result.returncode == 1
    assert "experiment '99' not found" in result.stdout + result.stderr


def test_wrong_password_is_refused(simulation: Addresses, tmp_path: Path) -> None:
    stranger = Det(simulation.determined, tmp_path)
    stranger._environment["DET_PASS"] = "guess"

    result = stranger("user", "whoami")

    assert result.returncode != 0
