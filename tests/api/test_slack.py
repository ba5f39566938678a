"""What Slack tells when somebody presses a button: proven to be Slack's, taken, acknowledged."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from fastapi import FastAPI
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from app.adapters.slack_reception import PrivateAnswers, Reception
from app.api import slack
from app.api.dependencies import SlackEntrance
from app.api.problems import add_problem_responses
from app.context import Context
from app.domain.policy import Mode, Rulebook
from app.domain.press import Press
from app.errors import ConfigurationError
from app.ports import PressHandler
from app.preflight import State, preflight
from app.settings import load_settings
from app.telemetry import Telemetry
from tests.adapters.slack_payloads import (
    KEEP,
    SIGNING_SECRET,
    block_actions,
    button,
    form,
    signature,
    signed,
)
from tests.adapters.slack_sockets import APP_TOKEN, SocketSlack, socket_slack
from tests.api.conftest import Configure
from tests.api.receiver import PROBLEM, metric, running, tick

PATH = "/slack/interactions"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
BODY = form(block_actions(button()))
GOOD = signed(BODY, NOW)
Headers = list[tuple[bytes, bytes]]


class Recorder:
    """The other side of the port: takes what was pressed, and has nothing to say."""

    def __init__(self) -> None:
        self.pressed: list[Press] = []

    async def __call__(self, press: Press) -> str:
        self.pressed.append(press)
        return ""


class NoAnswers(PrivateAnswers):
    def __init__(self) -> None:
        """Leave out the session: nothing is answered here."""


def endpoint(handler: PressHandler, **reception: Any) -> Callable[[], httpx.AsyncClient]:  # noqa: ANN401
    """Return what makes clients of the endpoint alone, without a database and its start."""
    telemetry = Telemetry(CollectorRegistry())
    entrance = SlackEntrance(
        Reception(
            handler,
            NoAnswers(),
            counted=telemetry.press,
            failed=telemetry.step_failed,
            **reception,
        ),
        SIGNING_SECRET.encode(),
    )
    app = FastAPI()
    app.include_router(slack.router)
    add_problem_responses(app)

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        context = Context(Rulebook(Mode.OBSERVE, {}), telemetry, lambda: NOW)
        scope["state"] = {"slack": entrance, "context": context}
        await app(scope, receive, send)

    transport = httpx.ASGITransport(app=with_state)
    return lambda: httpx.AsyncClient(transport=transport, base_url="http://app", trust_env=False)


async def post(
    client: httpx.AsyncClient, body: bytes = BODY, headers: Mapping[str, str] | Headers = GOOD
) -> httpx.Response:
    return await client.post(PATH, content=body, headers=headers)


async def test_press_is_taken() -> None:
    recorder = Recorder()

    async with endpoint(recorder)() as client:
        answer = await post(client)

    assert (answer.status_code, answer.content) == (200, b"")
    assert recorder.pressed == [KEEP]


async def test_repeated_request_is_answered_alike_and_has_the_same_press_id() -> None:
    recorder = Recorder()

    async with endpoint(recorder)() as client:
        answers = [await post(client) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len({press.press_id for press in recorder.pressed}) == 1


async def test_slow_handler_is_acknowledged_in_time() -> None:
    ends = asyncio.Event()

    async def slow(_press: Press) -> str:
        await ends.wait()
        return ""

    async with endpoint(slow, within=timedelta(milliseconds=20))() as client:
        answer = await asyncio.wait_for(post(client), 20)

    assert answer.status_code == 200
    ends.set()


async def test_broken_handler_is_acknowledged_too() -> None:
    async def broken(_press: Press) -> str:
        raise ZeroDivisionError

    body = form(block_actions(button(), response_url=""))

    async with endpoint(broken)() as client:
        answer = await post(client, body, signed(body, NOW))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"type": "view_submission"}, id="another interaction"),
        pytest.param(block_actions(button("explode")), id="a button of the future"),
        pytest.param([], id="no object"),
    ],
)
async def test_what_is_no_press_of_ours_is_acknowledged_and_reaches_nobody(payload: object) -> None:
    recorder, body = Recorder(), form(payload)

    async with endpoint(recorder)() as client:
        answer = await post(client, body, signed(body, NOW))

    assert answer.status_code == 200
    assert recorder.pressed == []


async def test_signed_body_that_nobody_can_read_is_refused_with_the_reason() -> None:
    body = b"payload=%7B"

    async with endpoint(Recorder())() as client:
        answer = await post(client, body, signed(body, NOW))

    assert answer.status_code == 400
    assert answer.json()["detail"] == "The field `payload` is no JSON."


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param(signed(BODY, NOW - timedelta(seconds=301)), id="long ago"),
        pytest.param(signed(BODY, NOW, "another secret"), id="another secret"),
        pytest.param(signed(b"payload={}", NOW), id="another body"),
        pytest.param(
            [(b"X-Slack-Request-Timestamp", b"\xff"), (b"X-Slack-Signature", b"v0=\xe9")],
            id="no ASCII",
        ),
        pytest.param(
            [*((name.encode(), value.encode()) for name, value in GOOD.items())] * 2,
            id="everything twice",
        ),
    ],
)
async def test_what_slack_has_not_signed_is_refused(headers: dict[str, str] | Headers) -> None:
    recorder = Recorder()

    async with endpoint(recorder)() as client:
        answer = await post(client, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.headers["WWW-Authenticate"] == "Slack-Signature"
    assert recorder.pressed == []


async def test_nothing_is_read_of_a_body_that_is_too_long() -> None:
    body = b"payload=" + b"x" * 2 * 2**20

    async with endpoint(Recorder())() as client:
        answer = await post(client, body, signed(body, NOW))

    assert answer.status_code == 413


LATIN = st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b""))
TIME = str(int(NOW.timestamp())).encode()
TIMES = st.lists(LATIN | st.sampled_from([TIME, b"9" * 400, b"\xb2", b"-1"]), max_size=2)
ANYBODY = endpoint(Recorder())
PAYLOADS = st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"payload=" + tail)


@hypothesis_settings(max_examples=40, deadline=None)
@given(PAYLOADS, TIMES, st.lists(LATIN, max_size=2), st.booleans())
def test_whatever_is_posted_is_taken_or_refused(
    body: bytes,
    times: list[bytes],
    signatures: list[bytes],
    is_signed: bool,  # noqa: FBT001 -- hypothesis gives its values by position.
) -> None:
    if is_signed:
        signatures = [signature(body, TIME.decode()).encode()]
    headers = [(b"X-Slack-Request-Timestamp", time) for time in times]
    headers += [(b"X-Slack-Signature", each) for each in signatures]

    async def status() -> int:
        async with ANYBODY() as client:
            return (await post(client, body, headers)).status_code

    allowed = {200, 400} if is_signed and times == [TIME] else {401}
    assert asyncio.run(status()) in allowed


def secret_file(tmp_path: Path) -> str:
    path = tmp_path / "slack_signing_secret"
    path.write_text(f"{SIGNING_SECRET}\n")
    return str(path)


@pytest.mark.usefixtures("upstream")
async def test_press_reaches_who_does_it_through_the_whole_receiver(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    configuration["slack"]["signing_secret_file"] = secret_file(tmp_path)
    configure(configuration)
    recorder = Recorder()

    async with running(load_settings(), recorder) as client:
        answer = await post(client, headers=signed(BODY, datetime.now(UTC)))
        refused = await post(client, headers={})
        taken = await metric(client, "watchdog_presses_total", verb="keep", outcome="taken")
        unknown = await metric(client, "watchdog_presses_total", verb="unknown", outcome="refused")

    assert (answer.status_code, refused.status_code) == (200, 401)
    assert recorder.pressed == [KEEP]
    assert (taken, unknown) == (1, 1)


@pytest.mark.usefixtures("upstream")
async def test_without_a_signing_secret_there_is_no_endpoint(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration)

    async with running(load_settings(), Recorder()) as client:
        answer = await post(client, headers=signed(BODY, datetime.now(UTC)))

    assert answer.status_code == 404


@pytest.mark.usefixtures("upstream")
async def test_signing_secret_that_cannot_be_read_ends_the_start(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    configuration["slack"]["signing_secret_file"] = str(tmp_path / "nowhere")
    configure(configuration)

    with pytest.raises(ConfigurationError, match="nowhere"):
        async with running(load_settings(), Recorder()):
            pass


@pytest.mark.usefixtures("upstream")
async def test_press_over_socket_mode_reaches_who_does_it_through_the_whole_receiver(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    recorder = Recorder()

    async with socket_slack() as other_slack:
        configure(configuration | {"slack": socket_mode(configuration, other_slack, tmp_path)})
        async with running(load_settings(), recorder) as client:
            link = await other_slack.link()
            await link.tell(block_actions(button()))
            await link.acknowledged()
            connected = await metric(client, "watchdog_slack_socket_connected")
            await tick(client)
            hears = await metric(client, "watchdog_hears_presses")

    assert recorder.pressed == [KEEP]
    assert connected == hears == 1


@pytest.mark.usefixtures("upstream")
async def test_receiver_starts_and_ends_while_slack_is_silent(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    async with socket_slack() as other_slack, asyncio.timeout(20):
        other_slack.silent = True
        configure(configuration | {"slack": socket_mode(configuration, other_slack, tmp_path)})
        async with running(load_settings(), Recorder()) as client:
            await other_slack.asked.get()
            connected = await metric(client, "watchdog_slack_socket_connected")

    assert connected == 0


@pytest.mark.usefixtures("upstream")
async def test_s13_nobody_is_heard_while_slack_gives_no_socket(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    async with socket_slack() as other_slack:
        other_slack.refusals = [{"error": "invalid_auth"}] * 10
        configure(configuration | {"slack": socket_mode(configuration, other_slack, tmp_path)})
        async with running(load_settings(), Recorder()) as client:
            await other_slack.asked.get()
            await tick(client)
            hears = await metric(client, "watchdog_hears_presses")

    assert hears == 0


@pytest.mark.usefixtures("upstream")
async def test_s13_without_socket_mode_there_is_nothing_to_wait_for(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration)

    async with running(load_settings(), Recorder()) as client:
        await tick(client)
        hears = await metric(client, "watchdog_hears_presses")

    assert hears == 1


@pytest.mark.parametrize(
    ("refusals", "state", "words"),
    [
        ([], State.OK, "pressed buttons come by Socket Mode"),
        ([{"error": "not_allowed_token_type"}], State.MISSING, "answered not_allowed_token_type"),
    ],
    ids=["accepted", "a token of the bot"],
)
async def test_check_asks_whether_the_app_token_is_accepted(
    configuration: dict[str, Any],
    configure: Configure,
    tmp_path: Path,
    upstream: respx.MockRouter,
    refusals: list[dict[str, Any]],
    state: State,
    words: str,
) -> None:
    async with socket_slack() as other_slack:
        other_slack.refusals = refusals
        configure(configuration | {"slack": socket_mode(configuration, other_slack, tmp_path)})
        upstream.route().respond(503)

        findings = await preflight(load_settings())

    [found] = [each for each in findings if each.id == "slack.buttons"]
    assert found.state is state
    assert words in found.words


def socket_mode(
    configuration: dict[str, Any], other_slack: SocketSlack, tmp_path: Path
) -> dict[str, Any]:
    token = tmp_path / "slack_app_token"
    token.write_text(f"{APP_TOKEN}\n")
    changes = {"api_url": other_slack.api_url, "app_token_file": str(token)}
    return {**configuration["slack"], **changes}
