"""The owner's page as an owner has it: on a phone, without JavaScript. Every button is pressed."""

import re
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from app.domain.alert import Identity
from tests.api.owner_site import allocation, another, warned
from tests.browser.chromium import WIDTHS
from tests.browser.conftest import Visited
from tests.domain.examples import ALLOCATION, ENDED, IDENTITY

pytestmark = pytest.mark.browser
SECOND = another(2)
HOSTILE = '</bdi><script>document.title = "taken"</script>' + "wide" * 200


def found(visited: Visited, *identities: Identity, name: str = "train-bert") -> None:
    """Let the alert be found, and the owner be told, for each; the first is the page's own."""
    for number, identity in enumerate(identities, 1):
        visited.call(
            partial(
                visited.site.happened,
                *warned(identity),
                incident_id=f"i{number}",
                identity=identity,
                summary=f"Idle for 35 min: {name}",
                description="Its 2 GPUs have been at 0 % for 35 min.",
                runbook_url="https://docs.example.org/runbooks/GPUAllocationIdle",
            )
        )
    visited.site.runs(*(allocation(each, name=name) for each in identities))
    visited.site.measurements.gpus = 2


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the window, so that there is nothing to scroll to."""
    size = page.viewport_size
    width = page.evaluate("document.documentElement.scrollWidth")
    return size is not None and bool(width == size["width"])


def test_each_button_keeps_for_its_time(visited: Visited) -> None:
    found(visited, IDENTITY)

    for button in ("2 h", "8 h", "24 h", "until Wed 09:00"):
        visited.open()
        visited.page.get_by_role("button", name=f"Keep it {button}", exact=True).click()

        expect(visited.page.get_by_role("status")).to_have_text("Kept <now>.")
    assert [argument for _, _, argument, _ in visited.site.actions.asked] == [
        "2h",
        "8h",
        "24h",
        "morning",
    ]


def test_stop_asks_first_and_no_is_an_answer(visited: Visited) -> None:
    found(visited, IDENTITY)
    visited.open()

    visited.page.get_by_role("link", name="Stop it now…").click()
    visited.picture("stop-phone")
    assert fits(visited.page)
    visited.page.get_by_role("link", name="No, go back").click()

    expect(visited.page.get_by_role("heading", level=1)).to_have_text("Your notebook train-bert")
    assert visited.site.actions.asked == []


def test_stop_of_one_of_several_is_of_that_one(visited: Visited) -> None:
    found(visited, IDENTITY, SECOND)
    visited.open()
    card = visited.page.get_by_role("article").nth(1)

    card.get_by_text("Keep or stop only this one").click()
    card.get_by_role("link", name="Stop this one now…").click()
    visited.page.get_by_role("button", name="Yes, stop it now").click()

    expect(visited.page.get_by_role("status")).to_have_text("It is being stopped.")
    assert visited.site.actions.asked == [("stop", "i2", SECOND.allocation_id, "bob")]


def test_all_and_each_of_several_are_kept_and_stopped(visited: Visited) -> None:
    found(visited, IDENTITY, SECOND)
    visited.open()
    visited.picture("several-phone")
    assert fits(visited.page)

    visited.page.get_by_role("button", name="Keep all 2 h", exact=True).click()
    card = visited.page.get_by_role("article").nth(1)
    card.get_by_text("Keep or stop only this one").click()
    card.get_by_role("button", name="Keep this one 8 h").click()
    visited.page.get_by_role("link", name="Stop all now…").click()
    visited.page.get_by_role("button", name="Yes, stop all 2 now").click()

    expect(visited.page.get_by_role("status")).to_be_visible()
    assert visited.site.actions.asked == [
        ("keep", "i1", "2h", "bob"),
        ("keep", "i2", "2h", "bob"),
        ("keep", "i2", "8h", "bob"),
        ("stop", "i1", ALLOCATION, "bob"),
        ("stop", "i2", SECOND.allocation_id, "bob"),
    ]


def test_form_that_the_browser_sends_again_does_nothing_twice(visited: Visited) -> None:
    found(visited, IDENTITY)
    visited.open()
    button = visited.page.get_by_role("button", name="Keep it 2 h", exact=True)
    again = visited.page.locator("main form").first.inner_html()
    proof = re.findall(r'name="form" value="([^"]+)"', again)[0]

    button.click()
    answer = visited.page.request.post(
        f"{visited.url}{visited.site.path()}/keep", form={"form": proof, "for": "2h"}
    )
    visited.page.reload()

    assert "That was done before." in answer.text()
    assert visited.site.actions.asked == [("keep", "i1", "2h", "bob")]


def test_keyboard_reaches_the_first_answer_first(visited: Visited) -> None:
    found(visited, IDENTITY)
    visited.open()

    visited.page.keyboard.press("Tab")
    expect(visited.page.get_by_role("button", name="Keep it 2 h", exact=True)).to_be_focused()
    visited.page.keyboard.press("Enter")

    expect(visited.page.get_by_role("status")).to_be_visible()
    assert visited.site.actions.asked == [("keep", "i1", "2h", "bob")]


def test_screen_reader_finds_headings_regions_and_the_chart_in_words(visited: Visited) -> None:
    found(visited, IDENTITY)
    visited.open()

    heard = visited.page.locator("body").aria_snapshot()

    for said in (
        "- main",
        'heading "Your notebook train-bert" [level=1]',
        'region "What will happen"',
        'form "Keep it"',
        'button "Keep it until Wed 09:00"',
        'img "GPU utilization of train-bert over the last 6 hours',
        'article "train-bert"',
        'region "What would be lost, and what stays"',
        'region "What happened so far"',
    ):
        assert said in heard


@pytest.mark.parametrize("path", [None, "/stop"])
def test_hostile_names_neither_run_nor_widen_anything(visited: Visited, path: str | None) -> None:
    found(visited, IDENTITY, SECOND, name=HOSTILE)
    visited.open(f"{visited.site.path()}{path or ''}")

    assert fits(visited.page)
    assert visited.page.title() != "taken"
    assert visited.page.locator("script").count() == 0


@pytest.mark.parametrize("context", [True], indirect=True, ids=["with JavaScript"])
def test_browser_that_would_run_scripts_has_nothing_to_complain_of(visited: Visited) -> None:
    found(visited, IDENTITY, name=HOSTILE)

    visited.open()
    visited.page.get_by_role("link", name="Stop it now…").click()
    visited.page.get_by_role("button", name="Yes, stop it now").click()

    expect(visited.page.get_by_role("status")).to_have_text("It is being stopped.")
    assert visited.page.title() != "taken"


def test_ended_page_has_nothing_to_press(visited: Visited) -> None:
    found(visited, IDENTITY)
    visited.call(visited.site.then, ENDED)
    visited.open()
    visited.picture("ended-phone")

    expect(visited.page.get_by_role("heading", name="How it ended")).to_be_visible()
    assert visited.page.locator("button, form, main a").count() == 0
    assert fits(visited.page)


def test_page_that_leads_nowhere_says_so(visited: Visited) -> None:
    visited.open("/i/nonsense")
    visited.picture("unknown-phone")

    expect(visited.page.get_by_role("heading", level=1)).to_have_text("This link leads nowhere")
    assert fits(visited.page)
    # Chromium says so of every page with this status.
    assert visited.complaints.pop().endswith("404 (Not Found)")


def test_it_looks_the_same_from_a_desk_and_in_the_dark(visited: Visited) -> None:
    found(visited, IDENTITY)
    visited.open()
    light = visited.page.locator("body").screenshot()

    visited.page.emulate_media(color_scheme="dark")
    dark = visited.page.locator("body").screenshot()
    visited.picture("one-dark-phone")
    visited.page.set_viewport_size({"width": WIDTHS["desktop"], "height": 800})
    visited.page.emulate_media(color_scheme="light")
    visited.picture("one-desktop")

    assert light != dark
    assert fits(visited.page)
