"""A client of the receiver's HTTP API, whose errors are sentences for whoever typed a command."""

import ssl
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import httpx

from app import __version__
from app.adapters.slack_text import clean
from app.cli.access import Access
from app.cli.terminal import CANNOT_BEGIN, SOMETHING_IS_MISSING
from app.domain.access import Role

# An answer may wait for Prometheus, Alertmanager and Determined, each with its own time-out.
TIMEOUTS: Final = httpx.Timeout(60, connect=10)
_TRIES = 2
_DEEPEST = 10
"""Errors behind an error that are looked at: they can be a circle."""
_LONGEST = 2_000  # characters of what a receiver says about an error
_UNSURE = frozenset({502, 504})
"""Statuses of what stands between us and the receiver, which may have done what it was asked."""
_AWAY = frozenset({429, 500, 502, 503, 504})
_UP = {Role.VIEWER: "viewer, operator or admin", Role.OPERATOR: "operator or admin"}
Shape = TypeVar("Shape")


class AnswerError(Exception):
    """The receiver was not asked, refused, or cannot be understood. Its words say what to do."""

    def __init__(self, words: str, exit_code: int = SOMETHING_IS_MISSING) -> None:
        super().__init__(words)
        self.exit_code = exit_code


class AwayError(AnswerError):
    """Nobody answers, or not now: later is another matter."""


class NotFoundError(AnswerError):
    """There is no such thing."""


class Client:
    def __init__(self, access: Access, timeout: httpx.Timeout = TIMEOUTS) -> None:
        self._access = access
        self._http = httpx.Client(
            base_url=access.url,
            # As bytes: a token may hold any letter, and the receiver reads headers as they come.
            headers={b"Authorization": b"Bearer " + access.token.encode()},
            timeout=timeout,
            verify=access.certificates,
        )

    def get(self, path: str, **params: str | int | None) -> Any:  # noqa: ANN401  # parsed JSON
        """Read something. What is None is not asked for.

        Raises:
            AnswerError: there is no answer, or it is a refusal.
        """
        return self._ask("GET", path, Role.VIEWER, params=params)

    def post(
        self,
        path: str,
        body: Mapping[str, object],
        needs: Role,
        *,
        key: str = "",
        dry_run: bool = False,
        again: bool = False,
    ) -> Any:  # noqa: ANN401  # parsed JSON
        """Do something. Where nobody knows whether it was done, it is tried again if it has a key.

        `again`: to do it twice is to do it once, without a key as well.

        Raises:
            AnswerError: it was refused, or nobody knows whether it was done.
        """
        params = {"dry_run": "true"} if dry_run else {}
        tries = _TRIES if key or dry_run or again else 1
        return self._ask("POST", path, needs, params=params, body=body, key=key, tries=tries)

    def _ask(
        self,
        method: str,
        path: str,
        needs: Role,
        *,
        params: Mapping[str, str | int | None],
        body: Mapping[str, object] | None = None,
        key: str = "",
        tries: int = _TRIES,
    ) -> Any:  # noqa: ANN401  # parsed JSON
        request = self._http.build_request(
            method,
            path,
            params={name: value for name, value in params.items() if value is not None},
            json=body,
            headers={"Idempotency-Key": key} if key else {},
        )
        answer = self._send(request, tries)
        if answer.is_success:
            return self._parsed(answer)
        raise self._refusal(answer, needs)

    def _send(self, request: httpx.Request, tries: int, *, again: bool = False) -> httpx.Response:
        """Send it, and `again` where the answer was lost on its way."""
        try:
            answer = self._http.send(request)
        except httpx.HTTPError as exc:
            was_not_sent = isinstance(exc, (httpx.ConnectError, httpx.ConnectTimeout))
            if was_not_sent and not again:
                raise self._out_of_reach(exc) from exc
            if tries > 1 and not was_not_sent:
                return self._send(request, tries - 1, again=True)
            raise self._without_answer(request, type(exc).__name__) from exc
        if answer.status_code in _UNSURE and tries > 1:
            return self._send(request, tries - 1, again=True)
        return answer

    @property
    def _where(self) -> str:
        source = self._access.url_from
        return f"{self._access.url} ({source})" if source else self._access.url

    def _out_of_reach(self, exc: httpx.HTTPError) -> AnswerError:
        cause = _cause(exc)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return AnswerError(
                f"the certificate of {self._where} is not trusted: {cause.verify_message}. "
                "Name the authority that has signed it: --ca-file",
                CANNOT_BEGIN,
            )
        if isinstance(cause, ssl.SSLError):
            reason = cause.reason or "no TLS"
            return AnswerError(
                f"no TLS with {self._where}: {reason}. http:// instead?", CANNOT_BEGIN
            )
        return AwayError(f"nobody answers at {self._where}: {exc}", CANNOT_BEGIN)

    def _without_answer(self, request: httpx.Request, what: str) -> AnswerError:
        words = f"no answer from {self._where} ({what})"
        if _does_nothing(request):
            return AwayError(words, CANNOT_BEGIN)
        return AwayError(_unknown_fate(request, words))

    def _refusal(self, answer: httpx.Response, needs: Role) -> AnswerError:
        status, detail = answer.status_code, _detail(answer)
        if status == httpx.codes.UNAUTHORIZED:
            return AnswerError(
                f"{self._where} does not know the token in {self._access.token_file}", CANNOT_BEGIN
            )
        if status == httpx.codes.FORBIDDEN:
            return AnswerError(
                f"this needs a token with the role {_UP.get(needs, needs)}; "
                f"the one in {self._access.token_file} has another"
            )
        if not detail:
            phrase = clean(answer.reason_phrase, 80)
            words = f"{self._where} answers {status} {phrase}, and not as the watchdog does"
            if status in _AWAY:
                return AwayError(_unknown_fate(answer.request, words))
            return AnswerError(words)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            after = clean(answer.headers.get("Retry-After", ""), 40)
            return AwayError(f"{detail} Try again in {after} s." if after.isdecimal() else detail)
        kind = NotFoundError if status == httpx.codes.NOT_FOUND else AnswerError
        return AwayError(detail) if status in _AWAY else kind(detail)

    def _parsed(self, answer: httpx.Response) -> Any:  # noqa: ANN401  # parsed JSON
        try:
            return answer.json()
        except ValueError:
            raise AnswerError(
                f"{self._where} answers, and not as the watchdog does", CANNOT_BEGIN
            ) from None


def _cause(exc: BaseException) -> BaseException | None:
    """Return the error of TLS that lies behind an error, if one does."""
    behind: BaseException | None = exc
    for _ in range(_DEEPEST):
        if behind is None or isinstance(behind, ssl.SSLError):
            return behind
        behind = behind.__cause__ or behind.__context__
    return None


def _does_nothing(request: httpx.Request) -> bool:
    return request.method == "GET" or "dry_run" in request.url.params


def _unknown_fate(request: httpx.Request, words: str) -> str:
    if _does_nothing(request):
        return words
    key = request.headers.get("Idempotency-Key", "")
    again = f"; the same command with --key {key} does it once" if key else ""
    return f"{words}. Nobody knows whether it was done{again}"


def _detail(answer: httpx.Response) -> str:
    """Return what the problem details say; empty: they are none."""
    try:
        found = answer.json()
    except ValueError:
        return ""
    detail = found.get("detail") if isinstance(found, dict) else None
    # `body.duration` is what a program sends; who types a command has named it without.
    return clean(detail, _LONGEST).replace("body.", "") if isinstance(detail, str) else ""


def expect(shape: type[Shape], answer: object) -> Shape:
    """Return an answer as what it should be.

    Raises:
        AnswerError: fields are missing: the receiver is of another version.
    """
    fields = set(shape.__annotations__)
    missing = fields - answer.keys() if isinstance(answer, dict) else fields
    if missing:
        raise AnswerError(
            f"the receiver's answer has no {', '.join(sorted(missing))}: it is of another version "
            f"than this command, {__version__}",
            CANNOT_BEGIN,
        )
    found: Any = answer
    return found  # type: ignore[no-any-return]


def expect_all(shape: type[Shape], answer: object) -> list[Shape]:
    return (
        [expect(shape, each) for each in answer]
        if isinstance(answer, list)
        else [expect(shape, answer)]
    )
