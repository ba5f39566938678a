"""Health and metrics, named as Prometheus and Alertmanager name theirs."""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response, status
from fastapi.responses import PlainTextResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from app.api.dependencies import ContextDep, StoreDep

router = APIRouter(tags=["operations"])


@router.get("/-/healthy", summary="The process answers", response_class=PlainTextResponse)
async def healthy() -> PlainTextResponse:
    return PlainTextResponse("healthy\n")


@router.get(
    "/-/ready",
    summary="Webhooks are stored, and what is open is known",
    response_class=PlainTextResponse,
    responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"description": "The body says why not."}},
)
async def ready(store: StoreDep, context: ContextDep) -> PlainTextResponse:
    """Tell whether deliveries may be sent here; no other system has a say in that."""
    await store.heartbeat_at()  # Raises, and so answers 503, when the database cannot be used.
    telemetry = context.telemetry
    if not telemetry.knows_incidents:
        return PlainTextResponse(
            "not ready: the open incidents have not been read\n",
            status.HTTP_503_SERVICE_UNAVAILABLE,
        )
    if telemetry.last_tick is None:
        return PlainTextResponse("ready: webhooks are stored; the first tick has not ended\n")
    return PlainTextResponse("ready\n")


@router.get(
    "/metrics",
    summary="Metrics for Prometheus, and what the rules join on",
    response_class=PlainTextResponse,
)
def metrics(request: Request) -> Response:
    registry: CollectorRegistry = request.state.registry
    return StreamingResponse(written(registry), media_type=CONTENT_TYPE_LATEST)


class _Alone(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family


def written(registry: CollectorRegistry) -> Iterator[bytes]:
    """Yield the metrics a family at a time: of thousands of tasks, each of them is long enough.

    Where one cannot be written the answer ends in the midst: Prometheus takes nothing of it.
    """
    for family in registry.collect():
        yield generate_latest(_Alone(family))
