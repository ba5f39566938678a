"""What Prometheus says of itself: its rules, its targets, and where it sends alerts."""

from datetime import timedelta
from typing import Annotated, Generic, Literal, TypeVar

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from app.adapters.upstream import Instant, upstream_errors
from app.durations import parse_duration


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class LoadedRule(_Wire):
    name: str
    health: str
    """`ok`, `err`, or `unknown` until its first evaluation."""
    last_error: str = ""
    query: str = ""
    labels: dict[str, str] = Field(default_factory=dict)


class LoadedGroup(_Wire):
    name: str
    interval: float
    """Seconds."""
    last_evaluation: Instant = None
    """None: it has never been evaluated."""
    rules: tuple[LoadedRule, ...]


class Target(_Wire):
    labels: dict[str, str]
    scrape_url: str = ""
    health: str
    """`up`, `down`, or `unknown` until its first scrape."""
    last_error: str = ""
    scrape_interval: Annotated[timedelta | None, BeforeValidator(parse_duration)] = None


class _Groups(_Wire):
    groups: tuple[LoadedGroup, ...]


class _Targets(_Wire):
    active_targets: tuple[Target, ...]


class _Peer(_Wire):
    url: str


class _Peers(_Wire):
    active_alertmanagers: tuple[_Peer, ...]


class _Build(_Wire):
    version: str


Data = TypeVar("Data")


class _Answer(_Wire, Generic[Data]):
    status: Literal["success"]
    data: Data


_GROUPS = TypeAdapter(_Answer[_Groups])
_TARGETS = TypeAdapter(_Answer[_Targets])
_PEERS = TypeAdapter(_Answer[_Peers])
_BUILD = TypeAdapter(_Answer[_Build])


def read_groups(body: bytes) -> tuple[LoadedGroup, ...]:
    return _GROUPS.validate_json(body).data.groups


def read_targets(body: bytes) -> tuple[Target, ...]:
    return _TARGETS.validate_json(body).data.active_targets


def read_peers(body: bytes) -> tuple[str, ...]:
    """Return the addresses that alerts are sent to."""
    return tuple(peer.url for peer in _PEERS.validate_json(body).data.active_alertmanagers)


def read_version(body: bytes) -> str:
    return _BUILD.validate_json(body).data.version


class PrometheusStatus:
    """Every method raises `UpstreamError` where Prometheus does not tell."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def version(self) -> str:
        with upstream_errors("Prometheus"):
            return read_version(await self._get("status/buildinfo"))

    async def groups(self) -> tuple[LoadedGroup, ...]:
        with upstream_errors("Prometheus"):
            return read_groups(await self._get("rules"))

    async def targets(self) -> tuple[Target, ...]:
        with upstream_errors("Prometheus"):
            return read_targets(await self._get("targets", state="active"))

    async def peers(self) -> tuple[str, ...]:
        with upstream_errors("Prometheus"):
            return read_peers(await self._get("alertmanagers"))

    async def _get(self, path: str, **params: str) -> bytes:
        response = await self._client.get(f"/api/v1/{path}", params=params)
        return response.raise_for_status().content
