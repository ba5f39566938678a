"""What Determined says of itself and of the account that the watchdog has there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from app.adapters.determined_session import Session
from app.adapters.upstream import read_date, upstream_errors

_SYSTEM = "Determined"


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class _Master(_Wire):
    version: str
    rbac_enabled: bool = False


class Account(_Wire):
    username: str
    admin: bool
    active: bool


class _Me(_Wire):
    user: Account


class _Permission(_Wire):
    id: str


class _Role(_Wire):
    role_id: int
    permissions: tuple[_Permission, ...] = ()


class _Assignment(_Wire):
    role_id: int
    scope_cluster: bool = False


class _Summary(_Wire):
    roles: tuple[_Role, ...] = ()
    assignments: tuple[_Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Master:
    version: str
    has_roles: bool
    """Whether roles decide who may stop whose tasks (RBAC). Otherwise every account may."""
    clock: datetime | None
    """What time it is there, in whole seconds. None: it does not say."""


_MASTER, _ME, _SUMMARY = TypeAdapter(_Master), TypeAdapter(_Me), TypeAdapter(_Summary)


def read_master(body: bytes, headers: httpx.Headers) -> Master:
    found = _MASTER.validate_json(body)
    return Master(found.version, found.rbac_enabled, read_date(headers))


def read_account(body: bytes) -> Account:
    return _ME.validate_json(body).user


def read_permissions(body: bytes) -> frozenset[str]:
    """Return what the account may do everywhere; not what it may in some workspaces alone."""
    summary = _SUMMARY.validate_json(body)
    everywhere = {one.role_id for one in summary.assignments if one.scope_cluster}
    return frozenset(
        permission.id
        for role in summary.roles
        if role.role_id in everywhere
        for permission in role.permissions
    )


class DeterminedStatus:
    """Every method raises `UpstreamError` where Determined does not tell."""

    def __init__(self, client: httpx.AsyncClient, session: Session) -> None:
        self._client = client
        self._session = session

    async def master(self) -> Master:
        """GET /api/v1/master, for which no account is needed."""
        with upstream_errors(_SYSTEM):
            response = await self._client.get("/api/v1/master")
            response.raise_for_status()
            return read_master(response.content, response.headers)

    async def account(self) -> Account:
        with upstream_errors(_SYSTEM):
            return read_account(await self._get("/api/v1/me"))

    async def permissions(self) -> Sequence[str]:
        with upstream_errors(_SYSTEM):
            return sorted(read_permissions(await self._get("/api/v1/permissions/summary")))

    async def state_metrics(self) -> bool:
        """Tell whether the master has any det-state-metrics: there are none where they are off."""
        with upstream_errors(_SYSTEM):
            path = "/prom/det-state-metrics"
            response = await self._client.get(path, auth=self._session)
            if response.status_code == httpx.codes.NOT_FOUND:
                return False
            response.raise_for_status()
            return True

    async def _get(self, path: str) -> bytes:
        response = await self._client.get(path, auth=self._session)
        return response.raise_for_status().content
