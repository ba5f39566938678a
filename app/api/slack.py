"""Where Slack posts what people press, unless it tells that over Socket Mode."""

from fastapi import APIRouter, Request, Response

from app.adapters.slack_interactions import (
    SIGNATURE_HEADER,
    TIME_HEADER,
    payload_of,
    verify,
)
from app.api.dependencies import ContextDep, SlackDep
from app.api.problems import PROBLEMS
from app.errors import InvalidInteractionError, NotSignedError

router = APIRouter(
    prefix="/slack",
    tags=["slack"],
    responses=PROBLEMS,
    # The body is read before it is known who sends it. A payload holds the whole message.
    max_body_size=2 * 2**20,
)


@router.post(
    "/interactions",
    summary="Take what somebody pressed in Slack",
    # The body is read by hand, since its signature counts before its content does.
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {"payload": {"type": "string"}},
                        "required": ["payload"],
                    }
                }
            },
        },
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
            for name in (SIGNATURE_HEADER, TIME_HEADER)
        ],
    },
)
async def take_interaction(request: Request, context: ContextDep, slack: SlackDep) -> Response:
    """Hand on what was pressed, and answer within 3 s, whatever comes of it.

    200 means that Slack need not show an error: what was asked is on disk, or will be told to the
    presser in words. Slack tells of a press once; whoever posts the same again changes nothing.
    """
    body = await request.body()
    signatures = request.headers.getlist(SIGNATURE_HEADER)
    times = request.headers.getlist(TIME_HEADER)
    try:
        verify(slack.signing_secret, body, signatures, times, now=context.now())
        payload = payload_of(body)
    except (NotSignedError, InvalidInteractionError) as exc:
        slack.reception.refuse(str(exc))
        raise
    await slack.reception.take(payload)
    return Response()
