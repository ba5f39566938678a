"""Alertmanager: the message that it posts, and every peer over its API v2, as 0.25 has them."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

import httpx
import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from app.adapters.long_arrays import LongArray, read_long
from app.adapters.patterns import compiled
from app.adapters.upstream import Instant, upstream_errors
from app.domain.alert import HEARTBEAT, Alert, identify, is_for_admins
from app.domain.incident import Keep
from app.domain.matchers import Matcher, Silence
from app.domain.readings import PeerAlert, PeerAlertState, PeerReading
from app.errors import (
    InvalidAlertError,
    UpstreamError,
    UpstreamUnavailableError,
)

_COMMENT = "Kept through GPU Watchdog."
Element = TypeVar("Element")
_WORST_FIRST = (PeerAlertState.SUPPRESSED, PeerAlertState.UNPROCESSED, PeerAlertState.ACTIVE)


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


_Names = tuple[str, ...]


class _Status(msgspec.Struct, rename="camel", gc=False):
    """Not a model, nor is the next one: thousands are read at every tick."""

    state: str
    silenced_by: _Names = ()
    inhibited_by: _Names = ()
    muted_by: _Names = ()


class _Alert(msgspec.Struct, gc=False):
    labels: dict[str, str]
    status: _Status


_Ours = tuple[str, PeerAlert]
"""By the key of its identity."""


def _ours(alert: _Alert) -> _Ours | None:
    """Return an alert of ours, and None for any other."""
    labels, status = alert.labels, alert.status
    try:
        identity = identify(labels)
    except InvalidAlertError:
        return None
    for name in identity.labels():
        del labels[name]
    because = (status.silenced_by, status.inhibited_by, status.muted_by)
    return identity.key, _peer_alert(status.state, *because, *labels.items())


# Of thousands, nearly all are alike in this, and then are one object.
@lru_cache(maxsize=1024)
def _peer_alert(
    state: str,
    silenced_by: _Names,
    inhibited_by: _Names,
    muted_by: _Names,
    *labels: tuple[str, str],
) -> PeerAlert:
    return PeerAlert(PeerAlertState(state), dict(labels), silenced_by, inhibited_by, muted_by)


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


_ALERTS = msgspec.json.Decoder(list[_Alert])
_SILENCES = TypeAdapter(tuple[_Silence, ...])


class Alertmanager:
    """Implements `app.ports.AlertPeers` and `SilenceLists`, over one client for each peer."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient]) -> None:
        self._clients = clients

    async def read(self) -> Sequence[PeerReading]:
        readings = (_read_peer(name, client) for name, client in self._clients.items())
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


async def _read_peer(name: str, client: httpx.AsyncClient) -> PeerReading:
    """Read alerts and silences; a peer of which one cannot be read is not readable at all."""
    try:
        with upstream_errors(_system(name)):
            # Alerts of every state are in the answer unless the request leaves some out.
            alerts = await _read_array(client, "/api/v2/alerts", _read_alerts)
            silences = await _read_array(client, "/api/v2/silences", _SILENCES.validate_json)
    except UpstreamError as exc:
        return PeerReading(name, error=str(exc))
    return PeerReading(
        name,
        alerts=_by_identity(alerts),
        # Expired ones too: what came and went while nobody looked ends a round all the same (S9).
        silences=tuple(_silence(each) for each in silences),
    )


async def _read_silences(name: str, client: httpx.AsyncClient) -> PeerReading:
    try:
        with upstream_errors(_system(name)):
            silences = await _read_array(client, "/api/v2/silences", _SILENCES.validate_json)
    except UpstreamError as exc:
        return PeerReading(name, error=str(exc))
    return PeerReading(name, silences=tuple(_silence(each) for each in silences))


async def _read_array(
    client: httpx.AsyncClient, path: str, elements: Callable[[bytearray], Iterable[Element]]
) -> list[Element]:
    array = LongArray(elements, begins=b"[")
    return await read_long(client, path, array, elements)


def _read_alerts(array: bytearray) -> Iterable[_Ours | None]:
    return map(_ours, _ALERTS.decode(array))


def _by_identity(alerts: Iterable[_Ours | None]) -> dict[str, PeerAlert]:
    """Return our alerts; of several with one identity, what speaks against a stop counts."""
    found: dict[str, PeerAlert] = {}
    for alert in alerts:
        if alert is not None:
            key, ours = alert
            found[key] = _joined(found.get(key), ours)
    return found


def _joined(one: PeerAlert | None, other: PeerAlert) -> PeerAlert:
    if one is None:
        return other
    return PeerAlert(
        min(one.state, other.state, key=_WORST_FIRST.index),
        labels={**one.labels, **other.labels},
        silenced_by=one.silenced_by + other.silenced_by,
        inhibited_by=one.inhibited_by + other.inhibited_by,
        muted_by=one.muted_by + other.muted_by,
    )


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
