"""Who comes without a token that is known is counted, logged and told to wait; nobody else is."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from uvicorn import Config

from app.api.door import AuthenticationError, Door, TooManyAttemptsError
from app.cli.receiver import server_options
from app.domain.access import Role
from app.settings import load_settings
from tests.api.conftest import Configure, refusal
from tests.api.receiver import PROBLEM, bearer, metric

MOST = 10
WRONG = {"Authorization": "Bearer a secret that is another system's"}


class Visitors:
    """A door, its clock, and those who come to it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.counted: Counter[str] = Counter()
        self.door = Door(
            lambda outcome: self.counted.update([outcome]), monotonic=lambda: self.now, remembers=10
        )

    def comes(self, address: str = "192.0.2.7") -> int | None:
        """Return in how many seconds the next is looked at; None for the usual refusal."""
        try:
            self.door.refuse(address, "GET /api/v1/tasks", has_token=True)
        except AuthenticationError:
            return None
        except TooManyAttemptsError as exc:
            return exc.retry_after


@pytest.fixture
def visitors() -> Visitors:
    return Visitors()


def test_ten_a_minute_are_refused_and_the_next_has_to_wait(visitors: Visitors) -> None:
    waits = []
    for _ in range(MOST + 2):
        waits.append(visitors.comes())
        visitors.now += 0.5

    assert waits == [None] * MOST + [55, 55]
    assert visitors.counted == {"refused": MOST, "limited": 2}


def test_after_a_minute_it_begins_anew(visitors: Visitors) -> None:
    for _ in range(MOST + 1):
        visitors.comes()
    visitors.now += 59.9
    before = visitors.comes()
    visitors.now += 0.1

    assert (before, visitors.comes()) == (1, None)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param("192.0.2.7", "192.0.2.8", False, id="two addresses"),
        pytest.param("2001:db8::1", "2001:db8::ffff:1", True, id="one network of one client"),
        pytest.param("2001:db8::1", "2001:db8:0:1::1", False, id="two networks"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7", True, id="one address in two ways"),
        pytest.param("::ffff:192.0.2.7", "::ffff:192.0.2.8", False, id="two of IPv4 in IPv6"),
        pytest.param("", "192.0.2.7", False, id="a socket without an address"),
    ],
)
def test_others_do_not_have_to_wait(
    visitors: Visitors,
    one: str,
    other: str,
    is_same: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    for _ in range(MOST):
        visitors.comes(one)

    assert (visitors.comes(other) is not None) is is_same


def test_what_is_remembered_has_an_end_and_the_oldest_goes_first(visitors: Visitors) -> None:
    for _ in range(MOST + 1):
        visitors.comes("192.0.2.1")
    for number in range(2, 5):
        visitors.comes(f"192.0.2.{number}")
    before = visitors.comes("192.0.2.1")
    for number in range(5, 15):
        visitors.comes(f"192.0.2.{number}")

    assert before is not None
    assert visitors.comes("192.0.2.1") is None


def test_log_has_each_refusal_and_one_line_for_all_that_follow(visitors: Visitors) -> None:
    with capture_logs() as lines:
        for _ in range(MOST + 5):
            visitors.comes()

    assert Counter(each["event"] for each in lines) == {
        "authentication_failed": MOST,
        "authentication_limited": 1,
    }
    assert {each["address"] for each in lines} == {"192.0.2.7"}


async def test_token_that_is_known_is_let_in_where_others_have_to_wait(
    client: httpx.AsyncClient,
) -> None:
    async def ask(headers: Mapping[str, str]) -> httpx.Response:
        return await client.get("/api/v1/breaker?secret=1", headers=headers)

    with capture_logs() as lines:
        refused = [await ask(WRONG) for _ in range(MOST - 1)] + [await ask({})]
        limited, right = await ask(WRONG), await ask(bearer(Role.VIEWER))

    assert {each.status_code for each in refused} == {401}
    assert (limited.status_code, limited.headers["Content-Type"]) == (429, PROBLEM)
    assert 0 < int(limited.headers["Retry-After"]) <= 60
    assert right.status_code == 200
    name = "watchdog_api_failed_authentications_total"
    assert await metric(client, name, outcome="refused") == MOST
    assert await metric(client, name, outcome="limited") == 1
    told: list[Any] = [each for each in lines if each["event"].startswith("authentication")]
    assert [each["has_token"] for each in told[-2:]] == [False, True]
    assert {each["request"] for each in told} == {"GET /api/v1/breaker"}
    assert "secret" not in str(told)


@pytest.mark.parametrize(
    ("trusted", "comes_from", "seen"),
    [
        pytest.param([], "127.0.0.1", "127.0.0.1", id="nobody is trusted as shipped"),
        pytest.param(["10.0.0.0/8"], "192.0.2.1", "192.0.2.1", id="not the proxy"),
        pytest.param(["10.0.0.0/8"], "10.0.0.7", "192.0.2.9", id="the proxy"),
    ],
)
async def test_where_it_says_it_comes_from_is_believed_of_trusted_proxies_alone(
    configuration: dict[str, Any],
    configure: Configure,
    trusted: list[str],
    comes_from: str,
    seen: str,
) -> None:
    configure(configuration | {"trusted_proxies": trusted})
    found = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append(scope["client"][0])

    config = Config(app, **server_options(load_settings()))
    config.load()
    # The first one is what the client wrote itself.
    claim = (b"x-forwarded-for", b"203.0.113.1, 192.0.2.9")
    scope = {"type": "http", "client": (comes_from, 1), "scheme": "http", "headers": [claim]}
    await config.loaded_app(scope, None, None)

    assert found == [seen]


def test_network_that_is_none_is_refused_by_its_name(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration | {"trusted_proxies": ["proxy.example.org"]})

    assert "trusted_proxies.0" in refusal()
