"""What was said in a conversation: found by the ids that messages of ours carry in their metadata.

An answer of Slack's may be lost after it has posted: then only the conversation tells what arrived.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_errors import slack_errors
from app.errors import UpstreamRejectedError

_EVENT = "gpu_watchdog_message"
_PAGE = 200
_PAGES = 10


def metadata(message_ids: Sequence[str]) -> dict[str, Any]:
    """Return what a message carries, so that `said` finds it."""
    one = len(message_ids) == 1
    payload: dict[str, Any] = {"id": message_ids[0]} if one else {"ids": list(message_ids)}
    return {"event_type": _EVENT, "event_payload": payload}


async def said(
    client: AsyncWebClient,
    channel: str,
    message_ids: Collection[str],
    *,
    since: datetime,
    root: str | None = None,
) -> dict[str, Mapping[str, Any]]:
    """Return what carries these ids, of the replies to `root` or of the conversation's messages.

    Raises:
        UpstreamRejectedError: Slack refuses, or so much was said that not all of it was seen.
    """
    oldest, cursor = f"{since.timestamp():.6f}", None
    missing, found = set(message_ids), dict[str, Mapping[str, Any]]()
    for _ in range(_PAGES):
        messages, cursor = await _page(client, channel, root, oldest, cursor)
        for message in messages:
            found |= dict.fromkeys(_ids(message) & missing, message)
        missing -= set(found)
        if not cursor or not missing:
            return found
    raise UpstreamRejectedError(f"too much was said in {channel} to search it all")


async def _page(
    client: AsyncWebClient, channel: str, root: str | None, oldest: str, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
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
            answer = await client.conversations_replies(ts=root, **common)
        else:
            answer = await client.conversations_history(**common)
        following = (answer.get("response_metadata") or {}).get("next_cursor")
        return list(answer["messages"]), following or None


def _ids(message: Mapping[str, Any]) -> set[str]:
    """Return the ids of ours that a message carries; of anybody else's none."""
    carried = message.get("metadata") or {}
    if carried.get("event_type") != _EVENT:
        return set()
    payload = carried.get("event_payload") or {}
    return {str(each) for each in (payload.get("id"), *(payload.get("ids") or ()))}
