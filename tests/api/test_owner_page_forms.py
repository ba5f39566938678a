"""POST /i/{token}/keep and /stop: once, from our own form, by the owner."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.adapters.owner_links import Claim
from tests.api.owner_site import PUBLIC_URL, Site, another, owner_site, warned
from tests.api.test_owner_page import words
from tests.domain.examples import ALLOCATION, ENDED

SECOND = another(2)


@pytest.fixture
async def site(database_file: Path) -> AsyncIterator[Site]:
    """A site with two incidents of one owner."""
    async with owner_site(database_file) as site:
        await site.happened(*warned())
        await site.happened(*warned(SECOND), incident_id="i2", identity=SECOND)
        yield site


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=site)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield client


async def forms(browser: httpx.AsyncClient, path: str) -> list[str]:
    page = (await browser.get(path)).text
    return re.findall(r'name="form" value="([^"]+)"', page)


async def pressed(
    browser: httpx.AsyncClient, path: str, form: str, **headers: str
) -> httpx.Response:
    fields = {"form": form, "for": "8h"}
    return await browser.post(path, data=fields, headers={"Origin": "null", **headers})


async def test_keep_for_all_is_asked_for_each_and_told_after_a_redirect(
    site: Site, browser: httpx.AsyncClient
) -> None:
    [for_all, *_] = await forms(browser, site.path())

    answer = await pressed(browser, f"{site.path()}/keep", for_all)
    page = await browser.get(str(answer.next_request.url if answer.next_request else ""))

    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
    assert site.actions.asked == [("keep", "i1", "8h", "bob"), ("keep", "i2", "8h", "bob")]
    assert 'role="status">Kept &lt;now&gt;.</p>' in page.text


async def test_keep_for_one_leaves_the_other(site: Site, browser: httpx.AsyncClient) -> None:
    [_, _, for_second] = await forms(browser, site.path())

    await pressed(browser, f"{site.path()}/keep", for_second)

    assert site.actions.asked == [("keep", "i2", "8h", "bob")]


async def test_used_form_does_nothing_and_says_so(site: Site, browser: httpx.AsyncClient) -> None:
    [form, *_] = await forms(browser, site.path())

    await pressed(browser, f"{site.path()}/keep", form)
    again = await pressed(browser, f"{site.path()}/keep", form)
    page = await browser.get(str(again.next_request.url if again.next_request else ""))

    assert len(site.actions.asked) == 2
    assert "That was done before." in words(page)


async def test_each_form_has_a_key_of_its_own(site: Site, browser: httpx.AsyncClient) -> None:
    first, second = [await forms(browser, site.path()) for _ in range(2)]

    keys = [getattr(site.page.links.read_form(each), "key", "") for each in first + second]

    assert len(set(keys)) == len(keys) == 6


async def test_stop_is_asked_once_more_and_then_done(
    site: Site, browser: httpx.AsyncClient
) -> None:
    page = await browser.get(site.path())
    [link] = re.findall(rf'href="([^"]+/stop\?task={re.escape(ALLOCATION)})"', page.text)
    asked = await browser.get(f"/i/{link}")
    [form] = re.findall(r'name="form" value="([^"]+)"', asked.text)
    assert "unsaved changes are lost" in words(asked)
    assert "trial" not in words(asked)

    await pressed(browser, f"{site.path()}/stop", form)

    assert site.actions.asked == [("stop", "i1", ALLOCATION, "bob")]


async def test_stop_of_all_names_all(site: Site, browser: httpx.AsyncClient) -> None:
    [form] = await forms(browser, f"{site.path()}/stop")

    await pressed(browser, f"{site.path()}/stop", form)

    assert site.actions.asked == [
        ("stop", "i1", ALLOCATION, "bob"),
        ("stop", "i2", SECOND.allocation_id, "bob"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://watchdog.example.evil"},
        {"Referer": "https://evil.example/page"},
        {"Referer": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_form_that_another_site_sends_is_refused(
    site: Site, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    [form, *_] = await forms(browser, site.path())

    answer = await pressed(browser, f"{site.path()}/keep", form, **headers)

    assert answer.status_code == 403
    assert "Nothing was done" in words(answer)
    assert site.actions.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": PUBLIC_URL, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://inside:8090", "Host": "inside:8090"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
async def test_form_of_our_own_page_is_taken(
    site: Site, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    [form, *_] = await forms(browser, site.path())

    answer = await pressed(browser, f"{site.path()}/keep", form, **headers)

    assert answer.status_code == 303
    assert site.actions.asked


async def test_form_of_another_page_owner_or_purpose_does_nothing(
    site: Site, browser: httpx.AsyncClient
) -> None:
    links = site.page.links
    mine, eves = Claim("i1", "bob"), Claim("i1", "eve")
    wrong = [
        links.form(Claim("i2", "bob"), "keep", ["i1"]),
        links.form(eves, "keep", ["i1"]),
        links.form(mine, "stop", ["i1/a.1"]),
        links.token("i1", "bob"),
        links.news(mine, "x"),
        "",
        "nonsense",
    ]

    for form in wrong:
        answer = await pressed(browser, f"{site.path()}/keep", form)
        page = await browser.get(str(answer.next_request.url if answer.next_request else ""))

        assert "Nothing was done" in words(page)
    assert site.actions.asked == []


@pytest.mark.parametrize("argument", ["", "1h", "9999h", "2h "])
async def test_keep_for_any_other_time_is_not_asked_for(
    site: Site, browser: httpx.AsyncClient, argument: str
) -> None:
    [form, *_] = await forms(browser, site.path())

    await browser.post(f"{site.path()}/keep", data={"form": form, "for": argument})

    assert site.actions.asked == []


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"form", b"form=%FF", b"&".join([b"a=1"] * 11), b"{}"],
    ids=["no text", "no value", "no UTF-8", "many fields", "JSON"],
)
async def test_body_that_is_no_form_of_ours_does_nothing(
    site: Site, browser: httpx.AsyncClient, body: bytes
) -> None:
    answer = await browser.post(f"{site.path()}/stop", content=body)

    assert answer.status_code == 303
    assert site.actions.asked == []


async def test_endless_body_is_refused(site: Site, browser: httpx.AsyncClient) -> None:
    answer = await browser.post(f"{site.path()}/stop", content=b"a" * (64 * 2**10 + 1))

    assert answer.status_code == 413


async def test_nothing_is_asked_about_what_has_ended(
    site: Site, browser: httpx.AsyncClient
) -> None:
    [form, *_] = await forms(browser, site.path())
    await site.then(ENDED)

    answer = await pressed(browser, f"{site.path()}/keep", form)
    page = await browser.get(str(answer.next_request.url if answer.next_request else ""))

    assert "it had ended by then" in words(page)
    assert site.actions.asked == []


async def test_press_can_be_repeated_after_the_database_was_away(
    site: Site, browser: httpx.AsyncClient
) -> None:
    [form, *_] = await forms(browser, site.path())
    site.actions.down = True

    away = await pressed(browser, f"{site.path()}/keep", form)
    site.actions.down = False
    await pressed(browser, f"{site.path()}/keep", form)

    assert away.status_code == 503
    assert "see there what came of it" in words(away)
    assert len(site.actions.asked) == 2


async def test_stranger_cannot_post(site: Site, browser: httpx.AsyncClient) -> None:
    [form, *_] = await forms(browser, site.path())

    answer = await pressed(browser, f"{site.path('i1', 'eve')}/keep", form)

    assert answer.status_code == 404
    assert site.actions.asked == []


async def test_news_is_not_made_up_by_an_address(site: Site, browser: httpx.AsyncClient) -> None:
    others = site.page.links.news(Claim("i2", "bob"), "of another page")

    for news in ("Your account is locked", others):
        page = await browser.get(site.path(), params={"news": news})

        assert 'role="status"' not in page.text
