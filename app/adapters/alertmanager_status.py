"""What an Alertmanager says of itself: its version, its cluster, and the configuration in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import httpx
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.adapters.upstream import read_date, upstream_errors

# What Alertmanager leaves out of its configuration it writes as null.
_Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: value or ())]


def _as_matchers(value: object) -> object:
    """Read one text, in which commas may separate, as Alertmanager takes it too."""
    return (value,) if isinstance(value, str) else value or ()


_Matchers = Annotated[tuple[str, ...], BeforeValidator(_as_matchers)]
_Equalities = Annotated[dict[str, str], BeforeValidator(lambda value: value or {})]


class _Yaml(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Route(_Yaml):
    receiver: str = ""
    """Empty: that of the route above."""
    match: _Equalities = Field(default_factory=dict)
    match_re: _Equalities = Field(default_factory=dict)
    matchers: _Matchers = ()
    goes_on: Annotated[bool, Field(alias="continue")] = False
    mute_time_intervals: _Texts = ()
    active_time_intervals: _Texts = ()
    group_interval: str = ""
    repeat_interval: str = ""
    routes: Annotated[tuple["Route", ...], BeforeValidator(lambda value: value or ())] = ()


class Webhook(_Yaml):
    url: str = ""
    """`<secret>` from 0.26 on."""
    url_file: str = ""
    send_resolved: bool = True
    max_alerts: int = 0
    http_config: Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})] = Field(
        default_factory=dict
    )


class Receiver(_Yaml):
    name: str
    webhook_configs: Annotated[tuple[Webhook, ...], BeforeValidator(lambda value: value or ())] = ()


class InhibitRule(_Yaml):
    source_match: _Equalities = Field(default_factory=dict)
    source_match_re: _Equalities = Field(default_factory=dict)
    source_matchers: _Matchers = ()
    target_match: _Equalities = Field(default_factory=dict)
    target_match_re: _Equalities = Field(default_factory=dict)
    target_matchers: _Matchers = ()
    equal: _Texts = ()


class PeerConfiguration(_Yaml):
    route: Route
    receivers: tuple[Receiver, ...] = ()
    inhibit_rules: Annotated[
        tuple[InhibitRule, ...], BeforeValidator(lambda value: value or ())
    ] = ()


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class _Member(_Wire):
    address: str


class _Cluster(_Wire):
    status: str
    peers: Annotated[tuple[_Member, ...], BeforeValidator(lambda value: value or ())] = ()


class _Version(_Wire):
    version: str


class _Config(_Wire):
    original: str


class _Status(_Wire):
    cluster: _Cluster
    version_info: _Version
    config: _Config


@dataclass(frozen=True, slots=True)
class PeerStatus:
    version: str
    is_clustered: bool
    members: Sequence[str]
    """The addresses of all members of its cluster, its own among them."""
    configuration: PeerConfiguration


def read_status(body: bytes) -> PeerStatus:
    """
    Raises:
        ValueError: it is no status of Alertmanager's API v2.
    """
    status = _Status.model_validate_json(body)
    try:
        written: Mapping[str, Any] = yaml.safe_load(status.config.original)
    except yaml.YAMLError:
        # Without the cause: its text quotes the configuration.
        raise ValueError("its configuration is no YAML") from None
    return PeerStatus(
        version=status.version_info.version,
        is_clustered=status.cluster.status != "disabled",
        members=tuple(member.address for member in status.cluster.peers),
        configuration=PeerConfiguration.model_validate(written),
    )


async def peer_status(client: httpx.AsyncClient, name: str) -> tuple[PeerStatus, datetime | None]:
    """Return the status, and what time it is there.

    Raises:
        UpstreamError: it does not tell.
    """
    with upstream_errors(f"Alertmanager {name}"):
        response = await client.get("/api/v2/status")
        response.raise_for_status()
        return read_status(response.content), read_date(response.headers)


async def is_open(stranger: httpx.AsyncClient, name: str) -> bool:
    """Tell whether it answers somebody who shows no credentials.

    Raises:
        UpstreamError: it does not answer at all.
    """
    with upstream_errors(f"Alertmanager {name}"):
        return (await stranger.get("/api/v2/receivers")).is_success
