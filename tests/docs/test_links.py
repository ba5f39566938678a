"""What a page points to is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, anchors, codes, links, pages, prose

EVERY_PAGE = pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
MADE_BY_THE_OPERATOR = {"watchdog.yaml"}
_PATH = re.compile(r"(?:[\w.*-]+/)+[\w.*-]*")
_FILE = re.compile(r"[\w*-]+\.(?:md|py|toml|ya?ml)")


def broken_links(page: Path) -> Iterator[str]:
    for link in links(page.read_text()):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            yield link


def missing_paths(page: Path, root: Path) -> Iterator[str]:
    """Yield what looks like a path of the repository, from its top or the page's folder."""
    tops = {entry.name for entry in root.iterdir()}
    for name in codes(prose(page.read_text())):
        if _FILE.fullmatch(name):
            if name not in MADE_BY_THE_OPERATOR and not any(root.rglob(name)):
                yield name
        elif _PATH.fullmatch(name) and name.split("/")[0] in tops:
            pattern = name.rstrip("/")
            if not any(root.glob(pattern)) and not any(page.parent.glob(pattern)):
                yield name


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


@EVERY_PAGE
def test_paths_exist(page: Path) -> None:
    assert list(missing_paths(page, ROOT)) == []


@pytest.mark.parametrize(
    "link",
    ["other.md", "#nothing", "page.md#nothing"],
    ids=["no page", "no heading here", "no heading there"],
)
def test_broken_link_is_seen(tmp_path: Path, link: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n[fine](page.md#a-page), [not]({link})\n")

    assert list(broken_links(page)) == [link]


@pytest.mark.parametrize("name", ["app/nothing.py", "app/*.toml", "app/gone/", "nothing.py"])
def test_missing_path_is_seen(tmp_path: Path, name: str) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/there.py").touch()
    page = tmp_path / "page.md"
    page.write_text(f"`app/there.py`, `app/`, `there.py`, `other/thing.py`, `{name}`\n")

    assert list(missing_paths(page, tmp_path)) == [name]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What it needs", "what-it-needs"),
        ("`GET /-/ready`", "get--ready"),
        ("S1, and more: a test", "s1-and-more-a-test"),
    ],
)
def test_anchor_is_what_github_makes_of_a_heading(heading: str, anchor: str) -> None:
    assert anchors(f"# {heading}\n") == {anchor}


@EVERY_PAGE
def test_make_targets_that_are_named_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    known = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))

    named = re.findall(r"(?:`|^\$ |^)make ([a-z-]+)", page.read_text(), flags=re.MULTILINE)

    assert set(named) <= known


@EVERY_PAGE
def test_tests_that_are_named_exist(page: Path) -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    known = set(re.findall(r"def (test_\w+)", tests))

    named = {name for name in codes(page.read_text()) if re.fullmatch(r"test_\w+", name)}

    assert named <= known
