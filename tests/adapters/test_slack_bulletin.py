"""Digests in the simulated Slack: posted once, found again, and never too much at once."""

from collections import Counter
from datetime import timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack import Directory, SlackMessenger
from app.adapters.slack_bulletin import SlackBulletin
from app.domain.budget import Budget
from app.domain.observed import DayTally, ObservedDigest
from app.domain.policy import Mode
from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from demo.slack.control import SlackControl
from tests.adapters.conftest import LINKS, ManualClock
from tests.adapters.slack_examples import ADMINS, LONG_AGO
from tests.domain.examples import T0

FIRST = "7f3f3c40-4a3e-4a51-9d61-3f6d2f0e9b01"
SECOND = "7f3f3c40-4a3e-4a51-9d61-3f6d2f0e9b02"
SECONDS = timedelta(seconds=1)


@pytest.fixture
def budget() -> Budget:
    return Budget()


@pytest.fixture
def bulletin(slack_client: AsyncWebClient, budget: Budget, clock: ManualClock) -> SlackBulletin:
    return SlackBulletin(slack_client, ADMINS.channel, budget=budget, monotonic=clock)


@pytest.fixture
def day(bulletin: SlackBulletin) -> str:
    hostile = "<!channel> *bold* `\u202e"
    tally = DayTally(T0 - timedelta(days=1), T0, Counter({hostile: 2}))
    return bulletin.observed(ObservedDigest(tally, Mode.OBSERVE))


async def test_a_digest_is_posted_to_the_admins_as_it_was_stored(
    bulletin: SlackBulletin, slack_control: SlackControl, day: str
) -> None:
    await bulletin.post(day, message_id=FIRST)

    [message] = slack_control.messages("#gpu-admins")
    assert message.revisions[-1].text.startswith("What would have happened")
    assert "&lt;!channel&gt;" in str(message.revisions[-1].blocks)


async def test_one_whose_confirmation_was_lost_is_found_by_its_id(
    bulletin: SlackBulletin, slack_client: AsyncWebClient, slack_control: SlackControl, day: str
) -> None:
    of_others = {"event_type": "of_others", "event_payload": {"id": SECOND}}
    await slack_client.chat_postMessage(channel=ADMINS.channel, text="x", metadata=of_others)
    slack_control.lose_replies(times=1)

    with pytest.raises(UpstreamUnavailableError):
        await bulletin.post(day, message_id=FIRST)

    assert await bulletin.is_there(FIRST, since=LONG_AGO)
    assert not await bulletin.is_there(SECOND, since=LONG_AGO)


async def test_how_long_slack_wants_to_be_left_alone_is_told(
    bulletin: SlackBulletin, slack_control: SlackControl, day: str
) -> None:
    slack_control.limit_rate(retry_after=7, times=1)

    with pytest.raises(UpstreamUnavailableError) as refused:
        await bulletin.post(day, message_id=FIRST)

    assert refused.value.retry_after == 7 * SECONDS


async def test_a_channel_that_the_bot_may_not_post_to_is_a_refusal(
    bulletin: SlackBulletin, slack_control: SlackControl, day: str
) -> None:
    slack_control.fail("not_in_channel")

    with pytest.raises(UpstreamRejectedError):
        await bulletin.post(day, message_id=FIRST)


async def test_digests_and_messages_wait_for_each_other(
    bulletin: SlackBulletin,
    slack_control: SlackControl,
    slack_client: AsyncWebClient,
    directory: Directory,
    budget: Budget,
    clock: ManualClock,
    day: str,
) -> None:
    messenger = SlackMessenger(slack_client, directory, LINKS, budget=budget, monotonic=clock)

    await bulletin.post(day, message_id=FIRST)
    with pytest.raises(UpstreamUnavailableError) as refused:
        await bulletin.post(day, message_id=SECOND)
    wait = await messenger.wait(ADMINS)
    clock.pass_(SECONDS)
    await bulletin.post(day, message_id=SECOND)

    assert refused.value.retry_after == wait == SECONDS
    assert len(slack_control.calls("chat.postMessage")) == 2
