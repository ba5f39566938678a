"""GET /i/{token}: what an owner sees, who sees it, and that looking does nothing."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from app.domain import events as e
from app.domain.alert import Scope
from app.domain.incident import Hold, IncidentState, Keep, Target
from app.domain.reasons import Reason
from app.domain.steps import Transition
from tests.api.owner_site import NOW, Site, allocation, another, owner_site, warned
from tests.api.receiver import broken
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    DEMAND,
    ENDED,
    IDENTITY,
    T0,
    TASK,
    proven,
)

HOSTILE = '</bdi></a><script>alert(1)</script> `x` <!channel> *bold* "\u202e&amp;' + "long" * 1000
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
}


@pytest.fixture
async def site(database_file: Path) -> AsyncIterator[Site]:
    async with owner_site(database_file) as site:
        yield site


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client that follows no redirect."""
    transport = httpx.ASGITransport(app=site)
    async with httpx.AsyncClient(transport=transport, base_url="http://watchdog.example") as client:
        yield client


def words(page: httpx.Response) -> str:
    """Return what a person reads, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


async def kept(site: Site, *, hours: int, began: int) -> None:
    """Put a keep in force that began so many hours before now."""
    at = NOW - timedelta(hours=began)
    keep = Keep("k1", TASK, "reclaim", at + timedelta(hours=hours), "bob", "mine", at)
    await site.store.add_keeps([keep], Transition(await site.store.incident("i1")))


async def test_page_says_what_will_happen_and_when_in_both_zones(
    site: Site, browser: httpx.AsyncClient
) -> None:
    await site.happened(*warned(), summary="Idle for 35 min", description="At 0 %.\nHeld for 6 h.")
    site.runs(allocation(name="my <best> run"))

    page = await browser.get(site.path())

    assert page.status_code == 200
    assert "Your notebook my <best> run" in words(page)
    assert "Idle for 35 min" in words(page)
    assert "At 0 %. Held for 6 h." in words(page)
    assert "Notebook, 2 GPUs, running since Tue 24 Nov, 06:00 UTC" in words(page)
    assert re.search(
        r"it will be stopped on Tue 24 Nov, 14:\d\d UTC \(15:\d\d in Europe/Zurich\)", words(page)
    )
    assert "Variables in memory, running cells and unsaved changes are lost" in words(page)
    assert "<code>det notebook start</code>" in page.text
    assert "You were told in Slack." in words(page)


@pytest.mark.parametrize("depth", ["", "/stop"])
async def test_no_answer_is_kept_framed_or_told_to_others(
    site: Site, browser: httpx.AsyncClient, depth: str
) -> None:
    await site.happened(*warned())

    for path in (f"{site.path()}{depth}", f"/i/nonsense{depth}"):
        answer = await browser.get(path)

        assert HEADERS.items() <= dict(answer.headers).items()
        assert "set-cookie" not in answer.headers
        assert '<meta name="robots" content="noindex' in answer.text
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", answer.text)


async def test_looking_does_nothing(site: Site, browser: httpx.AsyncClient) -> None:
    before = await site.happened(*warned())

    await browser.get(site.path())
    await browser.get(f"{site.path()}/stop")
    refused = await browser.get(f"{site.path()}/keep")

    assert refused.status_code == 405
    assert site.actions.asked == []
    assert await site.store.incident("i1") == before


@pytest.mark.parametrize(
    ("incident_id", "username"),
    [
        pytest.param("i1", "eve", id="another owner"),
        pytest.param("i2", "bob", id="no such incident"),
    ],
)
async def test_link_for_something_else_leads_nowhere_and_says_what_to_do(
    site: Site, browser: httpx.AsyncClient, incident_id: str, username: str
) -> None:
    await site.happened(*warned())

    page = await browser.get(site.path(incident_id, username))

    assert page.status_code == 404
    assert "Open the newest message of the watchdog in Slack" in words(page)


async def test_changed_token_leads_nowhere(site: Site, browser: httpx.AsyncClient) -> None:
    await site.happened(*warned())
    path = site.path()

    for wrong in (path[:-1] + ("A" if path[-1] != "A" else "B"), path[:-10], "/i/%FF", "/i/a.b"):
        for suffix in ("", "/stop"):
            assert (await browser.get(wrong + suffix)).status_code == 404


async def test_task_that_belongs_to_somebody_else_by_now_is_not_shown(
    site: Site, browser: httpx.AsyncClient
) -> None:
    await site.happened(*warned())
    site.runs(replace(allocation(name="of eve"), username="eve"))

    page = await browser.get(site.path())

    assert page.status_code == 404
    assert "of eve" not in page.text


@pytest.mark.parametrize(
    ("events", "said"),
    [
        pytest.param((ENDED,), "Nothing was stopped.", id="by itself"),
        pytest.param((proven(), CALL, ACCEPTED, ENDED), "Stopped by the watchdog on", id="by us"),
        pytest.param((e.RecoveryObserved({}),), "In use again: all is well.", id="in use"),
    ],
)
async def test_page_of_what_is_over_says_how_it_ended_and_no_more(
    site: Site, browser: httpx.AsyncClient, events: tuple[e.Event, ...], said: str
) -> None:
    await site.happened(*warned(), *events)

    page = await browser.get(site.path())

    assert page.status_code == 200
    assert said in words(page)
    assert "<form" not in page.text
    assert "Stop it" not in page.text
    assert site.measurements.asked == []


async def test_page_of_what_is_over_leads_to_what_is_not(
    site: Site, browser: httpx.AsyncClient
) -> None:
    await site.happened(*warned(), ENDED)
    await site.happened(*warned(another(2)), incident_id="i2", identity=another(2))

    page = await browser.get(site.path())

    [link] = re.findall(r'<li><a href="([^"]+)"><bdi>2.task-of-bob', page.text)
    assert f"/i/{link}" == site.path("i2")


async def test_all_tasks_of_one_alert_and_owner_are_on_one_page(
    site: Site, browser: httpx.AsyncClient
) -> None:
    await site.happened(*warned())
    for number in range(2, 9):
        identity = another(number)
        await site.happened(*warned(identity), incident_id=f"i{number}", identity=identity)
    eves = replace(another(9), username="eve")
    await site.happened(*warned(eves), incident_id="i9", identity=eves)

    page = await browser.get(site.path())

    assert "8 tasks of yours" in words(page)
    assert "Stop all now" in words(page)
    assert page.text.count("Keep or stop only this one") == 8
    assert "9.task-of-bob" not in page.text
    assert len(site.measurements.asked) == 5


async def test_tasks_of_a_user_are_kept_together_and_stopped_one_by_one(
    site: Site, browser: httpx.AsyncClient
) -> None:
    identity = replace(
        IDENTITY, alertname="UserOverSlotLimit", scope=Scope.USER, allocation_id="", task_id="",
        task_type="",
    )  # fmt: skip
    targets = tuple(
        Target(f"{name}.1", name, "notebook", "bob", name=name, slots=2) for name in ("a", "b")
    )
    await site.happened(e.TargetsChosen(targets, DEMAND), identity=identity)

    page = await browser.get(site.path())

    assert "Your GPUs in pool default" in words(page)
    assert page.text.count('action="') == 1
    assert page.text.count("Stop this one now") == 2


@pytest.mark.parametrize(
    ("hours", "began", "offered"),
    [
        pytest.param(0, 0, ["2h", "8h", "24h", "morning"], id="nothing was kept yet"),
        pytest.param(69, 69, ["2h"], id="three hours are left"),
        pytest.param(72, 72, [], id="all is used up"),
    ],
)
async def test_only_what_the_policy_still_allows_is_offered(
    site: Site, browser: httpx.AsyncClient, hours: int, began: int, offered: list[str]
) -> None:
    opened = await site.happened(*warned())
    long_ago = replace(opened, opened_at=NOW - timedelta(days=5))
    await site.store.commit(Transition(long_ago, entries=tuple(await site.store.history("i1"))[:1]))
    if hours:
        await kept(site, hours=hours, began=began)

    page = await browser.get(site.path())

    assert re.findall(r'name="for" value="(\w+)"', page.text) == offered
    assert ("as long as the policy allows" in words(page)) == (offered == [])


async def test_next_working_morning_is_named(site: Site, browser: httpx.AsyncClient) -> None:
    await site.happened(*warned())

    page = await browser.get(site.path())

    assert "until Wed 09:00" in words(page)


@pytest.mark.parametrize(
    ("hold", "said"),
    [
        pytest.param(
            Hold(Reason.KEPT, by="bob", until=T0 + timedelta(hours=8), detail="<b>mine</b>"),
            "It is kept. By bob. Until Tue 24 Nov, 20:00 UTC (21:00 in Europe/Zurich). "
            "“<b>mine</b>”",
            id="kept",
        ),
        pytest.param(
            Hold(Reason.BREAKER, by="carol"), "No task of anybody is stopped", id="breaker"
        ),
        pytest.param(Hold(Reason.NO_USE), "No job that waits could begin", id="no use"),
    ],
)
async def test_hold_is_told_in_plain_words(
    site: Site, browser: httpx.AsyncClient, hold: Hold, said: str
) -> None:
    await site.happened(*warned(), e.HoldsObserved((hold,)))

    page = await browser.get(site.path())

    assert said in words(page)
    assert "until the deadline" not in words(page)


async def test_what_people_wrote_is_text_and_nothing_else(
    site: Site, browser: httpx.AsyncClient
) -> None:
    hold = Hold(Reason.SILENCED, by=HOSTILE, detail=HOSTILE)
    await site.happened(
        *warned(),
        e.HoldsObserved((hold,)),
        summary=HOSTILE,
        description=f"{HOSTILE}\n{HOSTILE}",
        dashboard_url="javascript:alert(1)",
        runbook_url='https://x.example/"><b>',
    )
    site.runs(allocation(name=HOSTILE))

    for path in (site.path(), f"{site.path()}/stop"):
        page = (await browser.get(path)).text

        assert "<script" not in page
        assert "<b>" not in page
        assert "javascript:" not in page
        assert "\u202e" not in page
        assert "&lt;/bdi&gt;&lt;/a&gt;&lt;script&gt;" in page
        assert len(page) < 100_000


async def test_chart_says_its_numbers_to_those_who_do_not_see_it(
    site: Site, browser: httpx.AsyncClient
) -> None:
    await site.happened(*warned())
    site.runs(allocation(name="train"))

    page = await browser.get(site.path())

    assert '<svg viewBox="0 -2 320 84" role="img" aria-labelledby="chart-title-1' in page.text
    assert "GPU utilization of train over the last 6 hours</title>" in page.text
    assert words(page).count("At most 60 %; on average 20 %; 0 % at last.") == 2
    [asked] = site.measurements.asked
    assert f'allocation_id="{ALLOCATION}"' in asked


async def test_page_works_while_prometheus_does_not(site: Site, browser: httpx.AsyncClient) -> None:
    await site.happened(*warned())
    site.measurements.down = True

    page = await browser.get(site.path())

    assert page.status_code == 200
    assert "Prometheus did not answer just now" in words(page)
    assert "<svg" not in page.text
    assert 'name="for" value="2h"' in page.text


async def test_task_that_was_not_measured_is_named_as_such(
    site: Site, browser: httpx.AsyncClient
) -> None:
    await site.happened(*warned())
    site.measurements.values = ()

    page = await browser.get(site.path())

    assert "Prometheus has no utilization of it" in words(page)


async def test_page_says_so_when_the_database_cannot_be_read(
    site: Site, browser: httpx.AsyncClient, database_file: Path
) -> None:
    await site.happened(*warned())

    async with broken(database_file, "incidents"):
        page = await browser.get(site.path())

    assert page.status_code == 503
    assert "nothing is stopped" in words(page)
    assert HEADERS.items() <= dict(page.headers).items()


async def test_style_is_served_with_the_package(browser: httpx.AsyncClient, site: Site) -> None:
    await site.happened(*warned())
    page = (await browser.get(site.path())).text
    [address] = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)

    style = await browser.get(f"/i/{address}")

    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme: dark" in style.text


async def test_stopping_offers_no_button(site: Site, browser: httpx.AsyncClient) -> None:
    incident = await site.happened(*warned(), proven())
    assert incident.state is IncidentState.STOPPING

    page = await browser.get(site.path())
    asked = await browser.get(f"{site.path()}/stop")

    assert "It is being stopped now." in words(page)
    assert "<button" not in page.text
    assert asked.status_code == 303
