"""From an owner's user name to a conversation in Slack, or to the admins and why."""

import asyncio
from datetime import timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack import Addresses, Directory, Person, SlackMessenger
from app.domain.actions import Audience
from app.domain.incident import RecipientKind
from app.domain.outbox import Recipient
from app.errors import UpstreamUnavailableError
from demo.slack.control import SlackControl
from tests.adapters.conftest import ManualClock

ALICE = Recipient("D01ALICE", RecipientKind.OWNER)
BOB = Recipient("D01BOB", RecipientKind.OWNER)


def asked(control: SlackControl) -> list[str]:
    return [call.method for call in control.calls()]


async def test_owner_is_found_by_user_name_and_domain(
    directory: Directory, slack_control: SlackControl
) -> None:
    assert await directory.owner("alice") == ALICE
    assert asked(slack_control) == ["users.lookupByEmail", "conversations.open"]


async def test_configured_slack_id_comes_first(
    directory: Directory, slack_control: SlackControl
) -> None:
    assert await directory.owner("erin") == ALICE
    assert asked(slack_control) == ["users.info", "conversations.open"]


async def test_configured_address_comes_before_the_domain(directory: Directory) -> None:
    assert await directory.owner("frank") == BOB


async def test_user_name_that_is_an_address_is_taken_as_it_is(directory: Directory) -> None:
    assert await directory.owner("bob@lab.example") == BOB


async def test_channel_of_a_team_is_told_in_the_owners_place(
    directory: Directory, slack_control: SlackControl
) -> None:
    assert await directory.owner("robot") == Recipient("C01ROBOTS", RecipientKind.DELEGATE)
    assert asked(slack_control) == []


@pytest.mark.parametrize("username", ["stranger", "gone", "", "a b", "<!channel>"])
async def test_unknown_owner_gets_the_admins_channel_and_the_reason(
    directory: Directory, username: str
) -> None:
    recipient = await directory.owner(username)

    assert (recipient.channel, recipient.kind) == ("C01GPUADMINS", RecipientKind.ADMINS)
    assert "not_found" in recipient.detail


@pytest.mark.parametrize("username", ["alice", "erin"])
async def test_deactivated_owner_cannot_be_told(
    directory: Directory, slack_control: SlackControl, username: str
) -> None:
    """Slack would take a message to them, and nobody would read it."""
    slack_control.deactivate("alice")

    recipient = await directory.owner(username)

    assert recipient.kind is RecipientKind.ADMINS
    assert username in recipient.detail


async def test_without_a_domain_only_the_configured_are_found(
    slack_client: AsyncWebClient, slack_control: SlackControl
) -> None:
    directory = Directory(slack_client, Addresses("C01GPUADMINS"))

    recipient = await directory.owner("alice")

    assert recipient.kind is RecipientKind.ADMINS
    assert "no Slack id or e-mail address is configured for alice" in recipient.detail
    assert asked(slack_control) == []


@pytest.mark.parametrize("username", ["alice", "stranger"])
async def test_answer_is_remembered_for_a_while(
    directory: Directory, slack_control: SlackControl, clock: ManualClock, username: str
) -> None:
    first = await directory.owner(username)
    slack_control.clear_calls()
    clock.pass_(timedelta(minutes=4, seconds=59))

    assert await directory.owner(username) == first
    assert asked(slack_control) == []


async def test_deactivation_is_noticed_after_a_while(
    directory: Directory, slack_control: SlackControl, clock: ManualClock
) -> None:
    await directory.owner("alice")
    slack_control.deactivate("alice")
    clock.pass_(timedelta(minutes=5))

    assert (await directory.owner("alice")).kind is RecipientKind.ADMINS


async def test_newcomer_is_found_after_a_while(
    directory: Directory, slack_control: SlackControl, clock: ManualClock
) -> None:
    await directory.owner("grace")
    slack_control.add_user("grace", email="grace@lab.example")
    clock.pass_(timedelta(minutes=5))

    assert (await directory.owner("grace")).kind is RecipientKind.OWNER


async def test_s1_a_change_of_the_configuration_is_followed_at_once(directory: Directory) -> None:
    robots = await directory.owner("robot")

    directory.follow({"alice": Person(channel="C01TEAM")})

    assert robots.kind is RecipientKind.DELEGATE
    assert (await directory.owner("robot")).kind is RecipientKind.ADMINS
    assert await directory.owner("alice") == Recipient("C01TEAM", RecipientKind.DELEGATE)
    assert directory.admins().channel == "C01GPUADMINS"


async def test_s1_what_was_found_by_the_old_configuration_is_not_remembered_under_the_new_one(
    directory: Directory,
) -> None:
    asking = asyncio.create_task(directory.owner("alice"))
    await asyncio.sleep(0)
    directory.follow({"alice": Person(channel="C01TEAM")})
    assert await asking == ALICE

    assert await directory.owner("alice") == Recipient("C01TEAM", RecipientKind.DELEGATE)


async def test_trouble_of_slack_is_no_answer_about_the_owner(
    directory: Directory, slack_control: SlackControl
) -> None:
    slack_control.limit_rate(times=1)
    with pytest.raises(UpstreamUnavailableError):
        await directory.owner("alice")

    assert await directory.owner("alice") == ALICE, "and it is not remembered"


@pytest.mark.parametrize("scope", ["users:read.email", "im:write"])
async def test_refusal_of_us_is_no_answer_about_the_owner(
    directory: Directory, slack_control: SlackControl, scope: str
) -> None:
    scopes = {"chat:write", "im:write", "users:read", "users:read.email"} - {scope}
    slack_control.set_scopes(*scopes)

    with pytest.raises(UpstreamUnavailableError, match="missing_scope"):
        await directory.owner("alice")


async def test_admins_have_their_channel(messenger: SlackMessenger) -> None:
    recipient = await messenger.recipient(Audience.ADMINS, "alice")

    assert recipient == Recipient("C01GPUADMINS", RecipientKind.ADMINS)


async def test_owner_is_asked_for_by_audience(messenger: SlackMessenger) -> None:
    assert await messenger.recipient(Audience.OWNER, "alice") == ALICE
