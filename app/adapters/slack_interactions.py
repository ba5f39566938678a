"""What Slack tells of a pressed button, over whichever way: from its payload to a `Press`.

A button's `action_id` is `{verb}.{argument}` or `{verb}`, and its `value` the subjects. An overflow
menu's is `menu`, and its options' values are `{verb}.{argument} {subjects}`. `#{n}` at the end of
an `action_id` keeps those of one message apart, and means nothing. A button that is a link begins
with `link`: Slack tells of these too.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import from_json

from app.domain.press import Press, Verb
from app.errors import InvalidInteractionError, NotSignedError

SIGNATURE_HEADER = "X-Slack-Signature"
TIME_HEADER = "X-Slack-Request-Timestamp"
WINDOW = 300
"""Seconds for which a signature is valid, as Slack advises."""
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_MOST_FIELDS = 8
_ASKED = re.compile(r"(?P<verb>[a-z]{1,20})(?:\.(?P<argument>[a-z0-9]{1,20}))?", re.ASCII)
_SUBJECTS = re.compile(r"[!-~]+(?: [!-~]+)*", re.ASCII)
_MENU = "menu"
_LINK = "link"


def verify(
    secret: bytes, body: bytes, signatures: Sequence[str], times: Sequence[str], *, now: datetime
) -> None:
    """See that Slack has signed exactly this body, lately. Nothing of it may be read before.

    `signatures` and `times` are all headers of these names, decoded in Latin-1 as ASGI does it.

    Raises:
        NotSignedError: it has not. The message does not say what it ought to have been.
    """
    if len(signatures) != 1 or len(times) != 1:
        raise NotSignedError(f"There must be one {SIGNATURE_HEADER} and one {TIME_HEADER}.")
    [signature], [time] = signatures, times
    if not _SECONDS.fullmatch(time):
        raise NotSignedError(f"{TIME_HEADER} is no time in seconds.")
    if abs(now.timestamp() - int(time)) > WINDOW:
        raise NotSignedError(f"{TIME_HEADER} is more than {WINDOW} s away from now.")
    signed = b"v0:" + time.encode("ascii") + b":" + body
    expected = "v0=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
    # As bytes: of texts only those in ASCII can be compared.
    if not hmac.compare_digest(expected.encode("ascii"), signature.encode("latin-1", "replace")):
        raise NotSignedError(f"{SIGNATURE_HEADER} is not Slack's for this body.")


def payload_of(body: bytes) -> object:
    """Return the payload in the form that Slack posts.

    Raises:
        InvalidInteractionError: there is none, or it is no JSON.
    """
    try:
        form = parse_qs(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
        [payload] = form.get("payload", [])
    except ValueError:
        # Without the cause, here and below: its text may quote what nobody should log.
        raise InvalidInteractionError("It is no form with one field `payload`.") from None
    try:
        return from_json(payload)
    except ValueError:
        raise InvalidInteractionError("The field `payload` is no JSON.") from None


@dataclass(frozen=True, slots=True)
class Interaction:
    presses: tuple[Press, ...] = ()
    unknown: tuple[str, ...] = ()
    """Why something in it is no press of ours, in words without anything of what was sent."""


_Ts = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,16}\.[0-9]{1,10}$")]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _User(_Wire):
    id: Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{1,30}$")]


class _Container(_Wire):
    channel_id: Annotated[str, StringConstraints(pattern=r"^[CDG][A-Z0-9]{1,30}$")]
    message_ts: _Ts


class _BlockActions(_Wire):
    type: Literal["block_actions"]
    user: _User
    container: _Container
    response_url: Annotated[str, StringConstraints(max_length=2000)] = ""
    actions: list[object]


class _Option(_Wire):
    value: Annotated[str, StringConstraints(max_length=2000)]


class _Action(_Wire):
    action_id: Annotated[str, StringConstraints(max_length=255)]
    action_ts: _Ts
    value: Annotated[str, StringConstraints(max_length=2000)] = ""
    selected_option: _Option | None = None


def read_interaction(payload: object) -> Interaction:
    """Read what was pressed. It may be anything, and never raises."""
    try:
        message = _BlockActions.model_validate(payload)
    except ValidationError:
        return Interaction(unknown=("It is no button in a message.",))
    presses: list[Press] = []
    unknown: list[str] = []
    for each in message.actions:
        try:
            presses += _presses(message, _Action.model_validate(each))
        except ValueError:
            unknown.append("It is no button of ours.")
    return Interaction(tuple(presses), tuple(unknown))


def _presses(message: _BlockActions, action: _Action) -> list[Press]:
    """Return the press that an action is; none for a link.

    Raises:
        ValueError: it is not ours.
    """
    name = action.action_id.partition("#")[0]
    if name.startswith(_LINK):
        return []
    asked, value = name, action.value
    if name == _MENU:
        chosen = action.selected_option.value if action.selected_option else ""
        asked, _, value = chosen.partition(" ")
    found = _ASKED.fullmatch(asked)
    if not found:
        raise ValueError(asked)
    verb = Verb(found["verb"])
    return [
        Press(
            press_id=f"{message.user.id}:{action.action_ts}:{action.action_id}",
            user_id=message.user.id,
            channel=message.container.channel_id,
            message_ts=message.container.message_ts,
            verb=verb,
            argument=found["argument"] or "",
            subjects=_subjects(value, verb),
            response_url=message.response_url,
        )
    ]


def _subjects(value: str, verb: Verb) -> tuple[str, ...]:
    if not value and verb is Verb.RESET:
        # The breaker is one.
        return ()
    if not _SUBJECTS.fullmatch(value):
        raise ValueError(value)
    return tuple(value.split(" "))
