"""One table of Slack's bad days: which error each becomes."""

import traceback
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack import Addresses, Directory, SlackMessenger
from app.domain.actions import Audience
from app.domain.incident import Receipt, RecipientKind
from app.domain.outbox import Recipient
from app.errors import (
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from demo.slack.calls import FaultKind
from demo.slack.control import SlackControl
from demo.slack.server import listening_aside
from demo.slack.state import SlackState
from demo.slack.wire import AddFault
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import ADMINS, LONG_AGO, NOTICE

Call = Callable[[SlackMessenger], Awaitable[object]]
DIRECT = Receipt("D01ALICE", "1.000100", RecipientKind.OWNER)
CALLS: dict[str, Call] = {
    "probe": lambda slack: slack.probe(),
    "recipient": lambda slack: slack.recipient(Audience.OWNER, "alice"),
    "post": lambda slack: slack.post(ADMINS, NOTICE, message_ids=["m1"]),
    "find": lambda slack: slack.find(ADMINS, ["m1"], notice=NOTICE, since=LONG_AGO),
    "find in a thread": lambda slack: slack.find(
        Recipient("D01ALICE", RecipientKind.OWNER),
        ["m1"],
        notice=replace(NOTICE, thread=DIRECT),
        since=LONG_AGO,
    ),
    "update": lambda slack: slack.update(DIRECT, NOTICE),
}


@dataclass(frozen=True)
class Failure:
    fault: AddFault
    becomes: type[UpstreamError]


def refusing(word: str) -> AddFault:
    return AddFault(kind=FaultKind.ERROR, error=word)


FAILURES = {
    "rate limit": Failure(
        AddFault(kind=FaultKind.RATE_LIMIT, retry_after=7), UpstreamUnavailableError
    ),
    "internal_error": Failure(refusing("internal_error"), UpstreamUnavailableError),
    "fatal_error": Failure(refusing("fatal_error"), UpstreamUnavailableError),
    "service_unavailable": Failure(refusing("service_unavailable"), UpstreamUnavailableError),
    "request_timeout": Failure(refusing("request_timeout"), UpstreamUnavailableError),
    "ratelimited in a 200": Failure(refusing("ratelimited"), UpstreamUnavailableError),
    "500": Failure(AddFault(kind=FaultKind.HTTP_ERROR, status=500), UpstreamUnavailableError),
    "503": Failure(AddFault(kind=FaultKind.HTTP_ERROR, status=503), UpstreamUnavailableError),
    "404": Failure(AddFault(kind=FaultKind.HTTP_ERROR, status=404), UpstreamRejectedError),
    "no answer": Failure(AddFault(kind=FaultKind.HANG), UpstreamUnavailableError),
    "connection cut": Failure(AddFault(kind=FaultKind.DROP), UpstreamUnavailableError),
    "no JSON": Failure(AddFault(kind=FaultKind.MALFORMED), UpstreamMalformedError),
    "invalid_auth": Failure(refusing("invalid_auth"), UpstreamUnavailableError),
    "channel_not_found": Failure(refusing("channel_not_found"), UpstreamRejectedError),
    "a word of the future": Failure(refusing("weather_too_bad"), UpstreamRejectedError),
}


@pytest.fixture(scope="module")
def bad_day_url() -> Iterator[str]:
    """One server for the whole table: a hundred of them would take half a minute."""
    with listening_aside(SlackState()) as url:
        yield url


@pytest.fixture
def bad_day(bad_day_url: str) -> Iterator[SlackControl]:
    with SlackControl(bad_day_url) as control:
        yield control
        control.clear_faults()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_failure_becomes_one_of_our_errors(
    bad_day: SlackControl, bad_day_url: str, call: Call, failure: Failure
) -> None:
    client = AsyncWebClient("xoxb-demo", base_url=f"{bad_day_url}/api/", retry_handlers=[])
    client.timeout = 0.2 if failure.fault.kind is FaultKind.HANG else 5  # type: ignore[assignment] # aiohttp takes parts of a second too.
    addresses = Addresses("C01GPUADMINS", email_domain="lab.example")
    bad_day.add_fault(failure.fault)

    with pytest.raises(UpstreamError) as raised:
        await call(SlackMessenger(client, Directory(client, addresses), LINKS))

    assert type(raised.value) is failure.becomes, raised.value
    text = "".join(traceback.format_exception(raised.value))
    assert "xoxb" not in text
    assert str(raised.value).startswith("Slack")


async def test_nothing_that_listens_is_unavailable(
    messenger: SlackMessenger, slack_client: AsyncWebClient
) -> None:
    # Port 9 is for discarding, and nobody offers it any more.
    slack_client.base_url = "http://127.0.0.1:9/api/"

    with pytest.raises(UpstreamUnavailableError, match="Slack cannot be reached"):
        await messenger.probe()


async def test_wait_that_slack_asks_for_is_told(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    slack_control.limit_rate(retry_after=7)

    with pytest.raises(UpstreamUnavailableError) as raised:
        await messenger.probe()

    assert raised.value.retry_after == timedelta(seconds=7)


async def test_what_is_wrong_with_our_account_is_tried_again(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    """Somebody mends it; until then the message waits, and the owner is no less reachable."""
    slack_control.fail("token_revoked")

    with pytest.raises(UpstreamUnavailableError, match="token_revoked"):
        await messenger.probe()


async def test_refusal_carries_slacks_own_word(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    slack_control.fail("weather_too_bad")

    with pytest.raises(UpstreamRejectedError) as raised:
        await messenger.probe()

    assert raised.value.code == "weather_too_bad"


async def test_failed_post_is_not_repeated_by_itself(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    slack_control.lose_replies()

    with pytest.raises(UpstreamUnavailableError):
        await messenger.post(ADMINS, NOTICE, message_ids=["m1"])

    assert len(slack_control.messages()) == 1
