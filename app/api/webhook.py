"""Where Alertmanager posts its notifications (webhook version 4)."""

import asyncio
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, status
from pydantic import ValidationError

from app.adapters.alertmanager import Received, WebhookMessage, read_message
from app.api.dependencies import SENDERS, Caller, ContextDep, IntakeDep, allow
from app.api.problems import PROBLEMS, BodyTooLargeError, UnreadableBodyError, faults
from app.telemetry import Telemetry

log = structlog.get_logger()
router = APIRouter(tags=["webhook"], responses=PROBLEMS)
LARGEST_BODY = 16 * 2**20
"""Bytes. A group of 3,000 alerts is about 1 MiB."""
_ASIDE = 256 * 2**10
"""Bytes from which a body is read in a thread: it would keep everybody else waiting."""
_MOST_LOGGED = 10


def _schema() -> dict[str, Any]:
    schema = WebhookMessage.model_json_schema()
    schema["properties"]["alerts"]["items"] = schema.pop("$defs")["WebhookAlert"]
    return schema


@router.post(
    "/api/v1/alerts",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take a notification of Alertmanager",
    # The body is read by hand, since its size counts before its content does.
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}
    },
)
async def receive_alerts(
    request: Request,
    intake: IntakeDep,
    context: ContextDep,
    _caller: Annotated[Caller, Depends(allow(*SENDERS))],
) -> None:
    """Store every alert of a group, then answer.

    204 means "on disk". What was not stored is answered with 503, which Alertmanager repeats with
    backoff. One alert that breaks the contract keeps none of the others out: it is counted, logged
    and left.
    """
    body = await _body(request)
    message = await asyncio.to_thread(_read, body) if len(body) > _ASIDE else _read(body)
    received = read_message(message)
    _note(received, message, context.telemetry)
    await intake.receive(received.alerts, heartbeat=received.heartbeat)


async def _body(request: Request) -> bytes:
    """Read the body, and no more of it than is allowed: the header may lie or be missing.

    Raises:
        BodyTooLargeError: it is longer than `LARGEST_BODY`.
    """
    announced = request.headers.get("Content-Length", "0")
    if announced.isdecimal() and int(announced) > LARGEST_BODY:
        raise BodyTooLargeError(LARGEST_BODY)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise BodyTooLargeError(LARGEST_BODY)
        parts.append(part)
    return b"".join(parts)


def _read(body: bytes) -> WebhookMessage:
    try:
        return WebhookMessage.model_validate_json(body)
    except ValidationError as exc:
        words = faults(exc.errors(include_input=False, include_context=False, include_url=False))
        log.warning("webhook_unreadable", faults=words)
        raise UnreadableBodyError(words) from None


def _note(received: Received, message: WebhookMessage, telemetry: Telemetry) -> None:
    telemetry.webhook("ours", len(received.alerts))
    telemetry.webhook("heartbeat", int(received.heartbeat))
    telemetry.webhook("foreign", received.foreign)
    telemetry.webhook("admins", received.admins)
    telemetry.webhook("broken", len(received.broken))
    for labels, why in received.broken[:_MOST_LOGGED]:
        log.warning("alert_broken", alertname=labels.get("alertname"), why=why)
    if message.truncated_alerts:
        # They are not sent later. The reconciler finds them in Prometheus.
        log.warning("webhook_truncated", alerts=message.truncated_alerts)
        telemetry.truncated(message.truncated_alerts)
