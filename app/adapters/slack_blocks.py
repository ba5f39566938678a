"""Slack's blocks, as far as messages are made of them, and how much goes into one message."""

from collections.abc import Iterable
from typing import Any

Block = dict[str, Any]
MOST_CHARACTERS = 12_500
"""Of all texts of a message; Slack begins to refuse somewhat above that."""


def section(text: str, accessory: Block | None = None) -> Block:
    block: Block = {"type": "section", "text": mrkdwn(text)}
    return block | {"accessory": accessory} if accessory else block


def context(parts: Iterable[str]) -> Block:
    return {"type": "context", "elements": [mrkdwn(" · ".join(part for part in parts if part))]}


def mrkdwn(text: str) -> Block:
    # Verbatim: addresses in what people wrote do not become links by themselves.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def size(part: object) -> int:
    """Count the characters of every text within."""
    if isinstance(part, list | tuple):
        return sum(size(each) for each in part)
    if not isinstance(part, dict):
        return 0
    return sum(
        len(value) if name == "text" and isinstance(value, str) else size(value)
        for name, value in part.items()
    )
