"""Those who come without a token that is known: counted, logged, and told to wait.

That shows who guesses, and keeps the log readable; what protects a token is its length.
A token that is known is always let in, from wherever it comes: behind a proxy everybody has the
same address, and somebody who guesses there must not keep Alertmanager out.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import NoReturn

import structlog

log = structlog.get_logger()
_MOST_FAILURES = 10
_WINDOW = 60.0  # seconds
_MOST_ADDRESSES = 10_000
_HOUSEHOLD = 64  # bits of an IPv6 address that a client has no choice about
_MOST_CHARACTERS = 200


class AuthenticationError(Exception):
    """The request names no token that we know. Rendered as 401, without any detail."""


class TooManyAttemptsError(Exception):
    """So many came from one address without a token that we know. Rendered as 429."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} s")
        self.retry_after = seconds


@dataclass(slots=True)
class _Failures:
    since: float
    count: int = 0


class Door:
    """In this process alone; what it remembers has an end."""

    def __init__(
        self,
        counted: Callable[[str], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        remembers: int = _MOST_ADDRESSES,
    ) -> None:
        """`counted`: is called with `refused` or `limited`, each time."""
        self._counted = counted
        self._monotonic = monotonic
        self._remembers = remembers
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def refuse(self, address: str, request: str, *, has_token: bool) -> NoReturn:
        """Turn somebody away. `request`: the method and path; never what is secret about it.

        Raises:
            AuthenticationError: the usual answer.
            TooManyAttemptsError: there were too many from this address.
        """
        now = self._monotonic()
        known = self._of(_client(address), now)
        known.count += 1
        if known.count <= _MOST_FAILURES:
            self._counted("refused")
            self._log("authentication_failed", address, request, has_token=has_token)
            raise AuthenticationError
        self._counted("limited")
        if known.count == _MOST_FAILURES + 1:
            # The others are counted: a log that anybody can fill is of no use.
            self._log("authentication_limited", address, request, has_token=has_token)
        raise TooManyAttemptsError(ceil(known.since + _WINDOW - now))

    def _of(self, client: str, now: float) -> _Failures:
        known = self._failures.get(client)
        if known is None or now - known.since >= _WINDOW:
            known = self._failures[client] = _Failures(now)
        self._failures.move_to_end(client)
        if len(self._failures) > self._remembers:
            self._failures.popitem(last=False)
        return known

    def _log(self, event: str, address: str, request: str, *, has_token: bool) -> None:
        log.warning(
            event,
            address=address[:_MOST_CHARACTERS],
            request=request[:_MOST_CHARACTERS],
            has_token=has_token,
        )


def _client(address: str) -> str:
    """Return what all addresses of one client have in common."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed, _HOUSEHOLD), strict=False))
