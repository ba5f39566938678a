"""Prometheus over its HTTP API: what fires, whether a rule is loaded, what an expression yields."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field

from app.adapters.upstream import Instant, upstream_errors
from app.domain.alert import identify, is_for_admins
from app.domain.readings import RuleAlert, Sample
from app.errors import InvalidAlertError, UpstreamMalformedError, UpstreamUnavailableError

_SYSTEM = "Prometheus"
_Number = Annotated[float, Field(allow_inf_nan=True)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Alert(_Wire):
    labels: dict[str, str]
    annotations: dict[str, str]
    state: str
    active_at: Instant = Field(alias="activeAt")


class _Alerts(_Wire):
    alerts: tuple[_Alert, ...]


class _Rule(_Wire):
    name: str


class _Group(_Wire):
    rules: tuple[_Rule, ...]


class _Groups(_Wire):
    groups: tuple[_Group, ...]


class _VectorSample(_Wire):
    metric: dict[str, str]
    value: tuple[float, _Number]


class _Vector(_Wire):
    result_type: Literal["vector"] = Field(alias="resultType")
    result: tuple[_VectorSample, ...]


class _Scalar(_Wire):
    result_type: Literal["scalar"] = Field(alias="resultType")
    result: tuple[float, _Number]


class _Result(_Wire):
    """The result of an instant query; a string, or a range of samples, is none that we ask for."""

    found: Annotated[_Vector | _Scalar, Field(discriminator="result_type")]


class _Envelope(_Wire):
    status: str
    data: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()


Model = TypeVar("Model", bound=BaseModel)


def _ignore(_why: str) -> None:
    pass


class Prometheus:
    """Implements `app.ports.Rules`."""

    def __init__(
        self, client: httpx.AsyncClient, *, on_broken: Callable[[str], None] = _ignore
    ) -> None:
        self._client = client
        self._on_broken = on_broken

    async def firing_alerts(self) -> Sequence[RuleAlert]:
        with upstream_errors(_SYSTEM):
            response = await self._client.get("/api/v1/alerts")
            alerts = _read(response, _Alerts).alerts
        found: dict[str, RuleAlert] = {}
        for alert in alerts:
            mine = self._ours(alert)
            if mine is None:
                continue
            # Of several, the one that began last: it makes the grace period longer, if anything.
            before = found.get(mine.identity.key)
            if before is None or mine.active_at > before.active_at:
                found[mine.identity.key] = mine
        return list(found.values())

    async def has_alert(self, alertname: str) -> bool:
        with upstream_errors(_SYSTEM):
            response = await self._client.get("/api/v1/rules", params={"type": "alert"})
            groups = _read(response, _Groups).groups
        return any(rule.name == alertname for group in groups for rule in group.rules)

    async def query(self, expression: str) -> Sequence[Sample]:
        with upstream_errors(_SYSTEM):
            # Posted: the expressions are longer than what some proxies take in an address.
            response = await self._client.post("/api/v1/query", data={"query": expression})
            found = _read(response, _Result, under="found").found
        if isinstance(found, _Scalar):
            return [Sample({}, found.result[1])]
        return [Sample(each.metric, each.value[1]) for each in found.result]

    def _ours(self, alert: _Alert) -> RuleAlert | None:
        if alert.state != "firing" or not alert.labels.get("policy"):
            return None
        if is_for_admins(alert.labels):
            return None
        if alert.active_at is None:
            self._on_broken("activeAt is not set")
            return None
        try:
            identity = identify(alert.labels)
        except InvalidAlertError as exc:
            self._on_broken(str(exc))
            return None
        return RuleAlert(identity, alert.annotations, alert.active_at)


def _read(response: httpx.Response, model: type[Model], *, under: str = "") -> Model:
    """Read what is in the envelope.

    Raises:
        UpstreamUnavailableError: Prometheus warns that the answer is not whole (S5).
    """
    response.raise_for_status()
    envelope = _Envelope.model_validate_json(response.content)
    if envelope.status != "success":
        raise UpstreamMalformedError(f"{_SYSTEM} answered with status {envelope.status}")
    if envelope.warnings:
        raise UpstreamUnavailableError(f"{_SYSTEM} warns: {envelope.warnings[0]}")
    return model.model_validate({under: envelope.data} if under else envelope.data)
