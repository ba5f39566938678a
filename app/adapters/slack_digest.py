"""The digests in words: from figures to Slack's blocks. Pure.

They tell admins how things stand and what they can do about it. Who is in a table has done nothing
wrong: it is sorted by size, and says of whom the figures are.
"""

from collections.abc import Iterator, Sequence

from app.adapters.slack_blocks import Block, context, section
from app.adapters.slack_messages import Message
from app.adapters.slack_tables import count, counted, figure, table
from app.adapters.slack_text import date, plain, quoted
from app.domain.digest import Account, Deed, Row, Usage, WeeklyDigest, WeekTally
from app.domain.exceptions import Exceptions, Protection
from app.domain.matchers import Matcher

MOST_LISTED = 10
_PART = 150
"""Characters of what a person wrote, within a line."""
_ERROR = 300
_MATCHERS = 160
_MOST_PEERS = 3
_WHOLE = 0.995
_COLUMNS = (Deed.FOUND, Deed.WARNED, Deed.KEPT, Deed.DISMISSED, Deed.STOPPED, Deed.FAILED)
_MEANING = (
    "held: GPUs that tasks had. used and idle: whether these worked, looked at once a minute; "
    "short pauses are idle time too, and a GPU that could not be seen is neither. reclaimed: how "
    "long GPUs had been held while the alert's condition held, until a stop freed them. `?`: not "
    "known."
)
_ADVICE = (
    "found: alerts that began. kept: owners said that they need it. dismissed: admins called it a "
    "false alarm. Where either is often so, the rule may ask too much: its runbook says what it "
    "looks at, and its limits are in `thresholds.rules.yaml`."
)


def weekly(digest: WeeklyDigest) -> Message:
    tally = digest.tally
    head = f"GPU Watchdog, from {date(tally.since)} to {date(tally.until)}"
    summary = [*_usage(digest), *_reclaimed(digest), *_deeds(tally)]
    first = section("\n".join([f"*{head}*", *summary]))
    blocks = [first, *_accounts(digest), *_alerts(tally)]
    blocks += [section(each) for each in _exceptions(digest.exceptions)]
    return Message(plain(" ".join([f"{head}.", *summary])), blocks)


def _usage(digest: WeeklyDigest) -> Iterator[str]:
    usage, total = digest.usage, digest.total
    if not isinstance(usage, Usage):
        yield f"How many GPU-hours were held, used and idle is not known. {quoted(usage, _ERROR)}."
        return
    if total.held is None:
        yield "No GPU was held."
    else:
        held, used, idle = map(figure, (total.held, total.used, total.idle))
        yield f"{held} GPU-hours were held: {used} used, {idle} idle."
    if usage.covered < _WHOLE:
        share = f"{usage.covered:.0%}".replace("%", " %")
        yield f"Prometheus has figures for {share} of this time; the rest is missing from all sums."


def _reclaimed(digest: WeeklyDigest) -> Iterator[str]:
    if digest.tally.gpus:
        yield (
            f"Stops freed {counted(digest.tally.gpus, 'GPU')}, which had been held for "
            f"{figure(digest.total.reclaimed)} GPU-hours since their alerts' conditions began."
        )


def _deeds(tally: WeekTally) -> Iterator[str]:
    if not tally.deeds:
        yield "No alert began, nobody was warned, and nothing was stopped."
        return
    total = {each: count(tally.total(each)) for each in Deed}
    by_hand = f" ({count(tally.by_hand)} of them asked for)" if tally.by_hand else ""
    yield (
        f"Warnings: {total[Deed.WARNED]}; keeps: {total[Deed.KEPT]}; dismissed as false alarms: "
        f"{total[Deed.DISMISSED]}; stops: {total[Deed.STOPPED]}{by_hand}; failed stops: "
        f"{total[Deed.FAILED]}."
    )
    if tally.total(Deed.FAILED):
        yield "`GET /api/v1/incidents?state=escalated` lists those that a person still has to end."
    if tally.total(Deed.UNREACHABLE):
        yield (
            f"Times that an owner could not be reached: {total[Deed.UNREACHABLE]}. Nothing of "
            "theirs is stopped; `gpu-watchdog users check` lists who cannot be reached, and why."
        )


def _accounts(digest: WeeklyDigest) -> Iterator[Block]:
    by_user, by_pool = digest.by_user, digest.by_pool
    if by_user.rows:
        yield section(f"*GPU-hours by user*\n{_account(by_user, 'user')}")
        yield section(f"*GPU-hours by pool*\n{_account(by_pool, 'pool')}")
        yield context([_MEANING])


def _account(account: Account, what: str) -> str:
    rows = [_cells(row.name, row) for row in account.rows]
    if account.others:
        rows.append(_cells(f"{count(account.others_count)} others", account.others))
    return table((what, "held", "used", "idle", "reclaimed"), rows)


def _cells(name: str, row: Row) -> Sequence[str]:
    figures = (row.held, row.used, row.idle, row.reclaimed)
    return (name, *(figure(each) for each in figures))


def _alerts(tally: WeekTally) -> Iterator[Block]:
    if not tally.deeds:
        return
    found = {name: [tally.deeds[name, each] for each in _COLUMNS] for name, _ in tally.deeds}
    ranked = sorted(found.items(), key=lambda pair: ([-each for each in pair[1]], pair[0]))
    rows = [(name, *map(count, counts)) for name, counts in ranked[:MOST_LISTED]]
    rest = [counts for _, counts in ranked[MOST_LISTED:]]
    if rest:
        sums = map(sum, zip(*rest, strict=True))
        rows.append((f"{count(len(rest))} others", *map(count, sums)))
    yield section(f"*What the rules found*\n{table(('alert', *_COLUMNS), rows)}")
    yield context([_ADVICE])


def _exceptions(exceptions: Exceptions) -> Iterator[str]:
    """Yield a part for each, so that no number of them breaks Slack's limits."""
    found, unread = exceptions.protections, exceptions.unread[:_MOST_PEERS]
    head = "*Silences and exemptions that last longer than 7 days or cover several owners*"
    if not found and not unread and exceptions.owners_known:
        head += "\nThere are none."
    yield head
    yield from (f"• {_protection(each)}" for each in found[:MOST_LISTED])
    if len(found) > MOST_LISTED:
        yield f"… and {count(len(found) - MOST_LISTED)} more"
    for each in unread:
        yield f"• What is silenced on a peer is not known. {quoted(each, _PART)}"
    if not exceptions.owners_known:
        yield "Determined could not be read: which cover several owners is not known."


def _protection(protection: Protection) -> str:
    what = f"Silence by {quoted(protection.by, 40)}" if protection.by else "Exemption"
    text = ", ".join(map(_matcher, protection.matchers)).replace("`", "'")
    matchers = f"`{quoted(text, _MATCHERS) or 'everything'}`"
    reason = f" (“{quoted(protection.reason, 60)}”)" if protection.reason else ""
    owners = protection.owners
    covers = f", covers {count(owners)} owners" if owners is not None and owners > 1 else ""
    return f"{what}, until {date(protection.until)}{covers}: {matchers}{reason}"


def _matcher(matcher: Matcher) -> str:
    operator = ("=~" if matcher.is_equal else "!~") if matcher.is_regex else "="
    if not matcher.is_regex and not matcher.is_equal:
        operator = "!="
    return f'{matcher.name}{operator}"{matcher.value}"'
