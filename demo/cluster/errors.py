"""The errors that the simulated master answers with, by their gRPC codes."""


class ApiError(Exception):
    """Becomes `{"error": {"code", "reason", "error"}}` with the HTTP status."""

    def __init__(self, status: int, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reason = reason
        self.message = message


class ControlError(Exception):
    """The control interface was asked for something that does not exist."""


def invalid_argument(message: str) -> ApiError:
    return ApiError(400, 3, "InvalidArgument", message)


def failed_precondition(message: str) -> ApiError:
    return ApiError(400, 9, "FailedPrecondition", message)


def unauthenticated(message: str) -> ApiError:
    return ApiError(401, 16, "Unauthenticated", message)


def denied(message: str) -> ApiError:
    return ApiError(403, 7, "PermissionDenied", message)


def not_found(message: str) -> ApiError:
    return ApiError(404, 5, "NotFound", message)


def internal(message: str) -> ApiError:
    """Any error that the master's Go code gives no gRPC code."""
    return ApiError(500, 2, "Unknown", message)


def with_status(status: int, message: str) -> ApiError:
    """Return the error that goes with an HTTP status."""
    known = {
        400: invalid_argument,
        401: unauthenticated,
        403: denied,
        404: not_found,
    }
    if status in known:
        return known[status](message)
    return ApiError(status, 2, "Unknown", message)
