"""`gpu-watchdog tasks`, `explain`, `users list`, and a stop of a task without an incident."""

import json

import httpx
import pytest
import respx

from tests.api.at_work import lines, run
from tests.docs.client_commands import dry_run, explanation, held, running, users


def test_what_is_not_known_of_tasks_is_empty_and_ends_with_1(receiver: respx.Route) -> None:
    [_, task] = running()
    task["activity"] = {"average": None, "busiest": None, "active": None}
    why = "Prometheus could not be read."
    receiver.respond(json={"tasks": [task], "total": 1, "unknown": [why]})

    result = run("tasks", "--now", "idle", "--type", "notebook")

    assert (result.exit_code, result.stderr) == (1, f"{why}\n")
    [row] = lines(result)
    assert row[:5] == [task["task_id"], "notebook", "bob", "default", "1"]
    assert row[6:8] == ["", ""]
    params = receiver.calls.last.request.url.params
    assert (params["idle"], params["task_type"]) == ("true", "notebook")


def test_task_is_explained_by_how_its_id_begins(receiver: respx.Route) -> None:
    [trial, task] = running()
    listed = {"tasks": [trial, task], "total": 2, "unknown": []}
    receiver.mock(side_effect=[httpx.Response(200, json=each) for each in (listed, explanation())])

    result = run("explain", "c7a2")

    assert result.exit_code == 0
    assert receiver.calls.last.request.url.path == f"/api/v1/tasks/{task['task_id']}/explanation"
    assert [row[:3] for row in lines(result) if row[0] == "condition"] == [
        ["condition", "GPUAllocationIdle", "yes"],
        ["condition", "GPUAllocationIdle", "no"],
    ]


def test_task_is_killed_without_an_incident(receiver: respx.Route) -> None:
    [_, task] = running()
    receiver.respond(json=dry_run() | {"incident_id": ""})

    result = run("kill", "--task", task["task_id"], "--reason", "a new fan", "--dry-run")

    assert (result.exit_code, lines(result)[0][0]) == (0, "acts")
    asked = receiver.calls.last.request
    assert asked.url.raw_path.decode() == f"/api/v1/tasks/{task['task_id']}/kill?dry_run=true"
    assert json.loads(asked.content) == {"reason": "a new fan"}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param((), id="nothing"),
        pytest.param(("0f4c6a52", "--task", "c7a2ea20"), id="both"),
        pytest.param(("--task", "c7a2ea20", "--allocation", "c7a2ea20.1"), id="a part of a task"),
    ],
)
def test_stop_of_nothing_or_of_too_much_is_refused(
    receiver: respx.Route, what: tuple[str, ...]
) -> None:
    result = run("kill", *what, "--reason", "a new fan", "--yes")

    assert (result.exit_code, receiver.called) == (2, False)


@pytest.mark.parametrize("option", [(), ("--task",)])
def test_id_that_begins_like_several_stops_none_of_them(
    receiver: respx.Route, option: tuple[str, ...]
) -> None:
    [_, task] = running()
    other = "c7a2f00d-0000-4000-8000-000000000000"
    if option:
        tasks = [task, task | {"task_id": other}]
        receiver.respond(json={"tasks": tasks, "total": 2, "unknown": []})
    else:
        mine = held() | {"incident_id": task["task_id"]}
        receiver.respond(json=[mine, held() | {"incident_id": other}])

    result = run("kill", *option, "c7a2", "--reason", "a new fan", "--yes")

    assert result.exit_code == 1
    assert task["task_id"] in result.stderr
    assert other in result.stderr
    assert {call.request.method for call in receiver.calls} == {"GET"}


def test_users_are_listed_by_pool_and_what_is_not_known_of_them_is_empty(
    receiver: respx.Route,
) -> None:
    why = "Prometheus could not be read."
    receiver.respond(json={"users": users(), "total": 2, "unknown": [why]})

    result = run("users", "list")

    assert (result.exit_code, result.stderr) == (1, f"{why}\n")
    assert lines(result) == [
        ["bob", "default", "6", "4", "2", "4", "0", "2", "1"],
        ["bob", "a100", "2", "4", "", "", "0", "1", "1"],
        ["carol", "default", "1", "", "1", "0", "8", "2", "0"],
    ]
