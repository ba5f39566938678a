"""The control interface: what happens in the simulated workspace, switched from outside."""

import html
from datetime import timedelta
from typing import TypeVar, cast
from zoneinfo import ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.slack.calls import Fault
from demo.slack.errors import ControlError
from demo.slack.model import Conversation, Message, Revision, User
from demo.slack.state import SlackState
from demo.slack.wire import (
    AddChannel,
    AddFault,
    AddUser,
    CallRecord,
    MessageRecord,
    RevisionRecord,
    Say,
    SetActive,
    SetScopes,
    UserRecord,
)

M = TypeVar("M", bound=BaseModel)


def state_of(request: Request) -> SlackState:
    return cast("SlackState", request.app.state.slack)


async def read(request: Request, model: type[M]) -> M:
    return model.model_validate_json(await request.body())


def nothing() -> Response:
    return Response(status_code=204)


async def add_user(request: Request) -> Response:
    body = await read(request, AddUser)
    try:
        user = state_of(request).add_user(
            body.username, email=body.email, timezone=body.tz, user_id=body.user_id
        )
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise ControlError(f"no time zone {body.tz}") from exc
    return JSONResponse(_user(user), status_code=201)


async def get_users(request: Request) -> Response:
    return JSONResponse([_user(user) for user in state_of(request).users.values()])


async def set_active(request: Request) -> Response:
    body = await read(request, SetActive)
    state_of(request).user_named(request.path_params["name"]).deleted = not body.active
    return nothing()


async def add_channel(request: Request) -> Response:
    body = await read(request, AddChannel)
    channel = state_of(request).add_channel(
        body.name, channel_id=body.channel_id, bot_is_member=body.bot_is_member
    )
    return JSONResponse({"channel_id": channel.channel_id}, status_code=201)


async def set_scopes(request: Request) -> Response:
    body = await read(request, SetScopes)
    state = state_of(request)
    if body.of_app:
        state.app_scopes = frozenset(body.scopes)
    else:
        state.scopes = frozenset(body.scopes)
    return nothing()


async def say(request: Request) -> Response:
    body = await read(request, Say)
    state = state_of(request)
    conversation = state.conversations.get(body.channel_id)
    if conversation is None:
        raise ControlError(f"no conversation {body.channel_id}")
    message = state.post(
        conversation,
        # Slack's own clients escape what people type.
        Revision(state.now(), html.escape(body.text, quote=False)),
        thread_ts=body.thread_ts,
        author=state.user_named(body.username),
    )
    return JSONResponse({"ts": message.ts}, status_code=201)


async def add_fault(request: Request) -> Response:
    body = await read(request, AddFault)
    fault = Fault(
        body.kind,
        method=body.method,
        error=body.error,
        status=body.status,
        retry_after=body.retry_after,
        remaining=body.times,
        every=body.every,
    )
    seconds = body.lasts_seconds
    state_of(request).faults.add(fault, lasts=timedelta(seconds=seconds) if seconds else None)
    return nothing()


async def clear_faults(request: Request) -> Response:
    state_of(request).faults.clear(request.query_params.get("method"))
    return nothing()


async def get_messages(request: Request) -> Response:
    """Answer with what everybody sees, or with what only one person does."""
    state = state_of(request)
    private = "ephemeral" in request.query_params
    records = [
        _message(state, one, message).model_dump(mode="json")
        for one in state.conversations.values()
        for message in (one.ephemeral if private else one.messages).values()
    ]
    return JSONResponse(sorted(records, key=lambda record: record["ts"]))


async def delete_message(request: Request) -> Response:
    channel_id, ts = request.path_params["channel_id"], request.path_params["ts"]
    conversation = state_of(request).conversations.get(channel_id)
    if conversation is None or conversation.messages.pop(ts, None) is None:
        raise ControlError(f"no message {ts} in {channel_id}")
    return nothing()


async def get_calls(request: Request) -> Response:
    records = [
        CallRecord(
            method=call.method,
            at=call.at,
            arguments=call.arguments,
            fault=call.fault,
            outcome=call.outcome,
        ).model_dump(mode="json")
        for call in state_of(request).calls.matching(request.query_params.get("method"))
    ]
    return JSONResponse(records)


async def clear_calls(request: Request) -> Response:
    state_of(request).calls.clear()
    return nothing()


async def refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)


def _user(user: User) -> dict[str, object]:
    return UserRecord(
        user_id=user.user_id,
        username=user.username,
        email=user.email,
        tz=user.timezone.key,
        deleted=user.deleted,
    ).model_dump()


def _message(state: SlackState, conversation: Conversation, message: Message) -> MessageRecord:
    return MessageRecord(
        channel_id=message.channel_id,
        channel=state.title(conversation),
        ts=message.ts,
        author=state.users[message.user_id].username,
        thread_ts=message.thread_ts,
        broadcast=message.broadcast,
        visible_to=state.users[message.visible_to].username if message.visible_to else None,
        client_msg_id=message.client_msg_id,
        revisions=[
            RevisionRecord(
                at=one.at,
                text=one.text,
                blocks=list(one.blocks),
                metadata=one.metadata,
                attachments=list(one.attachments),
            )
            for one in message.revisions
        ],
    )


ERRORS = {ControlError: refused, ValidationError: refused}
ROUTES = [
    Route("/users", get_users),
    Route("/users", add_user, methods=["POST"]),
    Route("/users/{name}/active", set_active, methods=["POST"]),
    Route("/channels", add_channel, methods=["POST"]),
    Route("/scopes", set_scopes, methods=["POST"]),
    Route("/say", say, methods=["POST"]),
    Route("/faults", add_fault, methods=["POST"]),
    Route("/faults", clear_faults, methods=["DELETE"]),
    Route("/messages", get_messages),
    Route("/messages/{channel_id}/{ts}", delete_message, methods=["DELETE"]),
    Route("/calls", get_calls),
    Route("/calls", clear_calls, methods=["DELETE"]),
]
