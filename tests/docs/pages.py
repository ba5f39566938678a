"""The project's pages, read as what they are: tables, headings, code, links."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NOT_OURS = {".git", ".venv", ".venv-det", ".build", "state", "node_modules"}
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_RULER = re.compile(r"\|(?:\s*:?-+:?\s*\|)+")


def pages() -> list[Path]:
    found = ROOT.rglob("*.md")
    return sorted(p for p in found if not _NOT_OURS & set(p.relative_to(ROOT).parts))


def read(name: str) -> str:
    return (ROOT / name).read_text()


def prose(page: str) -> str:
    """Return the page without its blocks of code."""
    return _FENCE.sub("", page)


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of code in this language ("" for those that name none)."""
    return [m["text"] for m in _FENCE.finditer(page) if m["language"] == language]


def section(page: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its rank or above."""
    marks = heading.split(" ", 1)[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", page, re.MULTILINE | re.DOTALL
    )
    assert found, f"no heading {heading!r}"
    return found[1]


def idle_windows() -> tuple[list[str], list[str]]:
    """Return the windows of idleness, the shortest first, and each together with the start-up."""
    rules = read("alerting-rules/windows.rules.yaml")
    windows = re.findall(r"max_over_time\(allocation_id:watchdog_gpu_active:\w+\[(\w+)\]", rules)
    return windows, re.findall(r"offset (\w+)", rules)


def rows(page: str, *columns: str) -> list[dict[str, str]]:
    """Return the rows of every table that begins with these columns, by name of column."""
    found = []
    lines = prose(page).splitlines()
    for number, line in enumerate(lines):
        names = _cells(line)
        ruled = number + 1 < len(lines) and _RULER.fullmatch(lines[number + 1].strip())
        if not ruled or names[: len(columns)] != list(columns):
            continue
        for row in lines[number + 2 :]:
            if not row.startswith("|"):
                break
            found.append(dict(zip(names, _cells(row), strict=True)))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def codes(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def code(cell: str) -> str:
    """Return the one thing that a cell names in backticks."""
    [name] = codes(cell)
    return name


def anchors(page: str) -> set[str]:
    """Return the names by which headings can be linked to, as GitHub makes them."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in _HEADING.findall(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(page: str) -> Iterator[str]:
    """Yield the targets of links that stay within the repository."""
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", target):
            yield target
