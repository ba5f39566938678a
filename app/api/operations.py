"""Health and metrics, named as Prometheus and Alertmanager name theirs."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from app.api.dependencies import ContextDep

router = APIRouter(tags=["operations"])


@router.get("/-/healthy", summary="The process answers")
async def healthy() -> PlainTextResponse:
    return PlainTextResponse("healthy\n")


@router.get(
    "/-/ready",
    summary="Webhooks are taken and incidents are watched",
    responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"description": "The body says why not."}},
)
async def ready(request: Request, context: ContextDep) -> PlainTextResponse:
    readiness: Callable[[datetime], str] = request.state.readiness
    why_not = readiness(context.now())
    if why_not:
        return PlainTextResponse(f"not ready: {why_not}\n", status.HTTP_503_SERVICE_UNAVAILABLE)
    return PlainTextResponse("ready\n")


@router.get("/metrics", summary="Metrics for Prometheus, and what the rules join on")
def metrics(request: Request) -> Response:
    registry: CollectorRegistry = request.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
