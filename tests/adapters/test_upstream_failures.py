"""One table of failures for everything that speaks HTTP: which error each becomes."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import respx

from app.adapters.alertmanager import Alertmanager
from app.adapters.determined import Determined
from app.adapters.determined_session import AccessToken, Password, Session
from app.adapters.prometheus import Prometheus
from app.adapters.upstream import retry_after
from app.domain.cluster import TaskType
from app.domain.incident import Keep
from app.errors import (
    StopNotSentError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from demo.plain import PLAIN
from tests.domain.examples import ALLOCATION, T0, TASK, allocation

SECRET = "s3cr3t-7f9a"
URL = f"http://watchdog:{SECRET}@upstream"
KEEP = Keep("k1", TASK, "reclaim", T0 + timedelta(hours=8), "carol", "demo", T0)
TRIAL = allocation(
    allocation_id="41.abc.1", task_id="41.abc", task_type=TaskType.TRIAL, trial_id="57"
)

Call = Callable[[httpx.AsyncClient], Awaitable[object]]


@dataclass(frozen=True)
class Failure:
    reply: httpx.Response | type[httpx.TransportError]
    becomes: type[UpstreamError]


def answer(status: int, **more: str) -> httpx.Response:
    return httpx.Response(status, text=f"the body says {SECRET}", headers=more)


FAILURES = {
    "time-out while connecting": Failure(httpx.ConnectTimeout, UpstreamUnavailableError),
    "time-out while reading": Failure(httpx.ReadTimeout, UpstreamUnavailableError),
    "connection refused": Failure(httpx.ConnectError, UpstreamUnavailableError),
    "connection cut": Failure(httpx.RemoteProtocolError, UpstreamUnavailableError),
    "429": Failure(answer(429), UpstreamUnavailableError),
    "502": Failure(answer(502), UpstreamUnavailableError),
    "503": Failure(answer(503), UpstreamUnavailableError),
    "504": Failure(answer(504), UpstreamUnavailableError),
    "302": Failure(answer(302, location=f"http://x/?t={SECRET}"), UpstreamRejectedError),
    "400": Failure(answer(400), UpstreamRejectedError),
    "401": Failure(answer(401), UpstreamRejectedError),
    "403": Failure(answer(403), UpstreamRejectedError),
    "404": Failure(answer(404), UpstreamRejectedError),
}
UNREADABLE = {
    "no JSON": answer(200),
    "half of a JSON": httpx.Response(200, text=f'{{"token": "{SECRET}'),
    "nothing": httpx.Response(200),
    "a string": httpx.Response(200, json=SECRET),
    "an empty object": httpx.Response(200, json={}),
    "a list of numbers": httpx.Response(200, json=[1]),
    "null": httpx.Response(200, json=None),
    "bytes that are no text": httpx.Response(200, content=b'{"\xff":1}'),
    "brackets without end": httpx.Response(200, content=b'{"data":' + b"[" * 100_000),
    "brackets without end in what we do not read": httpx.Response(
        200, content=b'{"more":' + b"[" * 100_000
    ),
    "the right words around the wrong values": httpx.Response(
        200,
        json={
            "status": SECRET,
            "data": SECRET,
            "token": [SECRET],
            "silenceID": {"id": SECRET},
            "allocationIdToSummary": SECRET,
        },
    ),
}


def session(client: httpx.AsyncClient) -> Session:
    return Session(client, AccessToken(SECRET))


def determined(client: httpx.AsyncClient) -> Determined:
    return Determined(client, session(client))


READS: dict[str, Call] = {
    "Determined.snapshot": lambda client: determined(client).snapshot(),
    "Determined.read_allocation": lambda client: determined(client).read_allocation(ALLOCATION),
    "Session.renew": lambda client: Session(client, Password("watchdog", SECRET)).renew(),
    "Prometheus.firing_alerts": lambda client: Prometheus(client).firing_alerts(),
    "Prometheus.has_alert": lambda client: Prometheus(client).has_alert("GPUAllocationIdle"),
    "Prometheus.query": lambda client: Prometheus(client).query("up"),
    "Alertmanager.silence": lambda client: Alertmanager({"am-1": client}).silence(KEEP),
}
CALLS: dict[str, Call] = READS | {
    "Determined.stop": lambda client: determined(client).stop(allocation(), may_send=lambda: True),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=URL, verify=PLAIN) as client:
        yield client


@pytest.fixture
def upstream() -> Iterator[respx.Route]:
    """Whatever is asked: one answer."""
    with respx.mock:
        yield respx.route()


def reply_with(route: respx.Route, reply: httpx.Response | type[Exception]) -> None:
    route.mock(side_effect=reply) if isinstance(reply, type) else route.mock(return_value=reply)


def assert_no_secret(error: BaseException) -> None:
    everything = "".join(traceback.format_exception(error))
    # The line of this test that names the secret may be in the traceback, its value may not.
    assert SECRET not in everything, f"the error tells the secret: {everything}"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_failure_becomes_one_of_our_errors(
    client: httpx.AsyncClient, upstream: respx.Route, call: Call, failure: Failure
) -> None:
    reply_with(upstream, failure.reply)

    with pytest.raises(UpstreamError) as raised:
        await call(client)

    assert type(raised.value) is failure.becomes
    assert_no_secret(raised.value)


@pytest.mark.parametrize("call", READS.values(), ids=READS.keys())
@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_answer_that_cannot_be_read_is_malformed(
    client: httpx.AsyncClient, upstream: respx.Route, call: Call, reply: httpx.Response
) -> None:
    reply_with(upstream, reply)

    with pytest.raises(UpstreamMalformedError) as raised:
        await call(client)

    assert_no_secret(raised.value)


@pytest.mark.parametrize(
    "reply",
    [failure.reply for failure in FAILURES.values()] + list(UNREADABLE.values()),
    ids=[*FAILURES, *UNREADABLE],
)
async def test_reading_before_a_stop_that_fails_sends_nothing(
    client: httpx.AsyncClient,
    upstream: respx.Route,
    reply: httpx.Response | type[httpx.TransportError],
) -> None:
    reply_with(upstream, reply)

    with pytest.raises(StopNotSentError) as raised:
        await determined(client).stop(TRIAL, may_send=lambda: True)

    assert {call.request.method for call in upstream.calls} == {"GET"}
    assert_no_secret(raised.value)


@pytest.mark.parametrize("call", READS.values(), ids=READS.keys())
async def test_500_of_a_read_may_pass(
    client: httpx.AsyncClient, upstream: respx.Route, call: Call
) -> None:
    reply_with(upstream, answer(500))

    with pytest.raises(UpstreamUnavailableError):
        await call(client)


@pytest.mark.parametrize(
    "failure", [*FAILURES.values(), *(Failure(one, UpstreamError) for one in UNREADABLE.values())]
)
async def test_peer_that_cannot_be_read_says_why(
    client: httpx.AsyncClient, upstream: respx.Route, failure: Failure
) -> None:
    reply_with(upstream, failure.reply)

    [reading] = await Alertmanager({"am-1": client}).read()

    assert not reading.readable
    assert reading.error.startswith("Alertmanager am-1")
    assert SECRET not in reading.error


async def test_error_names_the_system_and_the_status(
    client: httpx.AsyncClient, upstream: respx.Route
) -> None:
    reply_with(upstream, answer(404))

    with pytest.raises(UpstreamRejectedError, match=r"^Prometheus answered 404$") as raised:
        await Prometheus(client).query("up")

    assert raised.value.code == "404"


@pytest.mark.parametrize("status", [429, 503])
async def test_wait_that_was_asked_for_is_told(
    client: httpx.AsyncClient, upstream: respx.Route, status: int
) -> None:
    reply_with(upstream, httpx.Response(status, headers={"Retry-After": "7"}))

    with pytest.raises(UpstreamUnavailableError) as raised:
        await Prometheus(client).query("up")

    assert raised.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", timedelta()),
        ("7", timedelta(seconds=7)),
        ("999999999999999999", timedelta(hours=1)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta()),
    ],
)
def test_wait_is_read_and_bounded(header: str | None, wait: timedelta | None) -> None:
    assert retry_after(header) == wait


def test_wait_may_be_a_date() -> None:
    at = datetime.now(UTC) + timedelta(minutes=5)

    wait = retry_after(format_datetime(at, usegmt=True))

    assert wait is not None
    assert timedelta(minutes=4) < wait <= timedelta(minutes=5)
