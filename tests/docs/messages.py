"""Every kind of message, as text: makes docs/messages.md. Run it after a change of words."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from app.adapters.slack_links import Links
from app.adapters.slack_messages import render
from app.domain.actions import Matter, MessageKind, Notice
from app.domain.aftermath import Sight
from app.domain.breaker import BreakerState, PlannedStop, alarm
from app.domain.incident import Hold, Incident, IncidentState, Receipt, RecipientKind
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.reclaimed import lingering
from app.domain.release import Gpu, Release
from tests.adapters.slack_examples import DEADLINE, TEXTS, incident, over_limit
from tests.docs.digests import digests
from tests.docs.pages import ROOT
from tests.domain.examples import T0

PAGE = ROOT / "docs/messages.md"
COMMAND = ".venv/bin/python -m tests.docs.messages"
_HEAD = f"""\
# Messages

What the watchdog says in Slack, one example of every kind. The first block of each is what the
message shows, with its buttons in brackets; the second is what a notification shows and a screen
reader reads. In Slack each reader sees times in the own time zone; here they are in UTC.

This page is made by `{COMMAND}`, and a test compares. Its
pictures are of the demo's simulated Slack; `make screenshots` takes them anew.
"""
S = IncidentState
K = MessageKind
_TWO = (
    Gpu("GPU-6a3c1f0e-0d6b-4b5f-9a57-1f2f0d9be0a1", "agent-a"),
    Gpu("GPU-b7e09d52-77f4-4c8e-8c1d-5a9be1c6f302", "agent-a"),
)
LINKS = Links(
    alertmanager_url="https://alertmanager.example",
    determined_url="https://determined.example",
    public_url="https://watchdog.example",
    interactive=True,
    page=lambda incident_id, _username: f"https://watchdog.example/i/{incident_id}",
)
PICTURES = {
    "Warning": (
        "A warning about a notebook, with buttons to keep it and to stop it",
        "slack-warning",
    ),
    "Warning about several tasks": (
        "A warning that lists ten of sixteen trials, each with a menu, and names the others",
        "slack-several",
    ),
    "Closing word: stopped": (
        "A notebook was stopped; in the thread stand the reminder, the last call and the end",
        "slack-thread",
    ),
    "To the admins: the breaker": (
        "The breaker has tripped: a button resets it, others allow one stop each",
        "slack-breaker",
    ),
}
"""By the title of the example; `make screenshots` takes them."""
_KEEPS = ("2h", "8h", "24h", "morning")
_ROOT = Receipt("D1", "1795521600.000100", RecipientKind.OWNER)
_LATER = T0 + timedelta(hours=1)
_MARKED_UP = re.compile(r"<(?P<target>[^<>|]*)\|(?P<words>[^<>|]*)>")


@dataclass(frozen=True)
class Example:
    title: str
    when: str
    notice: Notice

    @property
    def picture(self) -> str:
        """Return the words for its picture, and where that is; nothing where there is none."""
        words, name = PICTURES.get(self.title, ("", ""))
        return f"![{words}](images/{name}.png)\n\n" if name else ""


def examples() -> Iterator[Example]:
    notebook = _of(incident())
    search = [_of(_trial(number)) for number in range(16)]
    yield Example(
        "Warning", "Something was found, and a stop is announced.", _notice(K.WARNING, notebook)
    )
    yield Example(
        "Warning about several tasks",
        "Sixteen trials of one search were found idle at the same time.",
        _notice(K.WARNING, *search),
    )
    yield Example(
        "Warning that joins",
        "One more task was found while the message above still is open: a reply in its thread that "
        "is shown in the conversation as well. The message above is rewritten to list it.",
        replace(_notice(K.WARNING, _of(_trial(16))), thread=_ROOT),
    )
    yield Example(
        "Warning about slots",
        "A user holds more than the limit while others wait.",
        _notice(K.WARNING, _of(over_limit())),
    )
    yield Example(
        "Advice",
        "Something could be better, and nothing will be stopped.",
        _notice(K.WARNING, Matter(_advice())),
    )
    yield Example("Reminder", "Half of the grace period is over.", _notice(K.REMINDER, notebook))
    yield Example("Last call", "Ten minutes before the deadline.", _notice(K.LAST_CALL, notebook))
    yield Example(
        "Live message: kept",
        "The warning, rewritten in place.",
        _notice(K.STATUS, Matter(_kept(), keeps=_KEEPS)),
    )
    yield Example(
        "Live message of several tasks",
        "Each has had its own fate.",
        _notice(K.STATUS, *_fates()),
    )
    yield Example(
        "Earlier warning below a live message",
        "A newer one has followed, and names what holds now.",
        replace(_notice(K.STATUS, notebook), thread=_ROOT, superseded=True),
    )
    for state, what in (
        (S.RESOLVED, "in use again"),
        (S.STOPPED, "stopped"),
        (S.DISMISSED, "a false alarm"),
    ):
        outcome = S.STOPPED if state is S.STOPPED else None
        ended = Matter(incident(state, outcome=outcome))
        yield Example(f"Closing word: {what}", "A reply in the thread.", _notice(K.CLOSING, ended))
    left = incident(
        S.STOPPED, outcome=S.STOPPED, gpus=_TWO, release=Release.IN_USE, lingering=(_TWO[1].uuid,)
    )
    words = "Closing word: stopped, and one of its GPUs is not free"
    yield Example(words, "A reply in the thread.", _notice(K.CLOSING, Matter(left)))
    sights = {_TWO[1].uuid: Sight.BUSY}
    yield Example(
        "To the admins: a GPU that is not free",
        "What a stopped task has left behind.",
        replace(
            _notice(K.ADMINS, Matter(left)), text=lingering(left, left.targets[0], sights).text
        ),
    )
    yield Example(
        "To the admins",
        "Something that a person should know.",
        replace(
            _notice(K.ADMINS, notebook),
            text="bob cannot be reached on Slack (users_not_found). Nothing of theirs is stopped. "
            "`gpu-watchdog users check` lists who else cannot.",
        ),
    )
    yield Example("To the admins: the breaker", "Too many stops were due.", _breaker())


def _of(one: Incident) -> Matter:
    return Matter(one, {t.allocation_id: DEADLINE for t in one.open_targets}, keeps=_KEEPS)


def _notice(kind: MessageKind, *matters: Matter) -> Notice:
    return Notice(kind, matters, T0 if kind is K.WARNING else _LATER)


def _trial(number: int, state: IncidentState = S.NOTIFIED, **more: Any) -> Incident:  # noqa: ANN401 -- the words of the example
    words = {"task_id": f"41.{number}", "allocation_id": f"41.{number}.1", "task_type": "trial"}
    one = incident(state, name=f"resnet-search (trial {number})", slots=1, **(words | more))
    texts = TEXTS | {"description": f"Its GPU was at {number % 2} % at most in 60 minutes."}
    return replace(one, incident_id=f"i{number}", annotations=texts)


def _advice() -> Incident:
    one = incident()
    identity = replace(one.identity, alertname="GPUAllocationPartlyIdle")
    return replace(one, identity=identity, mode=Mode.WARN)


def _kept() -> Incident:
    hold = Hold(Reason.KEPT, by="bob", until=DEADLINE, detail="a demo")
    return replace(incident(S.HELD), holds=(hold,))


def _fates() -> Iterator[Matter]:
    silence = Hold(Reason.SILENCED, by="carol", until=DEADLINE, detail="demo day")
    yield _of(_trial(0))
    yield Matter(replace(_trial(1, S.HELD), holds=(silence,)), keeps=_KEEPS)
    yield Matter(_trial(2, S.RESOLVED))
    yield Matter(_trial(3, S.STOPPED, outcome=S.STOPPED))
    yield Matter(_trial(4, S.STOPPING))


def _id(number: int) -> str:
    return f"0f4c6a52-54a4-4f43-9f0e-2a3d1f1f6f{number:02}"


def _breaker() -> Notice:
    stops = tuple(
        PlannedStop(_id(number), f"41.{number}.1", f"trial 41.{number} “resnet-search” of bob")
        for number in range(12)
    )
    reason = "12 allocations are due now; allowed are at most 10 in an hour"
    state = BreakerState(tripped=True, at=T0, by="watchdog", reason=reason, stops=stops)
    return replace(_notice(K.BREAKER, _of(incident())), text=alarm(state), breaker=state)


def page() -> str:
    parts = [_HEAD]
    told = [(e.title, e.when, e.picture, render(e.notice, LINKS)) for e in examples()]
    told += [(each.title, each.when, "", each.message) for each in digests()]
    for title, when, picture, message in told:
        # A table's own fence is no fence of this page.
        shown = "\n\n".join(_shown(block) for block in message.blocks).replace("```\n", "")
        shown = shown.replace("\n```", "")
        read_out = html.unescape(message.text)
        parts.append(
            f"## {title}\n\n{when}\n\n{picture}```text\n{shown}\n```\n\n```text\n{read_out}\n```\n"
        )
    return "\n".join(parts)


def _shown(block: dict[str, Any]) -> str:
    match block["type"]:
        case "section":
            beside = block.get("accessory")
            menu = f"  {_element(beside)}" if beside else ""
            return f"{_text(block['text']['text'])}{menu}"
        case "context":
            return " ".join(_text(each["text"]) for each in block["elements"])
        case _:
            return "\n".join(_element(each) for each in block["elements"])


def _element(element: dict[str, Any]) -> str:
    if element["type"] == "overflow":
        return f"[⋮ {' | '.join(each['text']['text'] for each in element['options'])}]"
    confirm = element.get("confirm")
    first = f"  (first: {confirm['title']['text']} {confirm['text']['text']})" if confirm else ""
    return f"[{element['text']['text']}]{first}"


def _text(mrkdwn: str) -> str:
    return html.unescape(_MARKED_UP.sub(r"\g<words>", mrkdwn))


if __name__ == "__main__":
    PAGE.write_text(page())
