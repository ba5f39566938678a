"""Every reason and state in plain words."""

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.api.owner_page_words import SENTENCES, Moment, span_words, story
from app.domain.history import Entry
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import T0


def test_every_reason_has_a_sentence_of_its_own() -> None:
    assert set(Reason) - set(SENTENCES) == set()
    assert len(set(SENTENCES.values())) == len(SENTENCES)


@pytest.mark.parametrize("reason", Reason)
def test_sentence_is_one_and_plain(reason: Reason) -> None:
    assert SENTENCES[reason].endswith(".")
    assert "_" not in SENTENCES[reason]
    assert len(SENTENCES[reason]) < 100


def test_story_names_who_did_it_and_spells_holds_out() -> None:
    entry = Entry(T0, Reason.HOLD_BEGAN, None, IncidentState.HELD, "bob", "no_need, kept by a_b")

    told = story(entry, UTC)

    assert (told.by, told.note) == ("bob", "no need, kept by a_b")


def test_watchdog_is_not_named_as_a_person() -> None:
    entry = Entry(T0, Reason.ALERT_SEEN, None, IncidentState.FIRING)

    assert story(entry, UTC).by == ""


@pytest.mark.parametrize(
    ("zone", "local"),
    [
        ("UTC", ""),
        ("Europe/London", ""),
        ("Europe/Zurich", "13:00 in Europe/Zurich"),
        ("Pacific/Kiritimati", "Wed 02:00 in Pacific/Kiritimati"),
    ],
)
def test_moment_is_told_in_the_owners_zone_where_that_is_another(zone: str, local: str) -> None:
    moment = Moment(T0, ZoneInfo(zone))

    assert (moment.utc, moment.local) == ("Tue 24 Nov, 12:00 UTC", local)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=2), "2 h 0 min"),
        (timedelta(days=2, hours=1), "2 d 1 h"),
    ],
)
def test_time_that_is_left_is_told_in_words(span: timedelta, said: str) -> None:
    assert span_words(span) == said
