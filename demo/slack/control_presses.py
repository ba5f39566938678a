"""The control interface for buttons: who presses what, and how the app is told."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.slack.arguments import origin
from demo.slack.control_app import nothing, read, state_of
from demo.slack.pressing import Press, Pressed, press
from demo.slack.sockets import Connection
from demo.slack.wire import (
    DeliveryRecord,
    Disconnect,
    PressRecord,
    PressSomething,
    SetInteractivity,
)


async def set_interactivity(request: Request) -> Response:
    body = await read(request, SetInteractivity)
    state = state_of(request)
    if body.request_url is not None:
        state.request_url = body.request_url
    if body.patience is not None:
        state.patience = body.patience
    return nothing()


async def press_something(request: Request) -> Response:
    body = await read(request, PressSomething)
    state = state_of(request)
    made = await press(
        state,
        state.user_named(body.username),
        Pressed(body.channel, body.ts, body.action_id, body.block_id, body.option),
        origin=origin(request),
        times=body.times,
    )
    return JSONResponse(_record(made), status_code=201)


async def get_presses(request: Request) -> Response:
    return JSONResponse([_record(one) for one in state_of(request).presses])


async def get_sockets(request: Request) -> Response:
    return JSONResponse([one.number for one in state_of(request).sockets.connections])


async def disconnect(request: Request) -> Response:
    body = await read(request, Disconnect)
    for connection in list(state_of(request).sockets.connections):
        if body.how == "drop":
            connection.drop()
        elif body.how == "freeze":
            connection.freeze()
        else:
            await _take_leave(connection, body.reason)
    return nothing()


async def _take_leave(connection: Connection, reason: str) -> None:
    await connection.disconnect(reason)
    # The app may use it for some seconds more, after a warning.
    if reason != "warning":
        await connection.close()


def _record(made: Press) -> dict[str, object]:
    deliveries = [
        DeliveryRecord(
            way=one.way, outcome=one.outcome, connection=one.connection, answer=one.answer
        )
        for one in made.deliveries
    ]
    record = PressRecord(payload=made.payload, deliveries=deliveries, warning=made.warning)
    return record.model_dump(mode="json")


ROUTES = [
    Route("/interactivity", set_interactivity, methods=["POST"]),
    Route("/presses", get_presses),
    Route("/presses", press_something, methods=["POST"]),
    Route("/sockets", get_sockets),
    Route("/sockets/disconnect", disconnect, methods=["POST"]),
]
