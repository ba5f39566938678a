"""What the watchdog says: from a notice to Slack's blocks. Pure.

Messages name what was found, what will happen, what that would cost, and how to say no. They
announce a stop only where the notice has a deadline (S10).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.adapters import slack_holdings as holdings
from app.adapters import slack_words as words
from app.adapters.slack_conditions import condition
from app.adapters.slack_states import state, what_next
from app.adapters.slack_text import code, date, link, quoted, quoted_lines
from app.domain.actions import MessageKind, Notice
from app.domain.cluster import TaskType
from app.domain.incident import Incident, IncidentState, Target
from app.domain.policy import Fallback, StopAction

Block = dict[str, Any]
_MOST_TARGETS = 10
"""More than that are counted, not listed."""
# Characters. All together stay under the 3,000 of a block; and the live message's text under the
# 4,000 bytes that a message may be rewritten with, although more could be posted.
_SENTENCE = 300
_DESCRIPTION = 1_500
_ADMINS = 2_500


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses that people open in a browser."""

    alertmanager_url: str
    determined_url: str
    public_url: str


@dataclass(frozen=True, slots=True)
class Message:
    text: str
    """What notifications show, and screen readers read."""
    blocks: list[Block]


def render(notice: Notice, links: Links) -> Message:
    return _RENDERERS[notice.kind](notice, links)


def _warning(notice: Notice, links: Links) -> Message:
    incident = notice.incident
    about = words.subject(incident.open_targets, incident.identity)
    head = f"Hello! A word about {about}."
    if incident.settled_at:
        # A new post, not a reply in the old thread, of which Slack need not notify anybody.
        head = (
            f"Hello again! {about[:1].upper()}{about[1:]} was settled {date(incident.settled_at)}"
        )
        head += ", and it has come back."
    return Message(
        f"{head} {what_next(notice)}",
        [
            _section(f"{head}\n{_found(incident)}"),
            *_listed(notice),
            _section(f"*{what_next(notice)}*"),
            *_costs(notice),
            _section(_how_to_say_no(notice, links)),
            *_footer(incident, links),
        ],
    )


def _reminder(notice: Notice, links: Links) -> Message:
    found = condition(notice.incident.identity.alertname)
    about = words.subject(notice.incident.open_targets, notice.incident.identity)
    why = "others still wait" if notice.incident.demand else found.lasts
    return _reply(notice, links, f"A reminder about {about}: {why}.")


def _last_call(notice: Notice, links: Links) -> Message:
    about = words.subject(notice.incident.open_targets, notice.incident.identity)
    return _reply(notice, links, f"The last message before anything happens to {about}.")


def _reply(notice: Notice, links: Links, head: str) -> Message:
    text = f"{head} {what_next(notice)}"
    return Message(text, [_section(text), _section(_how_to_say_no(notice, links))])


def _status(notice: Notice, links: Links) -> Message:
    """The owner's message as things stand now. What no longer holds is not in it."""
    incident = notice.incident
    if incident.state is IncidentState.NOTIFIED:
        return _warning(notice, links)
    about = f"This was about {words.subject(incident.targets, incident.identity)}."
    blocks = [_section(state(notice)), _section(f"{about}\n{_found(incident)}"), *_listed(notice)]
    if incident.state is IncidentState.STOPPED:
        blocks += _restarts(incident)
    return Message(f"{state(notice)} {about}", [*blocks, *_footer(incident, links)])


def _closing(notice: Notice, _links: Links) -> Message:
    incident = notice.incident
    blocks = [_section(state(notice))]
    if holdings.is_about_holdings(incident):
        blocks += _listed(notice)
    if incident.state is IncidentState.STOPPED:
        blocks += _restarts(incident)
    return Message(state(notice), blocks)


def _admins(notice: Notice, links: Links) -> Message:
    incident = notice.incident
    text = quoted_lines(notice.text, _ADMINS)
    url = f"{links.public_url.rstrip('/')}/api/v1/incidents/{quote(incident.incident_id, safe='')}"
    facts = f"{code(incident.identity.alertname)} · {code(incident.identity.username)}"
    return Message(text, [_section(text), _context([facts, link(url, "incident")])])


_RENDERERS: dict[MessageKind, Callable[[Notice, Links], Message]] = {
    MessageKind.WARNING: _warning,
    MessageKind.REMINDER: _reminder,
    MessageKind.LAST_CALL: _last_call,
    MessageKind.STATUS: _status,
    MessageKind.CLOSING: _closing,
    MessageKind.ADMINS: _admins,
}


def _found(incident: Incident) -> str:
    texts = incident.annotations
    parts = [quoted(texts.get("summary", ""), _SENTENCE)]
    parts += [quoted(texts.get("description", ""), _DESCRIPTION)]
    parts += [holdings.asked(incident), f"Noticed {date(incident.opened_at)}."]
    return "\n".join(part for part in parts if part)


def _listed(notice: Notice) -> Iterator[Block]:
    """List several tasks, one block for each, so that no number of them breaks Slack's limits."""
    targets = notice.incident.targets
    if len(targets) == 1 and not holdings.is_about_holdings(notice.incident):
        return
    if holdings.is_about_holdings(notice.incident) and notice.incident.open_targets:
        yield _section(holdings.lead(notice))
    for target in targets[:_MOST_TARGETS]:
        yield _section(f"• {words.target_line(target)}{words.fate(notice, target)}")
    if len(targets) > _MOST_TARGETS:
        yield _section(f"… and {len(targets) - _MOST_TARGETS} more")


def _costs(notice: Notice) -> Iterator[Block]:
    """What it would mean; said only where something is announced."""
    if not notice.deadlines:
        return
    for task_type in _types(notice.incident.open_targets):
        paused = notice.action is StopAction.PAUSE
        if paused:
            yield _meaning("pause", task_type, words.pause(task_type))
        if not paused or (task_type == TaskType.TRIAL and notice.fallback is Fallback.KILL):
            yield _meaning("stop", task_type, words.consequence(task_type))


def _meaning(what: str, task_type: str, means: words.Consequence) -> Block:
    kind = words.kind(task_type)
    return _section(f"What a {what} means for a {kind}: {means.loses} {means.restart}")


def _restarts(incident: Incident) -> Iterator[Block]:
    stopped = [each for each in incident.targets if each.outcome is IncidentState.STOPPED]
    found = [
        (words.pause if each.stops_by_pause else words.consequence)(each.task_type)
        for each in stopped
    ]
    for means in dict.fromkeys(found):
        yield _section(f"{means.loses} {means.restart}")


def _types(targets: Iterable[Target]) -> list[str]:
    return list(dict.fromkeys(target.task_type for target in targets))


def _how_to_say_no(notice: Notice, links: Links) -> str:
    found = condition(notice.incident.identity.alertname)
    silence = link(_silence_url(notice.incident, links), "silence it in Alertmanager")
    if holdings.is_about_holdings(notice.incident):
        return holdings.how_to_say_no(notice, silence)
    if found.change and not notice.deadlines:
        return (
            f"What helps: {found.change} {found.settles}. To hear no more of it, {silence} for as "
            "long as you like."
        )
    lead = "Do you still need it?" if notice.deadlines else "To hear no more of it:"
    return (
        f"{lead} {found.settles}; or {silence} for as long as you like. If you are done with it, "
        "ending it yourself frees what it holds for others."
    )


def _silence_url(incident: Incident, links: Links) -> str:
    """Return Alertmanager's page for a new silence, filled in: this policy, this task or owner."""
    targets = incident.open_targets
    one = targets[0] if len(targets) == 1 and not holdings.is_about_holdings(incident) else None
    labels = {"policy": incident.identity.policy}
    labels |= {"task_id": one.task_id} if one else {"username": incident.identity.username}
    if holdings.is_about_holdings(incident):
        labels = {**labels, "resource_pool": incident.identity.resource_pool}
    matchers = ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    base = links.alertmanager_url.rstrip("/")
    return f"{base}/#/silences/new?filter={quote(f'{{{matchers}}}', safe='')}"


def _footer(incident: Incident, links: Links) -> Iterator[Block]:
    texts = incident.annotations
    found = [
        link(texts.get("dashboard_url", ""), "Dashboard"),
        link(texts.get("runbook_url", ""), "What this means"),
        *(link(_task_url(target, links), "Determined") for target in incident.targets[:1]),
    ]
    if any(found):
        yield _context(found)


def _task_url(target: Target, links: Links) -> str:
    """Return the page of the experiment, or the list of tasks."""
    base = links.determined_url.rstrip("/")
    experiment, dot, _ = target.task_id.partition(".")
    if dot and experiment.isdigit():
        return f"{base}/det/experiments/{experiment}"
    return f"{base}/det/tasks"


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(parts: list[str]) -> Block:
    text = " · ".join(part for part in parts if part)
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _mrkdwn(text: str) -> Block:
    # Verbatim: addresses in what people wrote do not become links by themselves.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
