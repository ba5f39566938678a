"""The tasks that a message is about: each is named (S1), with words on it while there is room."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.adapters import slack_holdings as holdings
from app.adapters import slack_words as words
from app.adapters.slack_blocks import Block, section, size
from app.adapters.slack_states import hold
from app.adapters.slack_text import code, link, quoted
from app.domain.actions import Matter, Notice
from app.domain.incident import IncidentState, Target

_MOST_LISTED = 10
_MOST_NAMED = 40
_IN_A_LINE = 12
_NAMES = (30, 12)
"""How long a name may be where many are only named."""
_DESCRIPTION = 160
_URL = 300
_SECTION = 2_900
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    matter: Matter
    target: Target


Accessory = Callable[[int, Entry], Block | None]
"""What stands beside a task, by its place in the list."""


def nothing(_number: int, _entry: Entry) -> Block | None:
    return None


def listed(notice: Notice, *, room: int, beside: Accessory = nothing) -> list[Block]:
    """List the tasks within so many characters. One that is no user's holdings needs no list."""
    entries = entries_of(notice)
    about_holdings = holdings.is_about_holdings(notice.matters[0].incident)
    if len(entries) == 1 and not about_holdings:
        return []
    lead = []
    if about_holdings and notice.matters[0].incident.open_targets:
        lead = [section(holdings.lead(notice.matters[0]))]
    lines = [
        section(_line(notice, each), beside(number, each))
        for number, each in enumerate(entries[:_MOST_LISTED])
    ]
    briefly = [_briefly(notice, entries, longest) for longest in _NAMES]
    for count in range(len(lines), -1, -1):
        for names in briefly:
            found = [*lead, *lines[:count], *_named(names[count:], len(entries) - count)]
            if size(found) <= room:
                return found
    return [section(f"{len(entries)} tasks")]


def entries_of(notice: Notice) -> list[Entry]:
    """Return each task once, as the newest incident has it: first what is due soonest."""
    if len(notice.matters) == 1:
        [matter] = notice.matters
        return [Entry(matter, target) for target in matter.incident.targets]
    newest = {
        target.allocation_id: Entry(matter, target)
        for matter in sorted(notice.matters, key=lambda each: each.incident.opened_at)
        for target in matter.incident.targets
    }
    return sorted(newest.values(), key=_urgency)


def _urgency(entry: Entry) -> tuple[bool, bool, datetime]:
    incident = entry.matter.incident
    is_over = incident.is_final or entry.target.outcome is not None
    deadline = entry.matter.deadlines.get(entry.target.allocation_id)
    return is_over, incident.state is not IncidentState.NOTIFIED, deadline or _NEVER


def _line(notice: Notice, entry: Entry) -> str:
    fate = words.fate(notice.kind, entry.matter, entry.target)
    line = f"• {words.target_line(entry.target)}{', ' if fate else ''}{fate}"
    if len(notice.matters) == 1:
        return line
    texts, incident = entry.matter.incident.annotations, entry.matter.incident
    held = (
        hold(incident.holds[0]) if incident.state is IncidentState.HELD and incident.holds else ""
    )
    url = texts.get("dashboard_url", "")
    more = [
        held,
        "" if incident.is_final else quoted(texts.get("description", ""), _DESCRIPTION),
        link(url, "Dashboard") if len(url) <= _URL else "",
    ]
    return "\n".join([line, " ".join(each for each in more if each)]).strip()


def _briefly(notice: Notice, entries: Sequence[Entry], longest: int) -> list[tuple[str, str]]:
    """Return name and fate of as many as are ever named."""
    return [
        (
            code(each.target.name or each.target.task_id, longest),
            words.fate(notice.kind, each.matter, each.target),
        )
        for each in entries[: _MOST_LISTED + _MOST_NAMED]
    ]


def _named(names: Sequence[tuple[str, str]], count: int) -> list[Block]:
    """Name what there is no room to list, those of the same fate together."""
    fates: dict[str, list[str]] = {}
    for name, fate in names[:_MOST_NAMED]:
        fates.setdefault(fate, []).append(name)
    lines = [
        f"• {', '.join(some[start : start + _IN_A_LINE])}{': ' if fate else ''}{fate}"
        for fate, some in fates.items()
        for start in range(0, len(some), _IN_A_LINE)
    ]
    if count > _MOST_NAMED:
        lines.append(f"… and {count - _MOST_NAMED} more")
    return [section(text) for text in _packed(lines)]


def _packed(lines: Sequence[str]) -> Iterator[str]:
    """Put as many lines into each section as it takes."""
    text = ""
    for line in lines:
        if text and len(text) + len(line) > _SECTION:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text
