"""Links to the owner's page, and the forms on it."""

import time
from datetime import timedelta

import pytest
from itsdangerous import TimestampSigner

from app.adapters.owner_links import FORM_AGE, Claim, Form, OwnerLinks
from app.errors import ConfigurationError

FIRST, SECOND = "first-secret-" * 3, "second-secret-" * 3
URL = "https://lab.example/watchdog/"
MINE = Claim("i1", "bob")


@pytest.fixture
def links() -> OwnerLinks:
    return OwnerLinks(FIRST, URL)


def test_link_is_the_same_each_time_and_names_incident_and_owner(links: OwnerLinks) -> None:
    url = links.page("i1", "bob <ü>")

    assert url == OwnerLinks(FIRST, URL).page("i1", "bob <ü>")
    assert url.startswith("https://lab.example/watchdog/i/")
    assert links.claim(url.rpartition("/")[2]) == Claim("i1", "bob <ü>")


def test_what_is_signed_for_one_purpose_is_worth_nothing_for_another(links: OwnerLinks) -> None:
    form, news, token = (
        links.form(MINE, "keep", ["i1"]),
        links.news(MINE, "x"),
        links.token("a", "b"),
    )

    assert [links.claim(each) for each in (form, news, "", "a.b", "é")] == [None] * 5
    assert [links.read_form(each) for each in (token, news, "", "a.b", "é")] == [None] * 5
    assert [links.read_news(MINE, each) for each in (token, form, "", "a.b", "é")] == [""] * 5


def test_form_comes_back_with_all_that_it_asks_for(links: OwnerLinks) -> None:
    form = links.read_form(links.form(MINE, "stop", ["i1/a.1", "i2/b.1"]))

    assert form is not None
    assert form == Form("i1", "bob", "stop", ("i1/a.1", "i2/b.1"), form.key)
    assert len(form.key) == 32


@pytest.mark.parametrize(("age", "valid"), [(-60, True), (60, False)])
def test_form_ends_after_a_day(
    links: OwnerLinks, monkeypatch: pytest.MonkeyPatch, age: int, *, valid: bool
) -> None:
    form = links.form(MINE, "keep", ["i1"])
    later = time.time() + (FORM_AGE + timedelta(seconds=age)).total_seconds()

    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _signer: int(later))

    assert (links.read_form(form) is not None) is valid


def test_secrets_can_be_replaced_one_after_the_other() -> None:
    old, both, new = (
        OwnerLinks(FIRST, URL),
        OwnerLinks(f"{SECOND}\n{FIRST}", URL),
        OwnerLinks(SECOND, URL),
    )

    assert both.claim(old.token("i1", "bob")) == MINE
    assert new.claim(both.token("i1", "bob")) == MINE
    assert new.claim(old.token("i1", "bob")) is None


@pytest.mark.parametrize("secret", ["", "short", f"{FIRST}\nshort"])
def test_secret_that_could_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 32 characters"):
        OwnerLinks(secret, URL)
