"""Each picture that a page shows is there and small, and no other lies about."""

import re

from tests.docs.pages import ROOT, pages

FOLDER = ROOT / "docs/images"
LARGEST = 100_000
"""Bytes; the repository keeps every version of them."""


def test_pictures_are_those_that_pages_show() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in pages()
        # With words for whoever cannot see it.
        for target in re.findall(r"!\[[^\]]+\]\(([^)\s:]+)\)", page.read_text())
    }

    assert set(FOLDER.iterdir()) == shown
    assert {each.name for each in shown if each.stat().st_size > LARGEST} == set()
