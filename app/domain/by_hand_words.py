"""What speaks against a stop, in words, for the person who asks for one all the same (S12)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.domain.reasons import Reason

R = Reason


@dataclass(frozen=True, slots=True)
class Objection:
    """What would keep the watchdog itself from it, or what prevents it whoever asks."""

    reason: Reason
    words: str
    """A sentence; parts of it may be written by users."""
    rule: str = ""
    """The safety rule, `S4`. Empty: it is a matter of the policy, or of Determined."""
    allocation_id: str = ""
    """Which of the incident's allocations it is about. Empty: the incident as a whole."""


_SENTENCES: Mapping[Reason, tuple[str, str]] = {
    R.NOT_WARNED: ("S1", "Its owner has no valid warning"),
    R.GRACE_RUNS: ("S1", "The owner's grace period runs"),
    R.OWNER_UNREACHABLE: ("S1", "Its owner cannot be told"),
    R.ALLOCATION_ENDED: ("S2", "Determined does not list it any more"),
    R.OWNER_CHANGED: ("S2", "It is not the task of the owner whom the incident names"),
    R.TYPE_DIFFERS: ("S2", "The alert names another type of task"),
    R.STOPS_OTHERS: ("S2", "Determined would stop other tasks with it"),
    R.NOT_FIRING: ("S3", "Its alert does not fire"),
    R.EXPRESSIONS_MISSING: ("S3", "Nothing can prove its alert"),
    R.SILENCED: ("S4", "A silence covers it"),
    R.INHIBITED: ("S4", "Another alert inhibits its alert"),
    R.MUTED: ("S4", "A time interval mutes its alert"),
    R.NOT_IN_ALERTMANAGER: ("S4", "An Alertmanager does not have its alert active"),
    R.DETERMINED_UNAVAILABLE: ("S5", "Determined cannot be read"),
    R.PROMETHEUS_UNAVAILABLE: ("S5", "Prometheus cannot be read"),
    R.ALERTMANAGER_UNAVAILABLE: ("S5", "An Alertmanager cannot be read"),
    R.SLACK_UNAVAILABLE: ("S5", "Slack does not say where its owner is told"),
    R.OWNER_UNKNOWN: ("S5", "Its owner is not known"),
    R.HEARTBEAT_MISSING: ("S5", "The heartbeat is missing"),
    R.STOP_ELSEWHERE: ("S6", "Another incident stops it already"),
    R.BREAKER: ("S7", "The breaker is tripped"),
    R.NEW_EPISODE: ("S9", "Its alert began again after the warning"),
    R.HOLD_ENDED: ("S9", "What held it ended after the warning"),
    R.RECIPIENT_CHANGED: ("S1", "Its owner is told elsewhere than the warning went"),
    R.ACTION_CHANGED: ("S1", "Its owner was told of something milder"),
    R.MODE: ("S10", "Nothing is stopped in this mode, or by this policy"),
    R.EXEMPT: ("S11", "The configuration exempts it"),
    R.KEPT: ("S13", "Somebody keeps it"),
    R.OUTSIDE_HOURS: ("S13", "It is night for its owner"),
    R.NO_NEED: ("", "The user is within the limit, or nobody else waits"),
    R.NO_USE: ("", "Nobody who waits could begin on what it gives back"),
    R.ROOM_UNKNOWN: ("", "It is not known where there is room"),
    R.NOBODY_WAITS: ("", "The policy stops only while somebody waits"),
    R.NOT_STOPPABLE: ("", "Determined cannot stop it"),
    R.NOT_PAUSABLE: ("", "It cannot be paused by itself"),
    R.STOP_REQUESTED: ("", "Somebody asked for a stop, which is taken back"),
}


def objection(reason: Reason, detail: str = "", *, allocation_id: str = "") -> Objection:
    rule, sentence = _SENTENCES.get(reason, ("", reason.replace("_", " ").capitalize()))
    words = f"{sentence}: {detail}." if detail else f"{sentence}."
    return Objection(reason, words, rule, allocation_id)


def in_short(objections: Iterable[Objection]) -> str:
    """Return the reasons alone, each once, for one line of the history."""
    return ", ".join(dict.fromkeys(f"{each.rule} {each.reason}".strip() for each in objections))
