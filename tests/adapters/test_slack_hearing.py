"""Whether what people press in Slack reaches us, by what Socket Mode tells of its connection."""

import pytest

from app.adapters.slack_hearing import GAP, Hearing


class Clock:
    """A monotonic one, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shown() -> list[bool]:
    return []


@pytest.fixture
def hearing(clock: Clock, shown: list[bool]) -> Hearing:
    return Hearing(by_socket=True, shown=shown.append, monotonic=clock)


def test_nobody_is_heard_before_the_first_connection(hearing: Hearing) -> None:
    assert not hearing.hears()


def test_who_is_connected_is_heard_for_as_long_as_it_lasts(hearing: Hearing, clock: Clock) -> None:
    hearing.changed(connected=True)
    clock.now += 100 * GAP

    assert hearing.hears()


def test_connection_that_slack_renews_is_no_gap(hearing: Hearing, clock: Clock) -> None:
    hearing.changed(connected=True)
    hearing.changed(connected=False)
    clock.now += GAP

    assert hearing.hears()


def test_gap_that_lasts_is_one(hearing: Hearing, clock: Clock) -> None:
    hearing.changed(connected=True)
    hearing.changed(connected=False)
    clock.now += GAP + 1

    assert not hearing.hears()


def test_gap_is_as_long_as_since_the_connection_was_lost(hearing: Hearing, clock: Clock) -> None:
    """However often it is told since that there is none."""
    hearing.changed(connected=True)
    hearing.changed(connected=False)
    clock.now += GAP
    hearing.changed(connected=False)
    clock.now += 1

    assert not hearing.hears()


def test_without_socket_mode_there_is_nothing_to_miss(clock: Clock, shown: list[bool]) -> None:
    hearing = Hearing(by_socket=False, shown=shown.append, monotonic=clock)

    assert hearing.hears()


def test_every_change_is_shown(hearing: Hearing, shown: list[bool]) -> None:
    hearing.changed(connected=True)
    hearing.changed(connected=False)

    assert shown == [True, False]
