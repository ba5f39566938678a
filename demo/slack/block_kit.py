"""The limits of Block Kit and of message metadata."""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from demo.slack.errors import SlackError
from demo.slack.model import Json

MAX_BLOCKS = 50
MAX_BLOCK_TEXT = 13_200
"""Characters of text in all blocks together: not documented, but where Slack begins to refuse."""
MAX_METADATA_BYTES = 8_000

_Id = Annotated[str, Field(min_length=1, max_length=255)]
_Url = Annotated[str, Field(min_length=1, max_length=3000)]


class _Part(BaseModel):
    """Slack refuses what it does not document."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Plain(_Part):
    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=3000)]
    emoji: bool | None = None


class Mrkdwn(_Part):
    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=3000)]
    verbatim: bool | None = None


Text = Annotated[Plain | Mrkdwn, Field(discriminator="type")]


def _at_most(limit: int) -> Any:  # noqa: ANN401 - Pydantic's own annotations have no type.
    def check(part: Plain | Mrkdwn) -> Plain | Mrkdwn:
        if len(part.text) > limit:
            raise ValueError(f"must be less than {limit + 1} characters")
        return part

    return AfterValidator(check)


class Confirm(_Part):
    title: Annotated[Plain, _at_most(100)]
    text: Annotated[Text, _at_most(300)]
    confirm: Annotated[Plain, _at_most(30)]
    deny: Annotated[Plain, _at_most(30)]
    style: Literal["primary", "danger"] | None = None


class Button(_Part):
    type: Literal["button"]
    text: Annotated[Plain, _at_most(75)]
    action_id: _Id | None = None
    url: _Url | None = None
    value: Annotated[str, Field(max_length=2000)] | None = None
    style: Literal["primary", "danger"] | None = None
    confirm: Confirm | None = None
    accessibility_label: Annotated[str, Field(max_length=75)] | None = None


class Option(_Part):
    text: Annotated[Plain, _at_most(75)]
    value: Annotated[str, Field(max_length=150)] | None = None
    """Much shorter than what a button may carry."""
    url: _Url | None = None


class Overflow(_Part):
    """A menu behind three dots."""

    type: Literal["overflow"]
    options: Annotated[list[Option], Field(min_length=1, max_length=5)]
    action_id: _Id | None = None
    confirm: Confirm | None = None


class ImageElement(_Part):
    type: Literal["image"]
    image_url: _Url
    alt_text: Annotated[str, Field(min_length=1, max_length=2000)]


class _Block(_Part):
    block_id: _Id | None = None


class Header(_Block):
    type: Literal["header"]
    text: Annotated[Plain, _at_most(150)]


class Divider(_Block):
    type: Literal["divider"]


class Image(_Block):
    type: Literal["image"]
    image_url: _Url
    alt_text: Annotated[str, Field(min_length=1, max_length=2000)]
    title: Annotated[Plain, _at_most(2000)] | None = None


class Section(_Block):
    type: Literal["section"]
    text: Text | None = None
    fields: Annotated[
        list[Annotated[Text, _at_most(2000)]] | None, Field(min_length=1, max_length=10)
    ] = None
    accessory: Annotated[Button | Overflow | ImageElement, Field(discriminator="type")] | None = (
        None
    )
    expand: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Section":
        if self.text is None and self.fields is None:
            raise ValueError("missing required field: text or fields")
        return self


class Context(_Block):
    type: Literal["context"]
    elements: Annotated[
        list[Annotated[Plain | Mrkdwn | ImageElement, Field(discriminator="type")]],
        Field(min_length=1, max_length=10),
    ]


class Actions(_Block):
    type: Literal["actions"]
    elements: Annotated[
        list[Annotated[Button | Overflow, Field(discriminator="type")]],
        Field(min_length=1, max_length=25),
    ]


Block = Annotated[
    Header | Divider | Image | Section | Context | Actions, Field(discriminator="type")
]
_BLOCKS = TypeAdapter(list[Block])
_KINDS = frozenset(
    {"header", "divider", "image", "section", "context", "actions", "button", "overflow"}
    | {"plain_text", "mrkdwn"}
)


class _Metadata(_Part):
    event_type: Annotated[str, Field(min_length=1)]
    event_payload: dict[str, Any]


def check_blocks(found: object) -> tuple[Json, ...]:
    """Return the blocks as they came, each with an id.

    Raises:
        SlackError: `invalid_blocks` with a pointer to each fault, or a limit of the whole.
    """
    if found is None:
        return ()
    if not isinstance(found, list):
        raise SlackError("invalid_blocks_format")
    if len(found) > MAX_BLOCKS:
        raise _invalid([f"no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]"])
    try:
        _BLOCKS.validate_python(found)
    except ValidationError as exc:
        raise _invalid([_fault(one["loc"], one["msg"]) for one in exc.errors()]) from exc
    _check_unique(found)
    if _characters(found) > MAX_BLOCK_TEXT:
        raise SlackError("msg_blocks_too_long")
    return tuple(
        block | {"block_id": block.get("block_id") or f"b{n}"} for n, block in enumerate(found)
    )


def check_metadata(found: object) -> Json | None:
    """
    Raises:
        SlackError: it has another shape, or is too large.
    """
    if not found:
        return None
    try:
        _Metadata.model_validate(found)
    except ValidationError as exc:
        raise SlackError("invalid_metadata_format") from exc
    if len(json.dumps(found)) > MAX_METADATA_BYTES:
        raise SlackError("metadata_too_large")
    return dict(found) if isinstance(found, dict) else None


def _check_unique(blocks: list[Json]) -> None:
    named = [block["block_id"] for block in blocks if block.get("block_id")]
    if len(named) != len(set(named)):
        raise _invalid(["block_id must be unique [json-pointer:/blocks]"])
    for number, block in enumerate(blocks):
        actions = [part["action_id"] for part in block.get("elements", ()) if part.get("action_id")]
        if len(actions) != len(set(actions)):
            raise _invalid([f"action_id must be unique [json-pointer:/blocks/{number}/elements]"])


def _characters(part: object) -> int:
    """Count the characters of every `text` within."""
    if isinstance(part, list):
        return sum(_characters(one) for one in part)
    if not isinstance(part, dict):
        return 0
    return sum(
        len(value) if name == "text" and isinstance(value, str) else _characters(value)
        for name, value in part.items()
    )


def _fault(location: tuple[int | str, ...], reason: str) -> str:
    # Pydantic names the chosen kind of block within the path; a JSON pointer does not.
    path = [str(part) for part in location if part not in _KINDS]
    return f"{reason} [json-pointer:/{'/'.join(['blocks', *path])}]"


def _invalid(faults: list[str]) -> SlackError:
    messages = [f"[ERROR] {fault}" for fault in faults]
    return SlackError("invalid_blocks", errors=faults, response_metadata={"messages": messages})
