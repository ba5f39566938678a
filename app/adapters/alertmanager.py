"""Alertmanager: the message that it posts, and every peer over its API v2, as 0.25 has them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from app.adapters.alertmanager_alerts import AlertLists, by_identity
from app.adapters.long_arrays import LongArray, read_long
from app.adapters.patterns import compiled
from app.adapters.upstream import Instant, upstream_errors
from app.domain.alert import HEARTBEAT, Alert, identify, is_for_admins
from app.domain.incident import Keep
from app.domain.matchers import Matcher, Silence
from app.domain.readings import PeerReading
from app.errors import (
    InvalidAlertError,
    UpstreamError,
    UpstreamUnavailableError,
)

_COMMENT = "Kept through GPU Watchdog."


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class WebhookAlert(_Wire):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: Instant = None
    ends_at: Instant = None
    """None while it fires."""
    fingerprint: str = ""


class WebhookMessage(_Wire):
    """What Alertmanager posts. Fields of later versions are let in and left alone."""

    version: Literal["4"]
    group_key: str = ""
    alerts: tuple[WebhookAlert, ...]
    truncated_alerts: Annotated[int, Field(ge=0, lt=2**64)] = 0
    """How many alerts `max_alerts` cut off. They are not sent later."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a message says to us."""

    alerts: tuple[Alert, ...]
    broken: tuple[tuple[Mapping[str, str], str], ...]
    """The labels of alerts that break the contract, each with the reason."""
    foreign: int
    """How many have no policy, and so are not ours."""
    admins: int
    """How many are for the admins, whom Alertmanager tells by itself."""
    heartbeat: bool


def read_message(message: WebhookMessage) -> Received:
    alerts: list[Alert] = []
    broken: list[tuple[Mapping[str, str], str]] = []
    foreign, admins, heartbeat = 0, 0, False
    for each in message.alerts:
        firing = each.status == "firing"
        if each.labels.get("alertname") == HEARTBEAT:
            heartbeat = heartbeat or firing
        elif not each.labels.get("policy"):
            foreign += 1
        elif is_for_admins(each.labels):
            admins += 1
        else:
            try:
                identity = identify(each.labels)
            except InvalidAlertError as exc:
                broken.append((each.labels, str(exc)))
                continue
            alerts.append(Alert(identity, each.annotations, each.starts_at, firing, each.labels))
    return Received(tuple(alerts), tuple(broken), foreign, admins, heartbeat)


class _SilenceStatus(_Wire):
    state: str


class _Matcher(_Wire):
    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class _Silence(_Wire):
    id: str
    # None at all would silence everything, or be something that this API cannot tell.
    matchers: Annotated[tuple[_Matcher, ...], Field(min_length=1)]
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    created_by: str
    comment: str
    status: _SilenceStatus


class _Made(_Wire):
    silence_id: Annotated[str, Field(alias="silenceID", min_length=1)]


_SILENCES = TypeAdapter(tuple[_Silence, ...])


class Alertmanager:
    """Implements `app.ports.AlertPeers` and `SilenceLists`, over one client for each peer."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient]) -> None:
        self._clients = clients
        self._lists = AlertLists()

    async def read(self) -> Sequence[PeerReading]:
        self._lists.begin()
        readings = (_read_peer(name, client, self._lists) for name, client in self._clients.items())
        return await asyncio.gather(*readings)

    async def silences(self) -> Sequence[PeerReading]:
        readings = (_read_silences(name, client) for name, client in self._clients.items())
        return await asyncio.gather(*readings)

    async def silence(self, keep: Keep) -> str:
        """Make it on the first peer that takes it; they tell each other."""
        refused: UpstreamError = UpstreamUnavailableError("no Alertmanager is configured")
        body = _silence_body(keep)
        for name, client in self._clients.items():
            try:
                with upstream_errors(_system(name)):
                    response = await client.post("/api/v2/silences", json=body)
                    response.raise_for_status()
                    return _Made.model_validate_json(response.content).silence_id
            except UpstreamError as exc:
                refused = exc
        raise refused


async def _read_peer(name: str, client: httpx.AsyncClient, lists: AlertLists) -> PeerReading:
    """Read alerts and silences; a peer of which one cannot be read is not readable at all."""
    try:
        with upstream_errors(_system(name)):
            # Alerts of every state are in the answer unless the request leaves some out.
            alerts = await read_long(client, "/api/v2/alerts", lists.array(), lists.read)
            silences = await _silences(client)
    except UpstreamError as exc:
        return PeerReading(name, error=str(exc))
    return PeerReading(
        name,
        alerts=by_identity(alerts),
        # Expired ones too: what came and went while nobody looked ends a round all the same (S9).
        silences=tuple(_silence(each) for each in silences),
    )


async def _read_silences(name: str, client: httpx.AsyncClient) -> PeerReading:
    try:
        with upstream_errors(_system(name)):
            silences = await _silences(client)
    except UpstreamError as exc:
        return PeerReading(name, error=str(exc))
    return PeerReading(name, silences=tuple(_silence(each) for each in silences))


async def _silences(client: httpx.AsyncClient) -> list[_Silence]:
    array = LongArray(_SILENCES.validate_json, begins=b"[")
    return await read_long(client, "/api/v2/silences", array, _SILENCES.validate_json)


def _silence(silence: _Silence) -> Silence:
    return Silence(
        silence_id=silence.id,
        matchers=tuple(_matcher(each) for each in silence.matchers),
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        created_by=silence.created_by,
        comment=silence.comment,
        is_called_active=silence.status.state == "active",
    )


def _matcher(matcher: _Matcher) -> Matcher:
    pattern = compiled(matcher.value) if matcher.is_regex else None
    return Matcher(matcher.name, matcher.value, matcher.is_regex, matcher.is_equal, pattern=pattern)


def _silence_body(keep: Keep) -> dict[str, object]:
    """Return the fields that 0.25 knows; by policy and task, so that it outlives an allocation."""
    return {
        "matchers": [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in (("policy", keep.policy), ("task_id", keep.task_id))
        ],
        "startsAt": keep.created_at.isoformat(),
        "endsAt": keep.until.isoformat(),
        "createdBy": keep.by,
        "comment": keep.reason or _COMMENT,
    }


def _system(name: str) -> str:
    return f"Alertmanager {name}"
