"""Slack, over its Web API: finding people, posting, finding what was posted, rewriting."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_directory import Addresses, Directory, Person
from app.adapters.slack_errors import slack_errors, word
from app.adapters.slack_history import metadata, said
from app.adapters.slack_links import Links
from app.adapters.slack_messages import render
from app.domain.actions import Audience, Notice
from app.domain.budget import Budget
from app.domain.incident import Receipt
from app.domain.outbox import Recipient
from app.errors import UpstreamRejectedError

__all__ = ["Addresses", "Directory", "Links", "Person", "SlackMessenger"]

_NAMESPACE = uuid.UUID("5a1e1f0e-7b8f-4d0c-9a53-6f7f0a2f3c11")
# What Slack says where there is nothing (any more) to reply to.
_NO_THREAD = frozenset({"thread_not_found", "message_not_found", "cannot_reply_to_message"})


class SlackMessenger:
    """Implements `app.ports.Messenger`.

    The client must have no retry handlers: a repeated post is a second message, and the outbox
    knows better when to try again.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        directory: Directory,
        links: Links,
        *,
        budget: Budget | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._directory = directory
        self._links = links
        self._budget = budget or Budget()
        self._monotonic = monotonic

    async def probe(self) -> None:
        with slack_errors():
            await self._client.auth_test()

    async def recipient(self, audience: Audience, username: str) -> Recipient:
        if audience is Audience.ADMINS:
            return self._directory.admins()
        return await self._directory.owner(username)

    async def wait(self, recipient: Recipient) -> timedelta:
        return self._budget.wait(recipient.channel, self._now())

    def _now(self) -> timedelta:
        return timedelta(seconds=self._monotonic())

    async def post(
        self, recipient: Recipient, notice: Notice, *, message_ids: Sequence[str]
    ) -> Receipt:
        thread_ts = _thread_ts(notice.thread, recipient)
        self._budget.spend(recipient.channel, self._now())
        try:
            return await self._post(recipient, notice, message_ids, thread_ts)
        except UpstreamRejectedError as exc:
            if thread_ts is None or exc.code not in _NO_THREAD:
                self._directory.forget(recipient.channel)
                raise
        # Somebody has deleted what it would be a reply to.
        return await self.post(recipient, replace(notice, thread=None), message_ids=message_ids)

    async def _post(
        self,
        recipient: Recipient,
        notice: Notice,
        message_ids: Sequence[str],
        thread_ts: str | None,
    ) -> Receipt:
        message = render(notice, self._links)
        with slack_errors():
            answer = await self._client.chat_postMessage(
                channel=recipient.channel,
                text=message.text,
                blocks=message.blocks,
                thread_ts=thread_ts,
                reply_broadcast=True if thread_ts and notice.is_broadcast else None,
                metadata=metadata(message_ids),
                unfurl_links=False,
                unfurl_media=False,
                # Not documented for bots. Where Slack heeds it, it saves a duplicate.
                client_msg_id=str(uuid.uuid5(_NAMESPACE, message_ids[0])),
            )
            ts = word(answer, "ts")
            return Receipt(word(answer, "channel"), ts, recipient.kind, root_ts=thread_ts or "")

    async def find(
        self,
        recipient: Recipient,
        message_ids: Collection[str],
        *,
        notice: Notice,
        since: datetime,
    ) -> Mapping[str, Receipt]:
        """Look through what was said since then, for the ids in the messages' metadata."""
        root = _thread_ts(notice.thread, recipient)
        if root is None:
            return await self._find(recipient, message_ids, None, since)
        try:
            found = await self._find(recipient, message_ids, root, since)
        except UpstreamRejectedError as exc:
            if exc.code not in _NO_THREAD:
                raise
            return await self._find(recipient, message_ids, None, since)
        missing = set(message_ids) - set(found)
        if missing and notice.is_broadcast:
            # Another message may have been the one to reply to, or none.
            found |= await self._find(recipient, missing, None, since)
        return found

    async def _find(
        self, recipient: Recipient, message_ids: Collection[str], root: str | None, since: datetime
    ) -> dict[str, Receipt]:
        found = await said(self._client, recipient.channel, message_ids, since=since, root=root)
        return {message_id: _receipt(message, recipient) for message_id, message in found.items()}

    async def update(self, receipt: Receipt, notice: Notice) -> None:
        message = render(notice, self._links)
        with slack_errors():
            await self._client.chat_update(
                channel=receipt.channel, ts=receipt.ts, text=message.text, blocks=message.blocks
            )


def _thread_ts(thread: Receipt | None, recipient: Recipient) -> str | None:
    """Return the thread to reply in. A thread of another conversation is none."""
    return thread.ts if thread and thread.channel == recipient.channel else None


def _receipt(message: Mapping[str, Any], recipient: Recipient) -> Receipt:
    ts, root = word(message, "ts"), message.get("thread_ts")
    is_reply = isinstance(root, str) and root != ts
    return Receipt(recipient.channel, ts, recipient.kind, root_ts=str(root) if is_reply else "")
