"""The admins' channel, for what is about no incident. Implements `app.ports.Bulletin`."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic_core import from_json, to_json
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_digest import weekly
from app.adapters.slack_errors import slack_errors
from app.adapters.slack_history import metadata, said
from app.adapters.slack_messages import Message
from app.adapters.slack_observed import observed
from app.domain.budget import Budget
from app.domain.digest import WeeklyDigest
from app.domain.observed import ObservedDigest
from app.errors import UpstreamUnavailableError


class SlackBulletin:
    """As for `SlackMessenger`, the client must have no retry handlers."""

    def __init__(
        self,
        client: AsyncWebClient,
        channel: str,
        *,
        budget: Budget,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`budget`: the messenger's, since Slack counts all that the bot sends."""
        self._client = client
        self._channel = channel
        self._budget = budget
        self._monotonic = monotonic

    def weekly(self, digest: WeeklyDigest) -> str:
        return _stored(weekly(digest))

    def observed(self, digest: ObservedDigest) -> str:
        return _stored(observed(digest))

    async def post(self, message: str, *, message_id: str) -> None:
        now = timedelta(seconds=self._monotonic())
        wait = self._budget.wait(self._channel, now)
        if wait:
            raise UpstreamUnavailableError("so much at once is refused", retry_after=wait)
        self._budget.spend(self._channel, now)
        with slack_errors():
            await self._client.chat_postMessage(
                channel=self._channel,
                **from_json(message),
                metadata=metadata([message_id]),
                unfurl_links=False,
                unfurl_media=False,
                # Not documented for bots. Where Slack heeds it, it saves a duplicate.
                client_msg_id=message_id,
            )

    async def is_there(self, message_id: str, *, since: datetime) -> bool:
        return bool(await said(self._client, self._channel, [message_id], since=since))


def _stored(message: Message) -> str:
    return to_json({"text": message.text, "blocks": message.blocks}).decode()
