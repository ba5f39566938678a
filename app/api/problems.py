"""Errors as problem details (RFC 9457): what happened, and what the caller can do."""

from fastapi import FastAPI, Request, status
from fastapi.responses import JSONResponse

from app.api.dependencies import AuthenticationError, PermissionDeniedError
from app.errors import IncidentNotFoundError, StaleIncidentError, StoreUnavailableError

_MEDIA_TYPE = "application/problem+json"


class BodyTooLargeError(Exception):
    """The request's body is longer than so many bytes. Rendered as 413."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The body is longer than {most} bytes.")


class UnreadableBodyError(Exception):
    """The request's body will never be readable, however often it is sent. Rendered as 400."""


def problem(code: int, title: str, detail: str, **headers: str) -> JSONResponse:
    content = {"type": "about:blank", "title": title, "status": code, "detail": detail}
    return JSONResponse(content, code, headers=headers or None, media_type=_MEDIA_TYPE)


def add_problem_responses(app: FastAPI) -> None:
    @app.exception_handler(AuthenticationError)
    async def unauthenticated(_request: Request, _exc: Exception) -> JSONResponse:
        return problem(
            status.HTTP_401_UNAUTHORIZED,
            "Unauthorized",
            "Send one of the configured api_tokens as a bearer token.",
            **{"WWW-Authenticate": "Bearer"},
        )

    @app.exception_handler(PermissionDeniedError)
    async def forbidden(_request: Request, _exc: Exception) -> JSONResponse:
        return problem(
            status.HTTP_403_FORBIDDEN, "Forbidden", "The token's role does not allow this."
        )

    @app.exception_handler(BodyTooLargeError)
    async def too_large(_request: Request, exc: Exception) -> JSONResponse:
        return problem(
            status.HTTP_413_CONTENT_TOO_LARGE,
            "Content Too Large",
            f"{exc} Group the alerts by more labels (group_by).",
        )

    @app.exception_handler(UnreadableBodyError)
    async def unreadable(_request: Request, exc: Exception) -> JSONResponse:
        return problem(
            status.HTTP_400_BAD_REQUEST,
            "Bad Request",
            f"This is no webhook message of Alertmanager, version 4: {exc}",
        )

    @app.exception_handler(IncidentNotFoundError)
    async def not_found(_request: Request, exc: Exception) -> JSONResponse:
        return problem(status.HTTP_404_NOT_FOUND, "Not Found", str(exc))

    @app.exception_handler(StaleIncidentError)
    async def conflict(_request: Request, _exc: Exception) -> JSONResponse:
        return problem(
            status.HTTP_409_CONFLICT,
            "Conflict",
            "The incident changed at the same moment; nothing was done. Try again.",
        )

    @app.exception_handler(StoreUnavailableError)
    async def unavailable(_request: Request, _exc: Exception) -> JSONResponse:
        # Alertmanager tries again on 5xx alone, at once and with backoff.
        return problem(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "Service Unavailable",
            "The database cannot be used now; nothing was stored. Send it again.",
        )
