"""The arguments of a call, which come as a query, a form or JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection, Request

from demo.slack.errors import SlackError
from demo.slack.model import Json

_TIMESTAMP = re.compile(r"(\d{1,12})(?:\.(\d{1,6}))?")


async def read_arguments(request: Request) -> Json:
    """
    Raises:
        SlackError: the body is not what its content type says.
    """
    arguments: Json = dict(request.query_params)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type == "application/json":
        arguments |= _json_object(await request.body())
    elif content_type == "application/x-www-form-urlencoded":
        arguments |= _form(await request.body())
    elif await request.body():
        raise SlackError("invalid_post_type")
    return arguments


def origin(request: HTTPConnection, *, scheme: str = "http") -> str:
    """Return where the caller found the simulated Slack, as the beginning of an address."""
    return f"{scheme}://{request.url.netloc}"


def _json_object(body: bytes) -> Json:
    try:
        found = json.loads(body or b"{}")
    except ValueError as exc:
        raise SlackError("invalid_json") from exc
    if not isinstance(found, dict):
        raise SlackError("json_not_object")
    return found


def _form(body: bytes) -> Json:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError as exc:
        raise SlackError("invalid_form_data") from exc


def microseconds_of(ts: str, *, error: str) -> int:
    """Return a `ts` as a number that compares.

    Raises:
        SlackError: with the given code; it is no timestamp.
    """
    match = _TIMESTAMP.fullmatch(ts)
    if match is None:
        raise SlackError(error)
    return int(match[1]) * 10**6 + int((match[2] or "").ljust(6, "0"))


@dataclass(frozen=True, slots=True)
class Arguments:
    values: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return the argument; empty when it was not given."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def required(self, name: str, *, error: str) -> str:
        if not self.text(name):
            raise SlackError(error)
        return self.text(name)

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in {"1", "true"}

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        if text and not text.isdigit():
            raise SlackError("invalid_limit")
        return int(text) if text else default

    def structure(self, name: str, *, error: str) -> Any:  # noqa: ANN401 - JSON, judged next.
        """Return JSON that came as such, or as a string of it; None when it was not given."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as exc:
            raise SlackError(error) from exc
