"""Addresses that messages lead to."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from app.adapters import slack_holdings as holdings
from app.adapters import slack_words as words
from app.adapters.slack_blocks import Block, context
from app.adapters.slack_text import link
from app.domain.actions import Matter, Notice
from app.domain.incident import Target

_URL = 500
"""The longest of an address that several tasks share the room with."""


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses that people open in a browser, and whether anything hears a button."""

    alertmanager_url: str
    determined_url: str
    public_url: str
    interactive: bool = False
    """Somebody hears a button that is pressed. Else there are none."""
    page: Callable[[str, str], str] | None = None
    """From an incident's id and its owner to the address of the owner's page about it."""


def open_targets(matter: Matter) -> tuple[Target, ...]:
    return () if matter.incident.is_final else matter.incident.open_targets


def silence_url(notice: Notice, links: Links) -> str:
    """Return Alertmanager's page for a new silence, filled in: this policy, this task or owner."""
    incident = notice.matters[0].incident
    targets = [target for each in notice.matters for target in open_targets(each)]
    one = targets[0] if len(targets) == 1 and not holdings.is_about_holdings(incident) else None
    labels = {"policy": incident.identity.policy}
    labels |= {"task_id": one.task_id} if one else {"username": incident.identity.username}
    if holdings.is_about_holdings(incident):
        labels = {**labels, "resource_pool": incident.identity.resource_pool}
    matchers = ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    base = links.alertmanager_url.rstrip("/")
    return f"{base}/#/silences/new?filter={quote(f'{{{matchers}}}', safe='')}"


def footer(notice: Notice, links: Links) -> Iterator[Block]:
    incidents = [each.incident for each in notice.matters]
    dashboard = "" if len(incidents) > 1 else incidents[0].annotations.get("dashboard_url", "")
    runbook = incidents[0].annotations.get("runbook_url", "")
    if len(incidents) > 1 and len(runbook) > _URL:
        runbook = ""
    tasks = {_task_url(target, links) for each in incidents for target in each.targets[:1]}
    found = [
        link(dashboard, "Dashboard"),
        link(runbook, "What this means"),
        *(link(url, "Determined") for url in sorted(tasks)[:1]),
        *_page(notice, links),
    ]
    if any(found):
        yield context(found)


def _task_url(target: Target, links: Links) -> str:
    """Return the page of the experiment, or the list of tasks."""
    base = links.determined_url.rstrip("/")
    experiment = words.experiment_of(target)
    return f"{base}/det/experiments/{experiment}" if experiment else f"{base}/det/tasks"


def _page(notice: Notice, links: Links) -> Iterator[str]:
    """Yield a link to the owner's page where no button is one."""
    if links.page and not links.interactive:
        incident = notice.matters[0].incident
        yield link(links.page(incident.incident_id, incident.identity.username), "More about it")
