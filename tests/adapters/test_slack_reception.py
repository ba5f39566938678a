"""A press is acknowledged in time, whatever the handler does; and the presser hears of it."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from app.adapters.slack_reception import PrivateAnswers, Reception
from app.domain.press import Press
from app.errors import StoreUnavailableError
from app.ports import PressHandler
from tests.adapters.slack_payloads import KEEP, block_actions, button

SOON = timedelta(milliseconds=20)
IN_TIME = timedelta(seconds=20)


class Presser:
    """Who pressed: hears what Slack would show to nobody else."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.status = 200
        self.url = ""
        self.api_url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.put_nowait(json.loads(await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def presser() -> AsyncIterator[Presser]:
    presser = Presser()
    app = web.Application()
    app.router.add_post("/{anywhere}", presser.hear)
    async with TestServer(app) as server:
        presser.url = str(server.make_url("/s3cr3tPath"))
        presser.api_url = str(server.make_url("/api/"))
        yield presser


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def answers(session: aiohttp.ClientSession, presser: Presser) -> PrivateAnswers:
    return PrivateAnswers(session, presser.api_url, timeout=timedelta(seconds=5))


class Counts:
    def __init__(self) -> None:
        self.presses: Counter[tuple[str, str]] = Counter()
        self.failures: Counter[str] = Counter()

    def press(self, verb: str, outcome: str) -> None:
        self.presses[verb, outcome] += 1

    def failure(self, loop: str) -> None:
        self.failures[loop] += 1


@pytest.fixture
def counts() -> Counts:
    return Counts()


Receive = Callable[..., Reception]


@pytest.fixture
def receive(answers: PrivateAnswers, counts: Counts) -> Receive:
    def receive_(handler: PressHandler, *, within: timedelta = IN_TIME) -> Reception:
        return Reception(
            handler, answers, counted=counts.press, failed=counts.failure, within=within
        )

    return receive_


@pytest.fixture
def payload(presser: Presser) -> dict[str, object]:
    return block_actions(button(), response_url=presser.url)


def saying(answer: str, pressed: list[Press] | None = None) -> PressHandler:
    async def handle(press: Press) -> str:
        if pressed is not None:
            pressed.append(press)
        return answer

    return handle


def raising(exc: Exception) -> PressHandler:
    async def handle(_press: Press) -> str:
        raise exc

    return handle


async def heard(presser: Presser) -> dict[str, object]:
    return await asyncio.wait_for(presser.heard.get(), IN_TIME.total_seconds())


async def test_press_is_done_before_it_is_acknowledged(receive: Receive, counts: Counts) -> None:
    pressed: list[Press] = []

    await receive(saying("", pressed)).take(block_actions(button()))

    assert pressed == [KEEP]
    assert counts.presses == {("keep", "taken"): 1}


async def test_presser_alone_hears_what_came_of_it(
    receive: Receive, presser: Presser, payload: object
) -> None:
    await receive(saying("Kept until 18:00.")).take(payload)

    assert await heard(presser) == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": "Kept until 18:00.",
    }


async def test_handler_that_is_slow_is_waited_for_no_longer_than_slack_does_and_goes_on(
    receive: Receive, presser: Presser, payload: object, counts: Counts
) -> None:
    go_on = asyncio.Event()

    async def slow(_press: Press) -> str:
        await go_on.wait()
        return "Kept after all."

    reception = receive(slow, within=SOON)

    await asyncio.wait_for(reception.take(payload), IN_TIME.total_seconds())

    assert counts.presses == {}
    go_on.set()
    assert (await heard(presser))["text"] == "Kept after all."
    assert counts.presses == {("keep", "taken"): 1}


@pytest.mark.parametrize("exc", [StoreUnavailableError("locked"), RuntimeError("a bug")], ids=repr)
async def test_handler_that_fails_is_counted_and_the_presser_is_told(
    receive: Receive, presser: Presser, payload: object, counts: Counts, exc: Exception
) -> None:
    await receive(raising(exc)).take(payload)

    assert "press again" in str((await heard(presser))["text"])
    assert counts.presses == {("keep", "failed"): 1}
    assert counts.failures == {"presses": 1}


async def test_nothing_to_say_is_not_said(
    receive: Receive, presser: Presser, payload: object
) -> None:
    reception = receive(saying(""))

    await reception.take(payload)
    await reception.end()

    assert presser.heard.empty()


async def test_link_and_what_is_not_ours_reach_nobody(receive: Receive, counts: Counts) -> None:
    pressed: list[Press] = []
    reception = receive(saying("", pressed))

    await reception.take(block_actions(button("link.page")))
    await reception.take(block_actions(button("explode")))
    await reception.take({"type": "view_submission"})

    assert pressed == []
    assert counts.presses == {("unknown", "refused"): 2}


async def test_what_was_begun_ends_before_the_process_does(
    receive: Receive, presser: Presser, payload: object
) -> None:
    go_on = asyncio.Event()

    async def slow(_press: Press) -> str:
        await go_on.wait()
        return "Kept at the last moment."

    reception = receive(slow, within=SOON)
    await reception.take(payload)
    asyncio.get_running_loop().call_soon(go_on.set)

    await reception.end()

    assert presser.heard.get_nowait()["text"] == "Kept at the last moment."


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_answer_that_slack_does_not_take_is_sent_once_and_does_no_harm(
    answers: PrivateAnswers, presser: Presser, status: int
) -> None:
    presser.status = status

    with structlog.testing.capture_logs() as logs:
        await answers.send(presser.url, "Kept.")

    assert presser.heard.qsize() == 1
    assert [line["why"] for line in logs] == [f"Slack answered {status}"]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://evil.example/s3cr3tPath", id="another host"),
        pytest.param("http://127.0.0.1.evil.example/s3cr3tPath", id="host that begins alike"),
        pytest.param("http://127.0.0.1@evil.example/s3cr3tPath", id="host as a user"),
        pytest.param("https://127.0.0.1/s3cr3tPath", id="another scheme"),
        pytest.param("file:///etc/s3cr3tPath", id="a file"),
        pytest.param("http://[::1/s3cr3tPath", id="no address"),
        pytest.param("http://127.0.0.1:99999/s3cr3tPath", id="no port"),
        pytest.param("http://127.0.0.1:9/s3cr3tPath", id="nobody there"),
        pytest.param("http:///s3cr3tPath", id="no host"),
        pytest.param("s3cr3tPath", id="a word"),
    ],
)
async def test_answer_is_sent_to_slack_alone_and_its_address_is_in_no_log(
    answers: PrivateAnswers, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with structlog.testing.capture_logs() as logs:
        await answers.send(url, "Kept.")

    assert [line["event"] for line in logs] == ["private_answer_not_sent"]
    assert "s3cr3tPath" not in str(logs) + caplog.text


async def test_hooks_of_the_api_are_slacks(session: aiohttp.ClientSession) -> None:
    answers = PrivateAnswers(session, "https://slack.com/api/", timeout=SOON)

    assert answers._is_slacks("https://hooks.slack.com/actions/T01/5/x")
    assert not answers._is_slacks("https://evilslack.com/actions/T01/5/x")
    assert not answers._is_slacks("http://hooks.slack.com/actions/T01/5/x")
