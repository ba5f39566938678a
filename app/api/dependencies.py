"""What a route may ask for, typed; and who may call it."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypedDict

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry

from app.adapters.slack_reception import Reception
from app.api.door import Door
from app.api.owner_page_values import OwnerPage
from app.context import Context
from app.domain.access import Role
from app.explanations import Explanations
from app.holders import Holders
from app.intake import Intake
from app.manual_actions import ManualActions
from app.ports import IncidentStore
from app.recorder import Recorder
from app.task_actions import TaskActions
from app.tasks import Tasks


class PermissionDeniedError(Exception):
    """The token is known, and its role does not allow this. Rendered as 403."""


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    role: Role
    secret: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, for the history."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class SlackEntrance:
    """What the endpoint for Slack needs."""

    reception: Reception
    signing_secret: bytes


class State(TypedDict):
    """What `request.state` carries. Starlette copies it into every request."""

    intake: Intake
    manual_actions: ManualActions
    task_actions: TaskActions
    tasks: Tasks
    explanations: Explanations
    holders: Holders
    store: IncidentStore
    recorder: Recorder
    context: Context
    registry: CollectorRegistry
    tokens: Sequence[Token]
    door: Door
    slack: SlackEntrance | None
    """None: there is no endpoint for Slack."""
    owner_page: OwnerPage | None
    """None: owners have no page."""


_bearer = HTTPBearer(auto_error=False)


def _caller(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Compare with every token, in constant time: rotation means that two are valid at once."""
    # Latin-1 gives the bytes as they came: headers are read in it.
    given = credentials.credentials.encode("latin-1") if credentials else b""
    tokens: Sequence[Token] = request.state.tokens
    found = [token for token in tokens if hmac.compare_digest(token.secret, given)]
    if not given or not found:
        door: Door = request.state.door
        address = request.client.host if request.client else ""
        door.refuse(address, f"{request.method} {request.url.path}", has_token=bool(given))
    return Caller(found[0].name, found[0].role)


def allow(*roles: Role) -> Callable[[Caller], Caller]:
    """Make a dependency that lets only these roles pass."""

    def check(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if caller.role not in roles:
            raise PermissionDeniedError
        return caller

    return check


READERS = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
OPERATORS = (Role.OPERATOR, Role.ADMIN)
ADMINS = (Role.ADMIN,)
SENDERS = (Role.ALERTMANAGER, Role.ADMIN)


def _intake(request: Request) -> Intake:
    intake: Intake = request.state.intake
    return intake


def _store(request: Request) -> IncidentStore:
    store: IncidentStore = request.state.store
    return store


def _recorder(request: Request) -> Recorder:
    recorder: Recorder = request.state.recorder
    return recorder


def _context(request: Request) -> Context:
    context: Context = request.state.context
    return context


def _manual_actions(request: Request) -> ManualActions:
    actions: ManualActions = request.state.manual_actions
    return actions


def _task_actions(request: Request) -> TaskActions:
    actions: TaskActions = request.state.task_actions
    return actions


def _tasks(request: Request) -> Tasks:
    tasks: Tasks = request.state.tasks
    return tasks


def _explanations(request: Request) -> Explanations:
    explanations: Explanations = request.state.explanations
    return explanations


def _holders(request: Request) -> Holders:
    holders: Holders = request.state.holders
    return holders


def _slack(request: Request) -> SlackEntrance:
    entrance: SlackEntrance = request.state.slack
    return entrance


IntakeDep = Annotated[Intake, Depends(_intake)]
ManualActionsDep = Annotated[ManualActions, Depends(_manual_actions)]
TaskActionsDep = Annotated[TaskActions, Depends(_task_actions)]
TasksDep = Annotated[Tasks, Depends(_tasks)]
ExplanationsDep = Annotated[Explanations, Depends(_explanations)]
HoldersDep = Annotated[Holders, Depends(_holders)]
StoreDep = Annotated[IncidentStore, Depends(_store)]
RecorderDep = Annotated[Recorder, Depends(_recorder)]
ContextDep = Annotated[Context, Depends(_context)]
SlackDep = Annotated[SlackEntrance, Depends(_slack)]
