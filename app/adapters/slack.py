"""Slack, over its Web API: finding people, posting, finding what was posted, rewriting."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_directory import Addresses, Directory, Person
from app.adapters.slack_errors import slack_errors, word
from app.adapters.slack_messages import Links, render
from app.domain.actions import Audience, Notice
from app.domain.incident import Receipt
from app.domain.outbox import Recipient
from app.errors import UpstreamRejectedError

__all__ = ["Addresses", "Directory", "Links", "Person", "SlackMessenger"]

_EVENT = "gpu_watchdog_message"
_NAMESPACE = uuid.UUID("5a1e1f0e-7b8f-4d0c-9a53-6f7f0a2f3c11")
_PAGE = 200
_PAGES = 10


class SlackMessenger:
    """Implements `app.ports.Messenger`.

    The client must have no retry handlers: a repeated post is a second message, and the outbox
    knows better when to try again.
    """

    def __init__(self, client: AsyncWebClient, directory: Directory, links: Links) -> None:
        self._client = client
        self._directory = directory
        self._links = links

    async def probe(self) -> None:
        with slack_errors():
            await self._client.auth_test()

    async def recipient(self, audience: Audience, username: str) -> Recipient:
        if audience is Audience.ADMINS:
            return self._directory.admins()
        return await self._directory.owner(username)

    async def post(self, recipient: Recipient, notice: Notice, *, message_id: str) -> Receipt:
        message = render(notice, self._links)
        try:
            with slack_errors():
                answer = await self._client.chat_postMessage(
                    channel=recipient.channel,
                    text=message.text,
                    blocks=message.blocks,
                    thread_ts=_thread_ts(notice.thread, recipient),
                    metadata={"event_type": _EVENT, "event_payload": {"id": message_id}},
                    unfurl_links=False,
                    unfurl_media=False,
                    # Not documented for bots. Where Slack heeds it, it saves a duplicate.
                    client_msg_id=str(uuid.uuid5(_NAMESPACE, message_id)),
                )
                return Receipt(word(answer, "channel"), word(answer, "ts"), recipient.kind)
        except UpstreamRejectedError:
            self._directory.forget(recipient.channel)
            raise

    async def find(
        self, recipient: Recipient, message_id: str, *, thread: Receipt | None, since: datetime
    ) -> Receipt | None:
        """Look through what was said since then, for the id in a message's metadata."""
        root = _thread_ts(thread, recipient)
        oldest, cursor = f"{since.timestamp():.6f}", None
        for _ in range(_PAGES):
            try:
                messages, cursor = await self._page(recipient.channel, root, oldest, cursor)
            except UpstreamRejectedError as exc:
                if exc.code == "thread_not_found":
                    return None
                raise
            for ts in _with_id(messages, message_id):
                return Receipt(recipient.channel, ts, recipient.kind)
            if not cursor:
                return None
        raise UpstreamRejectedError(f"too much was said in {recipient.channel} to search it all")

    async def update(self, receipt: Receipt, notice: Notice) -> None:
        message = render(notice, self._links)
        with slack_errors():
            await self._client.chat_update(
                channel=receipt.channel, ts=receipt.ts, text=message.text, blocks=message.blocks
            )

    async def _page(
        self, channel: str, root: str | None, oldest: str, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of a thread's replies, or of the conversation's own messages."""
        common: dict[str, Any] = {
            "channel": channel,
            "oldest": oldest,
            "inclusive": True,
            "include_all_metadata": True,
            "limit": _PAGE,
            "cursor": cursor,
        }
        with slack_errors():
            if root:
                answer = await self._client.conversations_replies(ts=root, **common)
            else:
                answer = await self._client.conversations_history(**common)
            following = (answer.get("response_metadata") or {}).get("next_cursor")
            return list(answer["messages"]), following or None


def _thread_ts(thread: Receipt | None, recipient: Recipient) -> str | None:
    """Return the thread to reply in. A thread of another conversation is none."""
    return thread.ts if thread and thread.channel == recipient.channel else None


def _with_id(messages: Iterable[Mapping[str, Any]], message_id: str) -> Iterable[str]:
    for message in messages:
        metadata = message.get("metadata") or {}
        payload = metadata.get("event_payload") or {}
        if metadata.get("event_type") == _EVENT and payload.get("id") == message_id:
            yield word(message, "ts")
