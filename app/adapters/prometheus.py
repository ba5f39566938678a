"""Prometheus over its HTTP API: what fires, whether a rule is loaded, what an expression yields."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Generic, Literal, TypeVar

import httpx
import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.adapters.long_arrays import LongArray, read_long
from app.adapters.upstream import WireInstant, no_year_one, upstream_errors
from app.domain.alert import identify, is_for_admins
from app.domain.readings import AlertingRule, RuleAlert, Sample, Series
from app.errors import InvalidAlertError, UpstreamMalformedError, UpstreamUnavailableError

_SYSTEM = "Prometheus"
_Number = Annotated[float, Field(allow_inf_nan=True)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Alert(msgspec.Struct, rename="camel", gc=False):
    """Not a model: thousands are read at every tick."""

    labels: dict[str, str]
    annotations: dict[str, str]
    state: str
    active_at: WireInstant | None


_Ours = RuleAlert | str | None
"""An alert of ours, None for any other, or what is wrong with it."""


def _ours(alert: _Alert, before: Mapping[str, RuleAlert]) -> _Ours:
    """Read one. `before`: those of the last answer, by the key of their identity."""
    labels, active_at = alert.labels, no_year_one(alert.active_at)
    if alert.state != "firing" or not labels.get("policy") or is_for_admins(labels):
        return None
    if active_at is None:
        return "activeAt is not set"
    try:
        identity = identify(labels)
    except InvalidAlertError as exc:
        return str(exc)
    texts, known = alert.annotations, before.get(identity.key)
    if known is not None and (known.annotations, known.active_at) == (texts, active_at):
        # So it is with nearly all, and theirs are in memory already.
        return known
    # Its incident has the same texts, which then are in memory once.
    texts = dict(zip(texts, map(sys.intern, texts.values()), strict=True))
    return RuleAlert(identity, texts, active_at)


class _Alerts(msgspec.Struct):
    alerts: list[_Alert]


class _AnswerWithAlerts(msgspec.Struct):
    data: _Alerts


class _Rule(_Wire):
    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    duration: float = 0
    """In seconds."""
    last_error: str = Field(default="", alias="lastError")


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


class _MatrixSeries(_Wire):
    metric: dict[str, str]
    values: tuple[tuple[AwareDatetime, _Number], ...]


class _Matrix(_Wire):
    result_type: Literal["matrix"] = Field(alias="resultType")
    result: tuple[_MatrixSeries, ...]


class _Envelope(_Wire):
    status: Literal["success", "error"]
    warnings: tuple[str, ...] = ()


Data = TypeVar("Data")


class _Answer(_Envelope, Generic[Data]):
    data: Data


# The result of an instant query; a string, or a range of samples, is none that we ask for.
_Result = Annotated[_Vector | _Scalar, Field(discriminator="result_type")]
_ALERTS = msgspec.json.Decoder(list[_Alert])
_ANSWER_WITH_ALERTS = msgspec.json.Decoder(_AnswerWithAlerts)
_BEGIN_OF_ALERTS = b'{"status":"success","data":{"alerts":['
_GROUPS = TypeAdapter(_Answer[_Groups])
_RESULT: TypeAdapter[_Answer[_Vector | _Scalar]] = TypeAdapter(_Answer[_Result])

_MATRIX = TypeAdapter(_Answer[_Matrix])


def _ignore(_why: str) -> None:
    pass


class Prometheus:
    """Implements `app.ports.Rules`, `app.ports.RuleFiles` and `app.ports.Trends`."""

    def __init__(
        self, client: httpx.AsyncClient, *, on_broken: Callable[[str], None] = _ignore
    ) -> None:
        self._client = client
        self._on_broken = on_broken
        self._known: Mapping[str, RuleAlert] = {}
        """What fired when it was asked last, by the key of the identity."""

    async def firing_alerts(self) -> Sequence[RuleAlert]:
        with upstream_errors(_SYSTEM):
            array = LongArray(self._read_alerts, begins=_BEGIN_OF_ALERTS)
            alerts = await read_long(self._client, "/api/v1/alerts", array, self._last_alerts)
        found: dict[str, RuleAlert] = {}
        for alert in alerts:
            if alert is None:
                continue
            if isinstance(alert, str):
                self._on_broken(alert)
                continue
            # Of several, the one that began last: it makes the grace period longer, if anything.
            before = found.get(alert.identity.key)
            if before is None or alert.active_at > before.active_at:
                found[alert.identity.key] = alert
        self._known = found
        return list(found.values())

    def _read_alerts(self, array: bytearray) -> Iterable[_Ours]:
        return (_ours(alert, self._known) for alert in _ALERTS.decode(array))

    def _last_alerts(self, body: bytearray) -> Iterable[_Ours]:
        # First: an answer that is not whole may lack what is read next.
        _demand_whole(_Envelope.model_validate_json(body))
        alerts = _ANSWER_WITH_ALERTS.decode(body).data.alerts
        return (_ours(alert, self._known) for alert in alerts)

    async def has_alert(self, alertname: str) -> bool:
        return any(rule.name == alertname for rule in await self.alerting_rules())

    async def alerting_rules(self) -> Sequence[AlertingRule]:
        # Prometheus before 2.52 does not know the second one, and sends what fires as well.
        asked = {"type": "alert", "exclude_alerts": "true"}
        with upstream_errors(_SYSTEM):
            response = await self._client.get("/api/v1/rules", params=asked)
            groups = _read(_body(response), _GROUPS).groups
        return [
            AlertingRule(rule.name, rule.labels, timedelta(seconds=rule.duration), rule.last_error)
            for group in groups
            for rule in group.rules
        ]

    async def query(self, expression: str) -> Sequence[Sample]:
        with upstream_errors(_SYSTEM):
            # Posted: the expressions are longer than what some proxies take in an address.
            response = await self._client.post("/api/v1/query", data={"query": expression})
            found = _read(_body(response), _RESULT)
        if isinstance(found, _Scalar):
            return [Sample({}, found.result[1])]
        return [Sample(each.metric, each.value[1]) for each in found.result]

    async def range(
        self, expression: str, *, begin: datetime, end: datetime, step: timedelta
    ) -> Sequence[Series]:
        span = {
            "start": f"{begin.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step.total_seconds():g}",
        }
        with upstream_errors(_SYSTEM):
            response = await self._client.post(
                "/api/v1/query_range", data={"query": expression, **span}
            )
            found = _read(_body(response), _MATRIX)
            return [Series(each.metric, each.values) for each in found.result]


def _body(response: httpx.Response) -> bytes:
    response.raise_for_status()
    return response.content


def _read(body: bytes | bytearray, answer: TypeAdapter[_Answer[Data]]) -> Data:
    """Read what is in the envelope, in one go: ten thousand alerts are many megabytes.

    Raises:
        UpstreamUnavailableError: Prometheus warns that the answer is not whole (S5).
    """
    try:
        read = answer.validate_json(body)
    except ValidationError:
        # The envelope alone may say better what is wrong.
        _demand_whole(_Envelope.model_validate_json(body))
        raise
    _demand_whole(read)
    return read.data


def _demand_whole(envelope: _Envelope) -> None:
    if envelope.status != "success":
        raise UpstreamMalformedError(f"{_SYSTEM} answered with status {envelope.status}")
    if envelope.warnings:
        raise UpstreamUnavailableError(f"{_SYSTEM} warns: {envelope.warnings[0]}")
