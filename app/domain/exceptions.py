"""Silences and exemptions that protect much: for long, or more than one owner."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.cluster import Allocation, Snapshot
from app.domain.exemption import MATCHED, Exemption
from app.domain.matchers import Matcher, Silence

LONG = timedelta(days=7)
_OF_A_TASK = frozenset({"allocation_id", "task_id"})
_OF_SOME_ALERT = frozenset({"resource_pool", "scope", "severity", "task_type"})
"""Labels that every alert of ours has, of which any value may come."""


@dataclass(frozen=True, slots=True)
class Protection:
    """One silence or exemption that is in force."""

    matchers: tuple[Matcher, ...]
    by: str
    """Who made the silence. Empty: it is an exemption of the configuration."""
    reason: str
    until: datetime
    is_long: bool
    owners: int | None
    """How many owners it covers. None: it is not known who there is."""


@dataclass(frozen=True, slots=True)
class Exceptions:
    protections: tuple[Protection, ...] = ()
    """The latest end first."""
    unread: tuple[str, ...] = ()
    """Which peers could not be read, each with the reason."""
    owners_known: bool = True


@dataclass(frozen=True, slots=True)
class Names:
    """What matchers of silences can be about: what they are asked about to see how wide they are.

    `users`: None if Determined could not be read.
    """

    alerts: frozenset[str]
    policies: frozenset[str]
    users: frozenset[str] | None
    running: tuple[Allocation, ...] = ()
    others: Mapping[str, Collection[str]] = field(default_factory=dict)
    """The values of labels that some alerts have beside those that all have."""


def owners_in(snapshot: Snapshot) -> frozenset[str]:
    """Return everybody who may have tasks to protect: active accounts, and whose tasks run."""
    active = {name for name, user in snapshot.users.items() if user.active}
    return frozenset(active | {each.username for each in snapshot.running if each.username})


def protections(
    silences: Iterable[Silence], exempt: Iterable[Exemption], names: Names, now: datetime
) -> tuple[Protection, ...]:
    """Return those in force that last long or cover several owners, the latest end first."""
    found = [_silence(each, names) for each in _once(silences) if each.is_active(now)]
    found += [_exemption(each, names, now) for each in exempt if not each.is_over(now)]
    told = [each for each in found if each and (each.is_long or (each.owners or 0) > 1)]
    return tuple(sorted(told, key=lambda each: each.until, reverse=True))


def _once(silences: Iterable[Silence]) -> Collection[Silence]:
    """Peers tell each other: of one silence each of them has a copy."""
    return {each.silence_id: each for each in silences}.values()


def _silence(silence: Silence, names: Names) -> Protection | None:
    """Return what a silence protects; None if it is about none of our alerts."""
    if not _is_ours(silence.matchers, names):
        return None
    owners = None if names.users is None else len(_owners(silence.matchers, names, names.users))
    is_long = silence.ends_at - silence.starts_at > LONG
    by = silence.created_by or "somebody"
    return Protection(silence.matchers, by, silence.comment, silence.ends_at, is_long, owners)


def _exemption(exemption: Exemption, names: Names, now: datetime) -> Protection:
    owners = None
    if names.users is not None:
        unknown: dict[str, Sequence[str] | None] = dict.fromkeys(MATCHED)
        owners = sum(exemption.covers({**unknown, "username": (each,)}) for each in names.users)
    is_long = exemption.until - now > LONG
    return Protection(exemption.matchers, "", exemption.reason, exemption.until, is_long, owners)


def _is_ours(matchers: Sequence[Matcher], names: Names) -> bool:
    known: dict[str, Collection[str]] = {"alertname": names.alerts, "policy": names.policies}
    for name in {each.name for each in matchers} - _OF_A_TASK - _OF_SOME_ALERT - {"username"}:
        # Of a label that an alert does not have Alertmanager takes the value for empty.
        values = known[name] if name in known else {"", *names.others.get(name, ())}
        asked = [each for each in matchers if each.name == name]
        if not any(_all_match(asked, {name: value}) for value in values):
            return False
    return True


def _owners(
    matchers: Sequence[Matcher], names: Names, users: Collection[str]
) -> Collection[str | None]:
    """Return whom it covers: those of the tasks that it names, or all users that it does not leave
    out, whatever they run.
    """
    of_user = [each for each in matchers if each.name == "username"]
    of_task = [each for each in matchers if each.name in _OF_A_TASK]
    if not of_task:
        return {each for each in users if _all_match(of_user, {"username": each})}
    return {
        each.username
        for each in names.running
        if _all_match(of_task, {"allocation_id": each.allocation_id, "task_id": each.task_id})
        and _all_match(of_user, {"username": each.username or ""})
    }


def _all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(each.matches(labels) for each in matchers)
