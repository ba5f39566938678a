"""What the configuration decides: which mode holds, for whom, and for how long."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.exemption import Exemption
from app.domain.matchers import Matcher
from app.domain.policy import (
    Announcement,
    Fallback,
    Mode,
    Policy,
    Rulebook,
    SlotLimits,
    StopAction,
)
from tests.domain.examples import POLICY, T0

M = Mode


@pytest.mark.parametrize(
    ("own", "watchdog", "holds"),
    [
        (M.ENFORCE, M.ENFORCE, M.ENFORCE),
        (M.WARN, M.ENFORCE, M.WARN),
        (M.OBSERVE, M.ENFORCE, M.OBSERVE),
        (M.ENFORCE, M.WARN, M.WARN),
        (M.ENFORCE, M.OBSERVE, M.OBSERVE),
        (M.OBSERVE, M.WARN, M.OBSERVE),
    ],
)
def test_s10_the_lower_of_the_two_modes_holds(own: Mode, watchdog: Mode, holds: Mode) -> None:
    policy = replace(POLICY, mode=own)

    assert policy.ceiling(watchdog) is holds


def test_s10_a_policy_that_stops_nothing_warns_at_most() -> None:
    advice = replace(POLICY, action=StopAction.NONE)

    assert [advice.ceiling(mode) for mode in M] == [M.OBSERVE, M.WARN, M.WARN]
    assert replace(advice, mode=M.OBSERVE).ceiling(M.ENFORCE) is M.OBSERVE


def test_s10_a_policy_that_the_configuration_does_not_know_only_observes() -> None:
    policy = Rulebook(M.ENFORCE, {}).policy("typo")

    assert policy == Policy("typo", mode=M.OBSERVE)
    assert policy.ceiling(M.ENFORCE) is M.OBSERVE


def test_s1_owners_are_told_of_the_action_and_of_what_takes_its_place() -> None:
    policy = Policy("gentle", StopAction.PAUSE, Fallback.KILL)

    assert policy.announcement == Announcement(StopAction.PAUSE, Fallback.KILL)


def test_a_user_without_a_slot_limit_of_their_own_has_the_default_one() -> None:
    limits = SlotLimits(default=4, by_user={"alice": 8, "bob": None})

    assert [limits.of(user) for user in ("alice", "bob", "carol")] == [8, None, 4]


def test_an_exemption_is_expired_from_its_end_on() -> None:
    exemption = Exemption((Matcher("username", "bob"),), "thesis", until=T0)
    rulebook = Rulebook(M.ENFORCE, {}, exempt=(exemption,))

    assert rulebook.expired(T0 - timedelta(seconds=1)) == []
    assert rulebook.expired(T0) == [exemption]
