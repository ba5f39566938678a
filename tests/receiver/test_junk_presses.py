"""Whatever is signed as Slack signs it is taken or refused, and junk leaves no trace."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from app.adapters.slack_reception import PrivateAnswers, Reception
from app.api import slack
from app.api.dependencies import SlackEntrance
from app.api.problems import add_problem_responses
from app.domain.press import Press
from app.owner_actions import OwnerActions
from app.presses import Presses
from app.store.people import SqlPressBook
from tests.adapters.slack_payloads import (
    ANYTHING,
    PAYLOADS,
    SIGNING_SECRET,
    block_actions,
    button,
    form,
    menu,
    signed,
)
from tests.receiver.conftest import Receiver

SUBJECT = "SUBJECT"
"""Stands for the incident that there is."""
VERBS = ["keep.2h", "keep.99h", "keep.0h", "keep", "stop", "stop.now", "dismiss", "allow", "reset"]
VALUES = [
    SUBJECT,
    f"{SUBJECT}/x",
    f"/{SUBJECT}",
    f"{SUBJECT} {SUBJECT}",
    "x",
    "",
    "/",
    f"{SUBJECT}//",
]
ASKED = st.builds(button, st.sampled_from(VERBS), st.sampled_from(VALUES)) | st.builds(
    lambda verb, value: menu(f"{verb} {value}"), st.sampled_from(VERBS), st.sampled_from(VALUES)
)
SENT = PAYLOADS | st.builds(
    lambda actions, user: block_actions(*actions, user=user, response_url=""),
    st.lists(ASKED | ANYTHING, min_size=1, max_size=3),
    st.fixed_dictionaries({"id": st.sampled_from(["U01ALICE", "UADMIN", ""])}),
)
TYPES = st.sampled_from([b"", b"application/json", b"multipart/form-data", b"\xff", b";" * 999])


class NoAnswers(PrivateAnswers):
    def __init__(self) -> None:
        """Leave out the session: nothing is answered here."""

    async def send(self, response_url: str, text: str) -> None:
        pass


class Handler:
    """The real one, and how often it was asked."""

    def __init__(self, receiver: Receiver) -> None:
        book = SqlPressBook(receiver.database.engine)
        actions = OwnerActions(receiver.answers, receiver.seen, book, receiver.context)
        slack = receiver.world.slack
        given = (receiver.seen, book, receiver.recorder, slack, receiver.context)
        self._presses = Presses(actions, receiver.answers, *given)
        self.asked: list[Press] = []

    async def __call__(self, press: Press) -> str:
        self.asked.append(press)
        return await self._presses.handle(press)


@pytest.fixture
def handler(receiver: Receiver) -> Handler:
    return Handler(receiver)


@pytest.fixture
async def client(receiver: Receiver, handler: Handler) -> AsyncIterator[httpx.AsyncClient]:
    telemetry = receiver.context.telemetry
    reception = Reception(
        handler, NoAnswers(), counted=telemetry.press, failed=telemetry.step_failed
    )
    entrance = SlackEntrance(reception, SIGNING_SECRET.encode())
    app = FastAPI()
    app.include_router(slack.router)
    add_problem_responses(app)

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"slack": entrance, "context": receiver.context}
        await app(scope, receive, send)

    transport = httpx.ASGITransport(app=with_state)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        yield client


@settings(
    max_examples=60,
    deadline=None,
    # All of them meet the same incident, with what those before have done to it.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(SENT, TYPES)
async def test_whatever_slack_signs_is_taken_or_refused_and_of_junk_nothing_is_stored(
    receiver: Receiver,
    handler: Handler,
    client: httpx.AsyncClient,
    payload: object,
    content_type: bytes,
) -> None:
    incidents = await receiver.incidents()
    [incident] = incidents or [await receiver.warns()]
    body = form(payload).replace(SUBJECT.encode(), incident.incident_id.encode())
    before = await receiver.database.image()
    handler.asked.clear()

    headers = [
        (name.encode(), value.encode())
        for name, value in signed(body, receiver.world.time.wall).items()
        if name != "Content-Type"
    ]
    answer = await client.post(
        "/slack/interactions", content=body, headers=[*headers, (b"Content-Type", content_type)]
    )

    assert answer.status_code in {200, 400}
    assert receiver.failed_steps() == 0, "somebody was told that it could not be noted"
    if not handler.asked:
        assert await receiver.database.image() == before
