"""Where errors of the systems that we ask become ours. No message ever quotes a body or an address:
both can hold secrets.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated

import httpx
import msgspec
from pydantic import AfterValidator, AwareDatetime, ValidationError

from app.errors import (
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)

_LONGEST_WAIT = timedelta(hours=1)


@contextmanager
def upstream_errors(system: str) -> Iterator[None]:
    """Turn httpx's errors, and those of reading an answer, into `UpstreamError`s.

    Raises:
        UpstreamUnavailableError: time-out, connection failure, 429 or 5xx.
        UpstreamRejectedError: any other status that is no success; its code is the status.
        UpstreamMalformedError: the answer is not what we can read.
    """
    try:
        yield
    except httpx.HTTPStatusError as exc:
        # Without the cause: its text names the whole address.
        raise refusal(system, exc.response.status_code, exc.response.headers) from None
    except httpx.TimeoutException as exc:
        raise UpstreamUnavailableError(
            f"{system} did not answer in time ({type(exc).__name__})"
        ) from exc
    except httpx.DecodingError as exc:
        raise UpstreamMalformedError(f"{system} answered with a broken encoding") from exc
    except httpx.HTTPError as exc:
        raise UpstreamUnavailableError(
            f"{system} cannot be reached ({type(exc).__name__})"
        ) from exc
    except ValidationError as exc:
        # Without the cause: its text quotes what it was given.
        raise UpstreamMalformedError(f"{system}'s answer: {_faults(exc)}") from None
    except msgspec.ValidationError as exc:
        raise UpstreamMalformedError(f"{system}'s answer: {exc}") from None
    except (ValueError, KeyError, RecursionError) as exc:
        raise UpstreamMalformedError(
            f"{system}'s answer cannot be read ({type(exc).__name__})"
        ) from None


async def read_whole(
    client: httpx.AsyncClient,
    path: str,
    params: Mapping[str, int | str | list[str]],
    auth: httpx.Auth,
) -> bytearray:
    """Return the body of an answer, which is let go of as soon as it is read.

    A response of httpx refers to itself: the body that it keeps would be in memory until Python
    next looks for cycles, ticks later.
    """
    async with client.stream("GET", path, params=params, auth=auth) as response:
        response.raise_for_status()
        body = bytearray()
        async for piece in response.aiter_bytes():
            # Not joined at the end: a long one would be in memory twice.
            body += piece
        return body


def refusal(system: str, status: int, headers: httpx.Headers) -> UpstreamError:
    """Return the error for an answer that is no success."""
    text = f"{system} answered {status}"
    if status == httpx.codes.TOO_MANY_REQUESTS or httpx.codes.is_server_error(status):
        return UpstreamUnavailableError(text, retry_after=retry_after(headers.get("Retry-After")))
    return UpstreamRejectedError(text, code=str(status))


def retry_after(text: str | None) -> timedelta | None:
    """Read the header Retry-After: seconds, or a date. An hour at most; None if it says nothing."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=min(int(text), 86_400)), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(aware - datetime.now(UTC), timedelta()), _LONGEST_WAIT)


def read_date(headers: httpx.Headers) -> datetime | None:
    """Read the header Date, which is of whole seconds: the other machine's clock. None: no date."""
    try:
        at = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _faults(exc: ValidationError) -> str:
    errors = exc.errors(include_input=False, include_context=False, include_url=False)
    words = [f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors]
    more = f", and {len(words) - 3} more" if len(words) > 3 else ""  # noqa: PLR2004 -- enough to find it
    return f"{'; '.join(words[:3])}{more}"


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Do several things at once, all or nothing; the first error comes out as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def no_year_one(at: datetime | None) -> datetime | None:
    """Go writes a time that was never set as year 1."""
    return None if at is None or at.year == 1 else at


Instant = Annotated[AwareDatetime | None, AfterValidator(no_year_one)]
"""RFC 3339 as Go writes it: up to nine digits of fraction; None for a time that was never set."""

WireInstant = Annotated[datetime, msgspec.Meta(tz=True)]
"""The same for msgspec, which leaves year 1 as it is: `no_year_one` takes it out."""
