"""Errors as problem details (RFC 9457): what happened, and what the caller can do."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.api.dependencies import PermissionDeniedError
from app.api.door import AuthenticationError, TooManyAttemptsError
from app.errors import (
    ActivityUnknownError,
    ClusterUnreadError,
    IncidentNotFoundError,
    InvalidInteractionError,
    KeepTooLongError,
    NothingToKeepError,
    NothingToStopError,
    NotPausableError,
    NotSignedError,
    NotStoppableError,
    OwnerUnknownError,
    StaleIncidentError,
    StopGivenUpError,
    StopUnderWayError,
    StoreUnavailableError,
    TaskNotFoundError,
    TooLateToDismissError,
    UnknownTargetError,
)

_MEDIA_TYPE = "application/problem+json"
_MOST_FAULTS = 3
_MEMBERS = {
    "type": {"type": "string"},
    "title": {"type": "string"},
    "status": {"type": "integer"},
    "detail": {"type": "string"},
}
_DESCRIBED = {_MEDIA_TYPE: {"schema": {"type": "object", "properties": _MEMBERS}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The detail says what is wrong.", "content": _DESCRIBED},
    "503": {
        "description": "The database, or what is asked, cannot be used now. Send it again.",
        "content": _DESCRIBED,
    },
}
"""For the descriptions of routes."""


class BodyTooLargeError(Exception):
    """The request's body is longer than so many bytes. Rendered as 413."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The body is longer than {most} bytes.")


class UnreadableBodyError(Exception):
    """The request's body will never be readable, however often it is sent. Rendered as 400."""


def problem(code: int, title: str, detail: str, **headers: str) -> JSONResponse:
    content = {"type": "about:blank", "title": title, "status": code, "detail": detail}
    return JSONResponse(content, code, headers=headers or None, media_type=_MEDIA_TYPE)


def faults(errors: Iterable[Any]) -> str:
    """Name the first fields that are wrong, and why; what was in them can be a secret."""
    words = [f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in errors]
    return "; ".join(words[:_MOST_FAULTS])


_ANSWERS: Mapping[type[Exception], tuple[int, str]] = {
    AuthenticationError: (
        status.HTTP_401_UNAUTHORIZED,
        "Send one of the configured api_tokens as a bearer token.",
    ),
    TooManyAttemptsError: (
        status.HTTP_429_TOO_MANY_REQUESTS,
        "Too often from this address without a token that is known. Try again in {error}.",
    ),
    PermissionDeniedError: (status.HTTP_403_FORBIDDEN, "The token's role does not allow this."),
    BodyTooLargeError: (
        status.HTTP_413_CONTENT_TOO_LARGE,
        "{error} Group the alerts by more labels (group_by).",
    ),
    UnreadableBodyError: (
        status.HTTP_400_BAD_REQUEST,
        "This is no webhook message of Alertmanager, version 4: {error}",
    ),
    NotSignedError: (
        status.HTTP_401_UNAUTHORIZED,
        "{error} Slack signs each request with the app's signing secret.",
    ),
    InvalidInteractionError: (status.HTTP_400_BAD_REQUEST, "{error}"),
    StopUnderWayError: (
        status.HTTP_409_CONFLICT,
        "The task is being stopped already: Determined was called. Nothing was kept.",
    ),
    StopGivenUpError: (
        status.HTTP_409_CONFLICT,
        "Determined was told again and again to stop it, in vain. Nothing was done.",
    ),
    NothingToStopError: (
        status.HTTP_409_CONFLICT,
        "None of these tasks is to be stopped any more, or yet. Nothing was done.",
    ),
    UnknownTargetError: (
        status.HTTP_422_UNPROCESSABLE_CONTENT,
        "body.allocation_ids: The incident is not about {error}. Nothing was done.",
    ),
    NotStoppableError: (
        status.HTTP_409_CONFLICT,
        "Determined has no call that stops a {error}. Nothing was done.",
    ),
    OwnerUnknownError: (
        status.HTTP_409_CONFLICT,
        "Determined does not tell whose task it is. Nothing was done.",
    ),
    NotPausableError: (
        status.HTTP_409_CONFLICT,
        "Determined cannot pause a {error}. Nothing was done; it can be killed.",
    ),
    TooLateToDismissError: (
        status.HTTP_409_CONFLICT,
        "It is being stopped already. Nothing was done.",
    ),
    NothingToKeepError: (
        status.HTTP_409_CONFLICT,
        "No task of the user is to be stopped at the moment. Nothing was kept.",
    ),
    KeepTooLongError: (
        status.HTTP_422_UNPROCESSABLE_CONTENT,
        "body.duration: {error} Nothing was kept.",
    ),
    IncidentNotFoundError: (status.HTTP_404_NOT_FOUND, "{error}"),
    TaskNotFoundError: (
        status.HTTP_404_NOT_FOUND,
        "No task {error} runs. What was done about one that has ended is in its incidents.",
    ),
    ClusterUnreadError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "Determined was not read lately: it is not known what runs. Try again.",
    ),
    ActivityUnknownError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "It is not known which tasks idle: {error}. Try again, or ask without `idle`.",
    ),
    StaleIncidentError: (
        status.HTTP_409_CONFLICT,
        "The incident changed at the same moment; nothing was done. Try again.",
    ),
    # Alertmanager tries again on 5xx alone, at once and with backoff.
    StoreUnavailableError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "The database cannot be used now; nothing was stored. Send it again.",
    ),
}
"""What each error is answered with; `{error}` is what it says itself."""
_CHALLENGES = {AuthenticationError: "Bearer", NotSignedError: "Slack-Signature"}
"""What each 401 asks for: a status that must say so."""


def add_problem_responses(app: FastAPI) -> None:
    _add_responses_of_the_framework(app)

    async def answer(_request: Request, exc: Exception) -> JSONResponse:
        code, detail = _ANSWERS[type(exc)]
        challenge = _CHALLENGES.get(type(exc))
        headers = {"WWW-Authenticate": challenge} if challenge else {}
        if isinstance(exc, TooManyAttemptsError):
            headers["Retry-After"] = str(exc.retry_after)
        return problem(code, HTTPStatus(code).phrase, detail.format(error=exc), **headers)

    for error in _ANSWERS:
        app.add_exception_handler(error, answer)


def _add_responses_of_the_framework(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, exc: RequestValidationError) -> JSONResponse:
        return problem(
            status.HTTP_422_UNPROCESSABLE_CONTENT, "Unprocessable Content", faults(exc.errors())
        )

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, exc: HTTPException) -> JSONResponse:
        title = HTTPStatus(exc.status_code).phrase
        return problem(exc.status_code, title, exc.detail, **(exc.headers or {}))
