"""One Chromium for all tests of a module, and the owner's page on a socket for each."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.sync_api import Browser, BrowserContext, Page

from demo.listener import Listener, reserve
from tests.api.owner_site import Site, owner_site
from tests.browser.chromium import WIDTHS, launched
from tests.sqlite import Prepare

_FOLDER = os.environ.get("SCREENSHOTS")
"""Where pictures of what the tests see go, for people to look at."""


@dataclass
class Visited:
    """The page in a browser, what the browser complained of, and the site behind it."""

    page: Page
    site: Site
    url: str
    call: Callable[..., object]
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str | None = None) -> None:
        self.page.goto(self.url + (path or self.site.path()))

    def picture(self, name: str) -> None:
        if _FOLDER:
            self.page.screenshot(path=f"{_FOLDER}/{name}.png", full_page=True)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ended with the module: then no other test may have an event loop."""
    with launched() as browser:
        yield browser


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture
def site(portal: BlockingPortal, tmp_path: Path, prepare_database: Prepare) -> Iterator[Site]:
    database = tmp_path / "watchdog.db"
    prepare_database(database)
    with portal.wrap_async_context_manager(owner_site(database)) as site:
        yield site


@pytest.fixture
def address(site: Site, portal: BlockingPortal) -> Iterator[str]:
    listener = Listener(site, reserve("127.0.0.1"))
    portal.call(listener.open)
    yield listener.url
    portal.call(listener.release)


@pytest.fixture
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A phone of the smallest size, on which JavaScript is off, unless a test wants it."""
    context = chromium.new_context(
        viewport={"width": WIDTHS["phone"], "height": 640},
        java_script_enabled=getattr(request, "param", False),
    )
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def visited(
    context: BrowserContext, site: Site, address: str, portal: BlockingPortal
) -> Iterator[Visited]:
    """The browser must have complained of nothing when the test ends."""
    visited = Visited(context.new_page(), site, address, portal.call)
    visited.page.on("console", lambda said: visited.complaints.append(said.text))
    visited.page.on("pageerror", lambda error: visited.complaints.append(str(error)))
    visited.page.on("requestfailed", lambda request: visited.complaints.append(request.url))
    yield visited
    assert visited.complaints == []
