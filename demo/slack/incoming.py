"""The incoming webhook: who knows its address says something in one channel, and needs no token.

As with the webhook of a Slack app, the address alone decides on channel and author, whatever the
message asks for. It answers with one word of plain text, unlike the Web API.
"""

from typing import cast

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from demo.slack.attachments import Attachment
from demo.slack.errors import SlackError
from demo.slack.model import Revision
from demo.slack.state import SlackState

MAX_ATTACHMENTS = 100
_STATUSES = {
    "invalid_payload": 400,
    "no_text": 400,
    "too_many_attachments": 400,
    "invalid_token": 403,
    "channel_not_found": 404,
    "no_service": 404,
}


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = ""
    attachments: tuple[Attachment, ...] = ()


async def receive(request: Request) -> Response:
    state = cast("SlackState", request.app.state.slack)
    try:
        _admit(state, **request.path_params)
        _post(state, _payload(await request.body()))
    except SlackError as error:
        return PlainTextResponse(error.code, _STATUSES[error.code])
    return PlainTextResponse("ok")


def _admit(state: SlackState, team: str, service: str, token: str) -> None:
    """
    Raises:
        SlackError: nothing has this address.
    """
    if (team, service) != state.webhook[:2]:
        raise SlackError("no_service")
    if token != state.webhook[2]:
        raise SlackError("invalid_token")


def _payload(body: bytes) -> _Payload:
    """Read JSON. The other way, a form with a field `payload`, is for nobody here."""
    try:
        payload = _Payload.model_validate_json(body)
    except ValidationError as exc:
        raise SlackError("invalid_payload") from exc
    if len(payload.attachments) > MAX_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    if not payload.text and not any(one.words for one in payload.attachments):
        raise SlackError("no_text")
    return payload


def _post(state: SlackState, payload: _Payload) -> None:
    conversation = state.conversations.get(state.admin_channel_id)
    if conversation is None:
        raise SlackError("channel_not_found")
    said = Revision(state.now(), payload.text, attachments=payload.attachments)
    state.post(conversation, said, author=state.alertmanager)


ROUTES = [Route("/services/{team}/{service}/{token}", receive, methods=["POST"])]
