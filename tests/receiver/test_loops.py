"""What one thing meets does not reach the others, unless it would meet them too."""

import asyncio

import pytest

from app.errors import StaleLeaseError, StoreUnavailableError, UpstreamUnavailableError
from app.loops import contained


@pytest.mark.parametrize("error", [UpstreamUnavailableError("down"), ZeroDivisionError()])
def test_an_error_is_contained_and_counted(error: Exception) -> None:
    failed: list[str] = []

    with contained("reconcile", failed.append):
        raise error

    assert failed == ["reconcile"]


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailableError("no disk"),
        StaleLeaseError("another replica"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
    ],
)
def test_what_would_meet_all_the_others_goes_through(error: BaseException) -> None:
    failed: list[str] = []

    with pytest.raises(type(error)), contained("reconcile", failed.append):
        raise error

    assert failed == []


def test_a_loop_survives_the_database_as_well() -> None:
    failed: list[str] = []

    with contained("reconcile", failed.append, through=()):
        raise StoreUnavailableError("no disk")

    assert failed == ["reconcile"]
