"""Where Slack's errors become ours. No message quotes an answer or a request: both hold secrets."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from app.adapters.upstream import retry_after
from app.errors import (
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)

_OURS = frozenset(
    {
        "access_denied",
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
"""Slack's words for what is wrong with our account. Somebody mends it, and the message waits."""
_PASSING = _OURS | frozenset(
    {
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
"""Slack's words for what is over after a while."""
_OK = 200
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


@contextmanager
def slack_errors() -> Iterator[None]:
    """Turn the errors of Slack's client into `UpstreamError`s.

    Raises:
        UpstreamUnavailableError: time-out, connection failure, rate limit, or Slack's own trouble.
        UpstreamRejectedError: any other refusal; its code is Slack's word for it.
        UpstreamMalformedError: the answer is not Slack's. What was asked may have been done.
    """
    try:
        yield
    except SlackApiError as exc:
        raise _translated(exc) from None
    except TimeoutError:
        raise UpstreamUnavailableError("Slack did not answer in time") from None
    except (aiohttp.ClientError, OSError) as exc:
        # Without the cause: some of these carry the request's headers, the token among them.
        raise UpstreamUnavailableError(f"Slack cannot be reached ({type(exc).__name__})") from None
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        # The client itself stumbles over answers that are no JSON objects.
        raise UpstreamMalformedError(
            f"Slack's answer cannot be read ({type(exc).__name__})"
        ) from None


def _translated(exc: SlackApiError) -> UpstreamError:
    response = exc.response
    if isinstance(response, aiohttp.ClientResponse):
        return _by_status(response.status, "", response.headers.get("Retry-After"))
    body = response.data if isinstance(response.data, dict) else {}
    word = str(body.get("error") or "")
    return _by_status(response.status_code, word, response.headers.get("Retry-After"))


def _by_status(status: int, word: str, wait: str | None) -> UpstreamError:
    text = f"Slack answered {word or status}"
    if word in _PASSING or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR:
        return UpstreamUnavailableError(text, retry_after=retry_after(wait))
    if status == _OK and not word:
        return UpstreamMalformedError("Slack's answer is not Slack's")
    return UpstreamRejectedError(text, code=word or str(status))


def word(answer: AsyncSlackResponse | Mapping[str, Any], name: str) -> str:
    """Return a text of an answer. The client's own access gives None for what is not there.

    Raises:
        KeyError: it is not there.
    """
    found = answer.get(name)
    if not isinstance(found, str) or not found:
        raise KeyError(name)
    return found
