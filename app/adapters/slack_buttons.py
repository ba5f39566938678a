"""The buttons of messages: what their readers can answer with. Who presses one is asked for no more
than a click, so what cannot be taken back is confirmed first.

What a button means is in its `action_id` and its `value`; docs/slack.md has the format.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from app.adapters import slack_words as words
from app.adapters.slack_blocks import Block
from app.adapters.slack_links import Links
from app.adapters.slack_lists import Entry, entries_of
from app.adapters.slack_text import clean
from app.domain.actions import Matter, Notice
from app.domain.alert import Scope
from app.domain.breaker import BreakerState
from app.domain.incident import IncidentState

_KEEPS: Mapping[str, str] = {
    "2h": "2 h",
    "8h": "8 h",
    "24h": "24 h",
    "morning": "until next working morning",
}
_ANSWERABLE = frozenset({IncidentState.FIRING, IncidentState.NOTIFIED, IncidentState.HELD})
# Characters, by Slack's documentation.
_LABEL = 75
_VALUE = 2_000
_OPTION_VALUE = 150
_TITLE = 100
_CONFIRM_TEXT = 300
_MOST_OPTIONS = 5
_MOST_ALLOWED = 5


def answers(notice: Notice, links: Links) -> Iterator[Block]:
    """Yield the row of buttons below a message to an owner, where there is one to press."""
    entries = [each for each in entries_of(notice) if _is_open(each)]
    if notice.superseded or not links.interactive or not entries:
        return
    open_ = [each for each in notice.matters if _may_answer(each)]
    several = len(entries) > 1
    elements = [*_keeps(open_, several=several), *_stop(entries, several=several)]
    if links.page:
        first = entries[0].matter.incident
        url = links.page(first.incident_id, first.identity.username)
        elements.append(_button("More about it", "link.page", url=url))
    if elements:
        yield _row(*elements)


def beside(notice: Notice, links: Links) -> Callable[[int, Entry], Block | None]:
    """Return the menu beside one task of several."""
    count = len([each for each in entries_of(notice) if _is_open(each)])

    def menu(number: int, entry: Entry) -> Block | None:
        if not links.interactive or count < 2 or not _is_open(entry):  # noqa: PLR2004 -- several
            return None
        return _menu(number, entry)

    return menu


def of_incident(notice: Notice, links: Links) -> Iterator[Block]:
    """Yield what admins can say to a message about an incident."""
    incident = notice.matters[0].incident
    if not links.interactive or incident.is_final or incident.state is IncidentState.STOPPING:
        return
    confirm = _confirm(
        "A false alarm?",
        "The incident is closed, and its owner told. The same alert counts again once it was seen "
        "to be over.",
        "Dismiss",
    )
    value = incident.incident_id
    yield _row(_button("Dismiss (false alarm)", "dismiss", value, confirm=confirm))


def of_breaker(notice: Notice, state: BreakerState, links: Links) -> Iterator[Block]:
    """Yield what admins can do about a tripped breaker."""
    if not links.interactive or not state.tripped:
        return
    confirm = _confirm(
        "Reset the breaker?",
        "Stops go on. Every owner is warned anew, and has a whole grace period; what is listed "
        "here counts no more.",
        "Reset",
    )
    reset = _button("Reset", "reset", notice.matters[0].incident.incident_id, confirm=confirm)
    allow = [
        _button(
            clean(f"Allow {each.task or each.allocation_id}", _LABEL),
            f"allow#{number}",
            f"{each.incident_id}/{each.allocation_id}",
            confirm=_confirm(
                "Stop this one now?",
                clean(f"{each.task or each.allocation_id} is stopped, the others wait.", 200),
                "Stop it",
                danger=True,
            ),
        )
        for number, each in enumerate(state.stops[:_MOST_ALLOWED])
    ]
    yield _row(reset, *allow)


def _may_answer(matter: Matter) -> bool:
    """Tell whether it may still be kept or stopped; where nothing is stopped, nothing is asked."""
    return matter.is_enforced and matter.incident.state in _ANSWERABLE


def _is_open(entry: Entry) -> bool:
    return _may_answer(entry.matter) and entry.target.outcome is None


def _keeps(matters: Sequence[Matter], *, several: bool) -> Iterator[Block]:
    value = " ".join(each.incident.incident_id for each in matters)
    for argument, span in _KEEPS.items():
        if len(value) <= _VALUE and all(argument in each.keeps for each in matters):
            what = "Keep all" if several else "Keep"
            yield _button(f"{what} {span}", f"keep.{argument}", value)


def _stop(entries: Sequence[Entry], *, several: bool) -> Iterator[Block]:
    value = " ".join(_subject(each) for each in entries)
    if not value or len(value) > _VALUE:
        return
    title = f"Stop all {len(entries)} now?" if several else "Stop it now?"
    yes = "Stop all" if several else "Stop it"
    confirm = _confirm(title, _lost(entries), yes, danger=True)
    label = "Stop all now" if several else "Stop now"
    yield _button(label, "stop", value, confirm=confirm, danger=True)


def _subject(entry: Entry) -> str:
    return f"{entry.matter.incident.incident_id}/{entry.target.allocation_id}"


def _menu(number: int, entry: Entry) -> Block | None:
    incident = entry.matter.incident
    options = [
        _option(f"Keep {_KEEPS[argument]}", f"keep.{argument} {incident.incident_id}")
        for argument in _KEEPS
        # What is asked of a user is asked as a whole, and kept as a whole.
        if argument in entry.matter.keeps and incident.identity.scope is not Scope.USER
    ]
    options.append(_option("Stop now", f"stop {_subject(entry)}"))
    fitting = [each for each in options if len(each["value"]) <= _OPTION_VALUE][:_MOST_OPTIONS]
    if not fitting:
        return None
    if len(fitting) == 1 and fitting[0]["value"].startswith("stop "):
        confirm = _confirm("Stop this task now?", _lost([entry]), "Stop it", danger=True)
        value = _subject(entry)
        return _button("Stop now", f"stop#{number}", value, confirm=confirm, danger=True)
    what = f"A keep is a silence over it in Alertmanager. A stop: {_lost([entry])}"
    confirm = _confirm("Keep or stop this task?", what, "Do it", danger=True)
    return {
        "type": "overflow",
        "action_id": f"menu#{number}",
        "options": fitting,
        "confirm": confirm,
    }


def _lost(entries: Sequence[Entry]) -> str:
    """Say what stopping these would destroy."""
    types = dict.fromkeys(each.target.task_type for each in entries)
    first, *others = dict.fromkeys(words.consequence(each).loses for each in types)
    return " ".join([first, *(["Of the others, what is not saved is lost."] if others else [])])


def _row(*elements: Block) -> Block:
    return {"type": "actions", "elements": list(elements)}


def _button(
    label: str,
    action_id: str,
    value: str = "",
    *,
    url: str = "",
    confirm: Block | None = None,
    danger: bool = False,
) -> Block:
    button: Block = {"type": "button", "text": _plain(label), "action_id": action_id}
    more = {"value": value, "url": url, "confirm": confirm, "style": "danger" if danger else ""}
    return button | {name: given for name, given in more.items() if given}


def _option(label: str, value: str) -> Block:
    return {"text": _plain(label), "value": value}


def _confirm(title: str, text: str, yes: str, *, danger: bool = False) -> Block:
    confirm: Block = {
        "title": _plain(title[:_TITLE]),
        "text": _plain(text[:_CONFIRM_TEXT]),
        "confirm": _plain(yes),
        "deny": _plain("Not now"),
    }
    return confirm | ({"style": "danger"} if danger else {})


def _plain(text: str) -> Block:
    # No name becomes a picture.
    return {"type": "plain_text", "text": text, "emoji": False}
