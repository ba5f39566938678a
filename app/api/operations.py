"""Health and metrics, named as Prometheus and Alertmanager name theirs."""

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from app.api.dependencies import ContextDep, StoreDep

router = APIRouter(tags=["operations"])


@router.get("/-/healthy", summary="The process answers", response_class=PlainTextResponse)
async def healthy() -> PlainTextResponse:
    return PlainTextResponse("healthy\n")


@router.get(
    "/-/ready",
    summary="Webhooks are taken and incidents are watched",
    response_class=PlainTextResponse,
    responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"description": "The body says why not."}},
)
async def ready(store: StoreDep, context: ContextDep) -> PlainTextResponse:
    await store.heartbeat_at()  # Raises, and so answers 503, when the database cannot be used.
    if context.telemetry.last_tick is None:
        return PlainTextResponse(
            "not ready: the first tick has not ended\n", status.HTTP_503_SERVICE_UNAVAILABLE
        )
    return PlainTextResponse("ready\n")


@router.get(
    "/metrics",
    summary="Metrics for Prometheus, and what the rules join on",
    response_class=PlainTextResponse,
)
def metrics(request: Request) -> Response:
    registry: CollectorRegistry = request.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
