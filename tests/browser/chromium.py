"""Debian's Chromium, for the tests and for the pictures in the documentation."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from playwright.sync_api import Browser, sync_playwright

WIDTHS = {"phone": 320, "desktop": 1100}


@contextmanager
def launched(*arguments: str) -> Iterator[Browser]:
    """Playwright runs an event loop, and as long as it does no other may run in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_executable(),
            # As root, where Chromium has no sandbox; it only ever sees our own page.
            chromium_sandbox=os.geteuid() != 0,
            args=arguments,
        )
        yield browser
        browser.close()


def _executable() -> str:
    found = which(os.environ.get("CHROMIUM", "chromium"))
    assert found, "there is no Chromium: make installs it"
    return found
