"""The figures as tables, for a terminal and for the documentation alike: both are Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.rules.figures import GroupFigures, SizeFigures, growths
from benchmarks.rules.rule_files import BARE_MAPPING, BARE_MAPPING_GROUP, BARE_QUERY
from benchmarks.rules.targets import Verdict

BEGIN = "<!-- figures: begin (make bench-rules writes what is between these two) -->"
END = "<!-- figures: end -->"

_MIB = 2**20
_HEADINGS = ("group", "series", "time", "ratio", "slowest rule", "its time", "its ratio")


def size_section(size: SizeFigures) -> str:
    """Describe one cluster and its groups."""
    rows = [_row(group) for group in (*size.groups, size.bare_mapping, size.bare)]
    facts = (
        f"{size.agents:,} agents; {size.running:,} allocations run, {size.ended:,} have ended. "
        f"{size.scraped:,} scraped and {size.recorded:,} recorded series. "
        f"Prometheus had at most {size.peak_memory // _MIB:,} MiB resident. "
        f"Other programs took {size.others:.0%} of the processors while the rules were timed."
    )
    lines = [f"### {size.gpus:,} GPUs", "", facts, "", *table(_HEADINGS, rows)]
    for cut in size.shortened:
        lines += [
            "",
            f"Of the past of `{cut.name}`, {cut.samples} of {cut.wanted} samples were kept.",
        ]
    return "\n".join(lines)


def growth_section(sizes: Sequence[SizeFigures]) -> str:
    """Show how the ratios grew; in brackets where the time is too short to be judged."""
    found = list(growths(sizes))
    steps = sorted({(growth.smaller, growth.larger) for growth in found})
    cells = {
        (growth.group, growth.smaller): f"{growth.rate:.2f}"
        if growth.matters
        else f"({growth.rate:.2f})"
        for growth in found
    }
    headings = ("group", *(f"{smaller:,} to {larger:,}" for smaller, larger in steps))
    names = dict.fromkeys(growth.group for growth in found)
    rows = [(name, *(cells[name, smaller] for smaller, _ in steps)) for name in names]
    mapping = {growth.smaller: f"{growth.mapping_rate:.2f}" for growth in found}
    rows.append((BARE_MAPPING_GROUP.name, *(mapping[smaller] for smaller, _ in steps)))
    return "\n".join(["### Growth (1 is linear)", "", *table(headings, rows)])


def verdict_lines(verdicts: Iterable[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        yield f"{'PASS' if verdict.passed else 'FAIL'}  {verdict.target}: {verdict.found}"


def page(machine: str, sizes: Sequence[SizeFigures], verdicts: Iterable[Verdict]) -> str:
    """Return all of it, as it stands between the two comments of a page."""
    bare = f"The bare query is `{BARE_QUERY}`, the bare mapping query `{BARE_MAPPING}`."
    sections = [machine, bare, *map(size_section, sizes)]
    if len(sizes) > 1:
        sections.append(growth_section(sizes))
    sections.append("\n".join(["```text", *verdict_lines(verdicts), "```"]))
    return "\n\n".join(sections)


def put_into(path: Path, content: str, *, begins: str = BEGIN) -> None:
    """Replace what is between the two comments of the file, or make the file.

    Raises:
        ValueError: the file is there, and has no such comments.
    """
    old = path.read_text() if path.exists() else f"{begins}\n{END}\n"
    before, begin, rest = old.partition(begins)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no lines '{begins}' and '{END}'")
    path.write_text(f"{before}{begin}\n\n{content}\n\n{end}{after}")


def _row(group: GroupFigures) -> tuple[str, ...]:
    slowest = group.slowest
    return (
        group.name,
        f"{group.series:,}",
        _time(group.seconds),
        f"{group.ratio:.2f}",
        f"`{slowest.name}`",
        _time(slowest.seconds),
        f"{slowest.ratio:.2f}",
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1_000:,.1f} ms"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the columns; numbers are right, and the first column and code are left."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    left = [column == 0 or rows[0][column].startswith("`") for column in range(len(headings))]
    rule = [
        f"{'-' * (width - 1)}{'-' if is_left else ':'}"
        for width, is_left in zip(widths, left, strict=True)
    ]
    return [
        "| " + " | ".join(_aligned(cells, widths, left)) + " |" for cells in (headings, rule, *rows)
    ]


def _aligned(cells: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> Iterator[str]:
    for cell, width, is_left in zip(cells, widths, left, strict=True):
        yield cell.ljust(width) if is_left else cell.rjust(width)
