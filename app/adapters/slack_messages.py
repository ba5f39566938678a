"""What the watchdog says: from a notice to Slack's blocks. Pure.

Messages name what was found, what will happen, what that would cost, and how to say no. They
announce a stop only where the notice has a deadline (S10).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from app.adapters import slack_buttons as buttons
from app.adapters import slack_holdings as holdings
from app.adapters import slack_together as together
from app.adapters import slack_words as words
from app.adapters.slack_blocks import MOST_CHARACTERS, Block, context, section, size
from app.adapters.slack_conditions import condition
from app.adapters.slack_costs import costs, restarts
from app.adapters.slack_links import Links, footer, open_targets, silence_url
from app.adapters.slack_lists import Accessory, listed, nothing
from app.adapters.slack_next import announced, what_next
from app.adapters.slack_states import state
from app.adapters.slack_text import code, date, link, plain, quoted, quoted_lines
from app.domain.actions import MessageKind, Notice
from app.domain.incident import IncidentState
from app.domain.reclaimed import held_so_far

# Characters. A section takes 3,000; the live message's text fits into the 4,000 bytes that a
# message may be rewritten with, although more could be posted.
_SENTENCE = 300
_DESCRIPTION = 1_500
_ADMINS = 2_900


@dataclass(frozen=True, slots=True)
class Message:
    text: str
    """What notifications show, and screen readers read: without mark-up, times in UTC."""
    blocks: list[Block]


def render(notice: Notice, links: Links) -> Message:
    return _RENDERERS[notice.kind](notice, links)


def _with_list(
    notice: Notice,
    text: str,
    before: Iterable[Block],
    after: Iterable[Block] = (),
    beside: Accessory = nothing,
) -> Message:
    """Return a message with the tasks in its midst, as many as there is room for."""
    before, after = list(before), list(after)
    room = MOST_CHARACTERS - size(before) - size(after)
    return Message(plain(text), [*before, *listed(notice, room=room, beside=beside), *after])


def _warning(notice: Notice, links: Links) -> Message:
    told = announced(notice.kind, notice.matters)
    head, following = _hello(notice), what_next(notice.kind, told)
    return _with_list(
        notice,
        f"{head} {following}",
        [section(f"{head}\n{_found(notice)}")],
        [
            section(f"*{following}*"),
            *costs(told),
            section(_how_to_say_no(notice, links)),
            *buttons.answers(notice, links),
            *footer(notice, links),
        ],
        buttons.beside(notice, links),
    )


def _hello(notice: Notice) -> str:
    about = _about(notice)
    settled = [each.incident.settled_at for each in notice.matters]
    lately = [each for each in settled if each is not None]
    if len(lately) < len(settled):
        return f"Hello! A word about {about}."
    # A new post, not a reply in the old thread, of which Slack need not notify anybody.
    were, have = ("was", "it has") if len(settled) == 1 else ("were", "they have")
    return (
        f"Hello again! {about[:1].upper()}{about[1:]} {were} settled {date(max(lately))}, and "
        f"{have} come back."
    )


def _about(notice: Notice) -> str:
    """Return what a message is about, as far as it is not over."""
    targets = [target for each in notice.matters for target in open_targets(each)]
    return words.subject(tuple(targets), notice.matters[0].incident.identity)


def _reminder(notice: Notice, links: Links) -> Message:
    incident = notice.matters[0].incident
    found = condition(incident.identity.alertname)
    why = found.lasts if len(notice.matters) == 1 else found.last
    why = "others still wait" if incident.demand else why
    return _reply(notice, links, f"A reminder about {_about(notice)}: {why}.")


def _last_call(notice: Notice, links: Links) -> Message:
    return _reply(notice, links, f"The last message before anything happens to {_about(notice)}.")


def _reply(notice: Notice, links: Links, head: str) -> Message:
    text = f"{head} {what_next(notice.kind, announced(notice.kind, notice.matters))}"
    before = [section(" ".join(part for part in (text, _so_far(notice)) if part))]
    after = [section(_how_to_say_no(notice, links))]
    if len(notice.matters) == 1:
        return Message(plain(text), [*before, *after])
    return _with_list(notice, text, before, after)


def _status(notice: Notice, links: Links) -> Message:
    """The owner's message as things stand now. What no longer holds is not in it."""
    if notice.superseded:
        text = f"A newer message further down says how it is with {_all(notice)}."
        return Message(plain(text), [section(text)])
    if len(notice.matters) > 1:
        return _status_of_several(notice, links)
    [matter] = notice.matters
    incident = matter.incident
    if incident.state is IncidentState.NOTIFIED:
        return _warning(notice, links)
    how, about = state(notice.kind, matter), f"This was about {_all(notice)}."
    return _with_list(
        notice,
        f"{how} {about}",
        [section(how), section(f"{about}\n{_found(notice)}")],
        [*restarts(notice), *buttons.answers(notice, links), *footer(notice, links)],
        buttons.beside(notice, links),
    )


def _status_of_several(notice: Notice, links: Links) -> Message:
    how, about = together.standing(notice), f"This is about {_all(notice)}."
    told = announced(notice.kind, notice.matters)
    following = [what_next(notice.kind, told)] if told else []
    is_over = all(each.incident.is_final for each in notice.matters)
    return _with_list(
        notice,
        " ".join([about, how, *following]),
        [section(f"{about} {how}\n{_found(notice)}")],
        [
            *(section(f"*{each}*") for each in following),
            *costs(told),
            *([] if is_over else [section(_how_to_say_no(notice, links))]),
            *restarts(notice),
            *buttons.answers(notice, links),
            *footer(notice, links),
        ],
        buttons.beside(notice, links),
    )


def _all(notice: Notice) -> str:
    """Return what a message is about, what is over among it."""
    newest = {t.allocation_id: t for each in notice.matters for t in each.incident.targets}
    return words.subject(tuple(newest.values()), notice.matters[0].incident.identity)


def _closing(notice: Notice, _links: Links) -> Message:
    if len(notice.matters) > 1:
        text = f"This is over for {_all(notice)}. {together.standing(notice)}"
        return _with_list(notice, text, [section(text)], restarts(notice))
    [matter] = notice.matters
    text = state(notice.kind, matter)
    if holdings.is_about_holdings(matter.incident):
        return _with_list(notice, text, [section(text)], restarts(notice))
    # Others may have the same thread.
    text += f" This was about {words.subject(matter.incident.targets, matter.incident.identity)}."
    return Message(plain(text), [section(text), *restarts(notice)])


def _admins(notice: Notice, links: Links) -> Message:
    incident = notice.matters[0].incident
    # What is left of a text may be nothing, which Slack takes for no message.
    text = quoted_lines(notice.text, _ADMINS) or "Something that cannot be shown here."
    url = f"{links.public_url.rstrip('/')}/api/v1/incidents/{quote(incident.incident_id, safe='')}"
    facts = f"{code(incident.identity.alertname)} · {code(incident.identity.username)}"
    row = buttons.of_incident(notice, links)
    if notice.kind is MessageKind.BREAKER:
        row = buttons.of_breaker(notice, notice.breaker, links)
    return Message(text, [section(text), context([facts, link(url, "incident")]), *row])


_RENDERERS: dict[MessageKind, Callable[[Notice, Links], Message]] = {
    MessageKind.WARNING: _warning,
    MessageKind.REMINDER: _reminder,
    MessageKind.LAST_CALL: _last_call,
    MessageKind.STATUS: _status,
    MessageKind.CLOSING: _closing,
    MessageKind.ADMINS: _admins,
    MessageKind.BREAKER: _admins,
}


def _found(notice: Notice) -> str:
    """Say what was found; of several tasks each has its own numbers, in the list."""
    incident = notice.matters[0].incident
    texts = incident.annotations
    noticed = min(each.incident.opened_at for each in notice.matters)
    parts = [quoted(texts.get("summary", ""), _SENTENCE)]
    if len(notice.matters) == 1:
        parts.append(quoted(texts.get("description", ""), _DESCRIPTION))
    since = f"Noticed {date(noticed)}."
    parts += [holdings.asked(incident), " ".join([since, _so_far(notice)]).strip()]
    return "\n".join(part for part in parts if part)


def _so_far(notice: Notice) -> str:
    """Say what it costs by now, where it is a matter of GPUs that nobody uses."""
    used = condition(notice.matters[0].incident.identity.alertname).held
    found = [held_so_far(each.incident, notice.now) for each in notice.matters]
    total = together.added(found)
    if not used or total.is_small:
        return ""
    return f"{total.gpu_hours} {used} so far ({date(notice.now)})."


def _how_to_say_no(notice: Notice, links: Links) -> str:
    incident = notice.matters[0].incident
    deadlines = announced(notice.kind, notice.matters)
    found = condition(incident.identity.alertname)
    silence = link(silence_url(notice, links), "silence it in Alertmanager")
    if holdings.is_about_holdings(incident):
        return holdings.how_to_say_no(notice.matters[0], silence)
    if found.change and not deadlines:
        return (
            f"What helps: {found.change} {found.settles}. To hear no more of it, {silence} for as "
            "long as you like."
        )
    lead = "Do you still need it?" if deadlines else "To hear no more of it:"
    return (
        f"{lead} {found.settles}; or {silence} for as long as you like. If you are done with it, "
        "ending it yourself frees what it holds for others."
    )
