"""Makes docs/images: messages in the simulated Slack, the owner's page, the dashboards.

Look at them then.
"""

import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Browser

from app.adapters.slack_messages import render
from app.domain.actions import Matter, MessageKind, Notice
from app.domain.alert import Identity
from app.domain.incident import IncidentState
from demo.listener import Listener, reserve
from demo.slack.model import Conversation, Revision
from demo.slack.server import listening_aside
from demo.slack.state import SlackState
from tests.adapters.slack_examples import DEADLINE, incident
from tests.api.owner_site import Site, allocation, another, owner_site, warned
from tests.browser.chromium import WIDTHS, launched
from tests.docs.dashboards import pictures
from tests.docs.messages import LINKS, examples
from tests.docs.pages import ROOT
from tests.docs.png import small
from tests.domain.examples import IDENTITY, T0

FOLDER = ROOT / "docs/images"
COMMAND = "make screenshots"


class Workspace:
    """The simulated Slack, in which it is always as late as a picture wants it."""

    def __init__(self) -> None:
        self.now = T0
        self.slack = SlackState(clock=self._clock)
        self.bob = self.slack.open_direct(self.slack.user_named("bob"))
        self.admins = self.slack.conversation_named("#gpu-admins")

    def _clock(self) -> datetime:
        return self.now

    def says(self, conversation: Conversation, notice: Notice, *, thread: str | None = None) -> str:
        """Return the message's `ts`."""
        said = self._revision(notice)
        return self.slack.post(conversation, said, thread_ts=thread).ts

    def rewrites(self, ts: str, notice: Notice) -> None:
        self.bob.messages[ts].revisions.append(self._revision(notice))

    def _revision(self, notice: Notice) -> Revision:
        message = render(notice, LINKS)
        return Revision(self.now, message.text, tuple(message.blocks))


def messages(workspace: Workspace) -> Iterator[tuple[str, Conversation, str]]:
    """Say what is to be seen; give each with the picture's name and where it stands."""
    by_title = {each.title: each.notice for each in examples()}
    bob, admins = workspace.bob, workspace.admins
    yield "slack-warning", bob, workspace.says(bob, by_title["Warning"])
    several = by_title["Warning about several tasks"]
    yield "slack-several", bob, workspace.says(bob, several)
    yield "slack-thread", bob, _told_to_the_end(workspace, by_title["Warning"])
    yield "slack-breaker", admins, workspace.says(admins, by_title["To the admins: the breaker"])


def _told_to_the_end(workspace: Workspace, warning: Notice) -> str:
    ts = workspace.says(workspace.bob, warning)
    for minutes, kind in ((60, MessageKind.REMINDER), (110, MessageKind.LAST_CALL)):
        workspace.now = T0 + timedelta(minutes=minutes)
        said = replace(warning, kind=kind, now=workspace.now)
        workspace.says(workspace.bob, said, thread=ts)
    workspace.now = DEADLINE
    stopped = incident(IncidentState.STOPPED, outcome=IncidentState.STOPPED)
    over = replace(stopped, changed_at=DEADLINE)
    end = Notice(MessageKind.CLOSING, (Matter(over),), DEADLINE)
    workspace.says(workspace.bob, end, thread=ts)
    workspace.rewrites(ts, replace(end, kind=MessageKind.STATUS))
    return ts


def take_messages(browser: Browser) -> None:
    workspace = Workspace()
    wanted = list(messages(workspace))
    with listening_aside(workspace.slack) as url:
        page = browser.new_page(viewport={"width": 1000, "height": 1600})
        for name, conversation, ts in wanted:
            reader = "?as=alice" if conversation is workspace.admins else ""
            page.goto(f"{url}/c/{conversation.channel_id}{reader}")
            save(name, page.locator(f"[id='m{ts}']").screenshot())


@contextmanager
def owners_page() -> Iterator[tuple[str, Site]]:
    """Give its address, and the site behind it: two tasks of bob's, of whom he was told."""
    identities = [IDENTITY, another(2)]
    with (
        tempfile.TemporaryDirectory() as folder,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(owner_site(Path(folder))) as site,
    ):
        for number, each in enumerate(identities, 1):
            portal.call(_happened(site, f"i{number}", each))
        names = ("JupyterLab (brave-otter)", "resnet-search (trial 2)")
        site.runs(*(allocation(each, name) for each, name in zip(identities, names, strict=True)))
        listener = Listener(site, reserve("127.0.0.1"))
        portal.call(listener.open)
        yield listener.url, site
        portal.call(listener.release)


def _happened(site: Site, incident_id: str, identity: Identity) -> Callable[[], Awaitable[object]]:
    return partial(
        site.happened,
        *warned(identity),
        incident_id=incident_id,
        identity=identity,
        summary="An allocation holds GPUs that it does not use.",
        description="None of its GPUs went above 1 % in 30 minutes.",
        runbook_url="https://docs.example/runbooks/GPUAllocationIdle",
        dashboard_url="https://grafana.example/d/gpu",
    )


def take_owners_page(browser: Browser) -> None:
    with owners_page() as (url, site):
        for name, width in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": 1100})
            page.goto(url + site.path())
            save(f"owner-page-{name}", page.screenshot())


def take_dashboards(browser: Browser) -> None:
    for name, picture in pictures(browser):
        save(f"dashboard-{name}", picture)


def save(name: str, picture: bytes) -> None:
    (FOLDER / f"{name}.png").write_bytes(small(picture))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    # Shades of grey at the edges of letters, instead of colours, and few of them.
    with launched("--disable-lcd-text") as browser:
        take_messages(browser)
        take_owners_page(browser)
        take_dashboards(browser)


if __name__ == "__main__":
    main()
