"""Matchers and silences are judged the way Alertmanager judges them (S4)."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.matchers import Matcher, Silence, parse_matcher, silence_ended_over, silence_over
from tests.domain.examples import T0, TASK, silence

LABELS = {"task_id": TASK, "username": "bob"}
MINUTE = timedelta(minutes=1)


def regex(name: str, value: str, *, is_equal: bool = True) -> Matcher:
    return Matcher(name, value, is_regex=True, is_equal=is_equal, pattern=re.compile(value))


@pytest.mark.parametrize(
    ("matcher", "matches"),
    [
        (Matcher("username", "bob"), True),
        (Matcher("username", "bo"), False),
        (Matcher("username", "bob", is_equal=False), False),
        (Matcher("username", "carol", is_equal=False), True),
        (Matcher("team", ""), True),
        (Matcher("team", "", is_equal=False), False),
        (Matcher("username", "b.b"), False),
        (regex("username", "b.b"), True),
        (regex("username", "b"), False),
        (regex("username", "b.b", is_equal=False), False),
        (regex("username", "b", is_equal=False), True),
        (regex("team", ".*"), True),
        (regex("team", ".+"), False),
    ],
    ids=[
        "equal",
        "a part",
        "not unequal",
        "unequal",
        "a missing label is empty",
        "a missing label is not unequal to nothing",
        "a pattern that is none",
        "a pattern",
        "a pattern of a part",
        "a pattern that must not match",
        "a pattern that does not match and must not",
        "a pattern that an empty label matches",
        "a pattern that an empty label does not match",
    ],
)
def test_s4_when_a_matcher_matches(matcher: Matcher, *, matches: bool) -> None:
    assert matcher.matches(LABELS) is matches


@pytest.mark.parametrize("is_equal", [True, False], ids=["=~", "!~"])
@pytest.mark.parametrize("name", ["username", "team"], ids=["a label", "no label"])
def test_s5_a_pattern_that_cannot_be_read_protects_everything(name: str, *, is_equal: bool) -> None:
    unreadable = Matcher(name, "(?<x>", is_regex=True, is_equal=is_equal, pattern=None)

    assert unreadable.matches(LABELS)


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('username="alice"', Matcher("username", "alice")),
        ('resource_pool!="debug"', Matcher("resource_pool", "debug", is_equal=False)),
        ('task_type=~"shell|notebook"', Matcher("task_type", "shell|notebook", is_regex=True)),
        ('name!~".*x"', Matcher("name", ".*x", is_regex=True, is_equal=False)),
        (' name = "two words" ', Matcher("name", "two words")),
        ("name=plain", Matcher("name", "plain")),
        ("name=two words", Matcher("name", "two words")),
        ('name=""', Matcher("name", "")),
        ("name=", Matcher("name", "")),
        (r'name="a \"b\" \\ \n \d"', Matcher("name", 'a "b" \\ \n \\d')),
        ('name="a\nb"', Matcher("name", "a\nb")),
    ],
)
def test_matcher_as_alertmanager_reads_it(text: str, matcher: Matcher) -> None:
    assert parse_matcher(text) == matcher


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        '="alice"',
        '1name="alice"',
        'two names="alice"',
        'name="alice',
        'name=alice"',
        'name="alice" or so',
        'name="al"ice"',
        r'name="alice\"',
        'name=="alice"',
        "name==alice",
        "name=~~alice",
        "{name=alice}",
    ],
)
def test_what_alertmanager_would_read_as_something_else_or_not_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no matcher|has to stand in double quotes"):
        parse_matcher(text)


def test_s4_a_silence_is_over_what_all_of_its_matchers_match() -> None:
    both = silence(Matcher("task_id", TASK), regex("username", "b.b"))
    one = silence(Matcher("task_id", TASK), Matcher("username", "carol"))

    assert silence_over(LABELS, (one,), T0) is None
    assert silence_over(LABELS, (one, both), T0) is both


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (silence(ends=-timedelta(seconds=1)), False),
        (silence(ends=timedelta()), False),
        (silence(ends=timedelta(seconds=1)), True),
        (silence(ends=MINUTE), True),
        (silence(ends=MINUTE + timedelta(seconds=1)), False),
        (silence(Matcher("task_id", "another"), ends=MINUTE), False),
    ],
    ids=[
        "ended before",
        "ended at the start",
        "ended just after the start",
        "ends now",
        "still lasts",
        "over another",
    ],
)
def test_s9_which_silence_ended_in_the_time_given(given: Silence, *, found: bool) -> None:
    ended = silence_ended_over(LABELS, (given,), since=T0, now=T0 + MINUTE)

    assert ended == (given if found else None)


@pytest.mark.parametrize("ends", [timedelta(seconds=1), MINUTE, 2 * MINUTE], ids=str)
def test_s9_a_silence_is_either_active_or_over(ends: timedelta) -> None:
    given, now = silence(ends=ends), T0 + MINUTE

    ended = silence_ended_over(LABELS, (given,), since=T0, now=now)

    assert (ended is None) == (silence_over(LABELS, (given,), now) is given)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [(timedelta(seconds=3), MINUTE), (-MINUTE, -timedelta(seconds=3))],
    ids=["not begun by our clock", "over by our clock"],
)
def test_s4_a_silence_that_its_peer_calls_active_is_active_by_whichever_clock(
    begins: timedelta, ends: timedelta
) -> None:
    given = replace(silence(), starts_at=T0 + begins, ends_at=T0 + ends)
    called = replace(given, is_called_active=True)

    assert silence_over(LABELS, (given,), T0) is None
    assert silence_over(LABELS, (called,), T0) is called
    assert silence_ended_over(LABELS, (called,), since=T0 - MINUTE, now=T0) is None


def test_s4_a_silence_that_its_peer_calls_over_counts_until_it_is_over_by_our_clock() -> None:
    given = silence(ends=timedelta(seconds=3))

    assert silence_over(LABELS, (given,), T0) is given
