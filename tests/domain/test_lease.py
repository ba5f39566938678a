"""Who may do what alone, and until when."""

from datetime import timedelta

import pytest

from app.domain.lease import Lease
from tests.domain.examples import T0

SPAN = timedelta(seconds=45)
SECOND = timedelta(seconds=1)
LEASE = Lease("a:8090", 7, T0 + SPAN)


@pytest.mark.parametrize(
    ("claimant", "at", "starting", "alone", "is_open"),
    [
        pytest.param("b:8090", T0 + SPAN - SECOND, False, False, False, id="before its end"),
        pytest.param("b:8090", T0 + SPAN, False, False, True, id="from its end on"),
        pytest.param("b:8090", T0, True, False, False, id="to another that starts"),
        pytest.param("a:8090", T0, True, False, True, id="to the same that starts again"),
        pytest.param("a:8090", T0, False, False, False, id="to a namesake that runs"),
        pytest.param("b:8090", T0, True, True, True, id="to any that starts on a file"),
        pytest.param("b:8090", T0, False, True, False, id="to one that was followed on a file"),
    ],
)
def test_to_whom_a_lease_is_open(
    claimant: str, at: object, *, starting: bool, alone: bool, is_open: bool
) -> None:
    found = LEASE.is_open_to(claimant, at, starting=starting, alone=alone)  # type: ignore[arg-type] # A moment.

    assert found == is_open


def test_the_token_grows_with_a_takeover_alone() -> None:
    later = T0 + SPAN

    assert LEASE.taken_over("b:8090", later, SPAN) == Lease("b:8090", 8, later + SPAN)
    assert LEASE.renewed(later, SPAN) == Lease("a:8090", 7, later + SPAN)


@pytest.mark.parametrize(
    ("passed", "is_worn"),
    [
        pytest.param(timedelta(0), False, id="just begun"),
        pytest.param(SPAN / 3 - SECOND, False, id="before a third is over"),
        pytest.param(SPAN / 3, True, id="from a third on"),
        pytest.param(2 * SPAN, True, id="after its end"),
        pytest.param(-SECOND, True, id="on a clock that was set back"),
    ],
)
def test_when_a_lease_is_to_be_renewed(passed: timedelta, *, is_worn: bool) -> None:
    assert LEASE.is_worn(T0 + passed, SPAN) == is_worn


@pytest.mark.parametrize(
    ("passed", "lasts"),
    [
        pytest.param(timedelta(0), True, id="just begun"),
        pytest.param(SPAN * 2 / 3 - SECOND, True, id="before two thirds are over"),
        pytest.param(SPAN * 2 / 3, False, id="in its last third"),
        pytest.param(2 * SPAN, False, id="after its end"),
    ],
)
def test_s6_the_last_third_of_a_lease_is_left_to_clocks_that_differ(
    passed: timedelta, *, lasts: bool
) -> None:
    assert LEASE.lasts(T0 + passed, SPAN) == lasts
