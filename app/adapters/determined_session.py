"""Who we are to Determined: a login that is renewed in time, or a fixed access token."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import structlog

from app.adapters.determined_wire import Login, read
from app.adapters.upstream import upstream_errors
from app.errors import UpstreamRejectedError

log = structlog.get_logger()
_TOKEN_FILE_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Password:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    token: str = field(repr=False)


class Session(httpx.Auth):
    """Signs requests to Determined, and logs in again, once, when one is answered with 401.

    The token in use is written to `token_path`, so that Prometheus's own scrapes of the master,
    and its service discovery there, stay authorised.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        credentials: Password | AccessToken,
        *,
        renew_after: timedelta = timedelta(days=1),
        token_path: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._renew_after = renew_after
        self._token_path = token_path
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._token = credentials.token if isinstance(credentials, AccessToken) else ""
        self._opened_at = 0.0

    async def renew(self) -> None:
        """Log in if there is no session or it grows old, and see that the file has its token.

        Sessions end seven days after the login, however much they are used.

        Raises:
            UpstreamUnavailableError: Determined does not answer.
            UpstreamRejectedError: it refuses the user name or the password.
        """
        async with self._lock:
            if not self._token or self._is_old():
                await self._log_in()
            await self._publish()

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._current()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED or self._is_fixed:
            return
        # A request that was refused for its token did nothing, so even a kill may be repeated.
        token = await self._replacement(token)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request

    @property
    def _is_fixed(self) -> bool:
        return isinstance(self._credentials, AccessToken)

    def _is_old(self) -> bool:
        age = self._monotonic() - self._opened_at
        return not self._is_fixed and age >= self._renew_after.total_seconds()

    async def _current(self) -> str:
        async with self._lock:
            if not self._token:
                await self._log_in()
                await self._publish()
            return self._token

    async def _replacement(self, refused: str) -> str:
        """Return another token than the one that was refused; several callers share one login."""
        async with self._lock:
            if self._token == refused:
                await self._log_in()
                await self._publish()
            return self._token

    async def _log_in(self) -> None:
        """POST /api/v1/auth/login. The master hashes the password itself (isHashed: false)."""
        if not isinstance(self._credentials, Password):
            return
        body = {
            "username": self._credentials.username,
            "password": self._credentials.password,
            "isHashed": False,
        }
        with upstream_errors("Determined"):
            response = await self._client.post("/api/v1/auth/login", json=body, auth=httpx.Auth())
            if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
                raise UpstreamRejectedError(
                    f"Determined refuses the login of {self._credentials.username}",
                    code=str(response.status_code),
                )
            response.raise_for_status()
            token = read(response.content, Login).token
        # The answer also sets a cookie, which would outlive the token and speak against it.
        self._client.cookies.clear()
        self._token = token
        self._opened_at = self._monotonic()

    async def _publish(self) -> None:
        """Write the token's file. That it cannot be written must not keep us from working."""
        if self._token_path is None:
            return
        try:
            await asyncio.to_thread(_ensure_text, self._token_path, self._token)
        except OSError as exc:
            log.error(  # noqa: TRY400 -- a traceback says no more than this
                "token_file_not_written", path=str(self._token_path), error=exc.strerror
            )


def _ensure_text(path: Path, text: str) -> None:
    """Put a new file in the place of the old one, so that a reader sees one of the two, whole."""
    if path.is_file() and path.read_text() == text:
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(file.fileno(), _TOKEN_FILE_MODE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
