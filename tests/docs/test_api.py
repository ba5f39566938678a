"""docs/api.md, held to the application."""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.adapters.alertmanager import WebhookMessage, read_message
from app.api import (
    actions,
    breaker,
    explanation,
    incidents,
    operations,
    slack,
    task_actions,
    tasks,
    users,
    webhook,
)
from app.api.actions import ActionView, EffectView, WarningView
from app.api.breaker import BreakerView
from app.api.dependencies import allow
from app.api.explanation import ExplanationView
from app.api.incidents import IncidentView, IncidentWithHistory
from app.api.tasks import OneTaskView, TaskView
from app.api.users import UserListView
from app.domain.press import Press
from app.main import create_app
from app.settings import CONFIG_VARIABLE, load_settings
from tests.docs.pages import ROOT, blocks, code, codes, prose, read, rows, section

PAGE = read("docs/api.md")
ROLES = {code(row["endpoint"]): set(codes(row["roles"])) for row in rows(PAGE, "endpoint", "roles")}
ENDPOINT = re.compile(r"^### `([A-Z]+ /\S*)`$", re.MULTILINE)


def routes() -> Iterator[APIRoute]:
    routers: tuple[APIRouter, ...] = (
        webhook.router,
        incidents.router,
        actions.router,
        tasks.router,
        explanation.router,
        task_actions.router,
        users.router,
        breaker.router,
        slack.router,
        operations.router,
    )
    for router in routers:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def roles_of(route: APIRoute) -> set[str]:
    """Return whom the route lets in; nobody in particular means everybody."""
    calls = [dependency.call for dependency in route.dependant.dependencies]
    checks = [call for call in calls if call and call.__qualname__.startswith(allow.__name__ + ".")]
    return {
        str(role) for check in checks for role in inspect.getclosurevars(check).nonlocals["roles"]
    }


async def nobody_presses(_press: Press) -> str:
    return ""


def example(heading: str) -> Any:  # noqa: ANN401  # parsed JSON
    [text] = blocks(section(PAGE, heading), "json")
    return json.loads(text)


def test_every_endpoint_is_documented_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(ROOT / "watchdog.example.yaml"))
    monkeypatch.setenv("WATCHDOG_SLACK__SIGNING_SECRET_FILE", "secrets/slack_signing_secret")
    app = create_app(load_settings(), press_handler=nobody_presses)
    paths: dict[str, dict[str, object]] = app.openapi()["paths"]

    real = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    assert set(ENDPOINT.findall(prose(PAGE))) == real


def test_roles_are_documented_as_they_are() -> None:
    real = {
        f"{method} {route.path}": roles_of(route)
        for route in routes()
        for method in route.methods or ()
    }

    assert real == ROLES
    assert any(real.values()), "no role was found: the check looks in the wrong place"


@pytest.mark.parametrize("endpoint", ENDPOINT.findall(prose(PAGE)))
def test_every_endpoint_has_an_example_to_paste(endpoint: str) -> None:
    method, path = endpoint.split(" ")

    [command] = blocks(section(PAGE, f"### `{endpoint}`"), "sh")

    assert "curl " in command
    assert ("-X POST" in command) == (method == "POST")
    assert path.replace("{incident_id}", "$ID").replace("{task_id}", "$TASK") in command
    assert ("$TOKEN" in command) == bool(ROLES[endpoint])


def test_example_of_the_webhook_is_an_alert_of_ours() -> None:
    message = WebhookMessage.model_validate(example("### `POST /api/v1/alerts`"))

    received = read_message(message)

    assert (len(received.alerts), received.broken, received.foreign) == (1, (), 0)


def test_example_of_an_incident_has_every_field() -> None:
    shown = example("### `GET /api/v1/incidents/{incident_id}`")

    read_again = IncidentWithHistory.model_validate(shown).model_dump(mode="json")

    assert read_again == shown


def test_example_of_a_task_has_every_field() -> None:
    shown = example("### `GET /api/v1/tasks/{task_id}`")

    read_again = OneTaskView.model_validate(shown).model_dump(mode="json")

    assert read_again == shown


def test_example_of_the_users_has_every_field() -> None:
    shown = example("### `GET /api/v1/users`")

    read_again = UserListView.model_validate(shown).model_dump(mode="json")

    assert read_again == shown


def test_example_of_an_explanation_has_every_field_beside_the_task() -> None:
    shown = example("### `GET /api/v1/tasks/{task_id}/explanation`")
    task = example("### `GET /api/v1/tasks/{task_id}`")
    shown["task"] = {name: task[name] for name in TaskView.model_fields}

    read_again = ExplanationView.model_validate(shown).model_dump(mode="json")

    assert read_again == shown


def test_example_of_an_action_has_every_field_beside_the_incident() -> None:
    shown = example("### What all actions have in common")
    incident = dict.fromkeys(IncidentView.model_fields)

    [effect], [warning] = shown["effects"], shown["warnings"]

    assert (incident | shown).keys() == ActionView.model_fields.keys()
    assert EffectView.model_validate(effect).model_dump(mode="json") == effect
    assert WarningView.model_validate(warning).model_dump(mode="json") == warning


def test_example_of_the_breaker_has_every_field() -> None:
    shown = example("### `GET /api/v1/breaker`")

    read_again = BreakerView.model_validate(shown).model_dump(mode="json")

    assert read_again == shown
