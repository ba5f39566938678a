"""Does every Alertmanager lead to the watchdog, at all hours, and to nobody else's hands?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from app.adapters.alertmanager_status import PeerConfiguration, PeerStatus, Receiver
from app.domain.alert import HEARTBEAT, IDLE
from app.durations import format_duration, parse_duration
from app.errors import UpstreamRejectedError, WatchdogError
from app.preflight.answers import Answers, PeerAnswers
from app.preflight.clock import judge_clock
from app.preflight.finding import Finding, missing, ok, some, warning
from app.preflight.routing import Labels, Taken, inhibits, ours, ways
from app.settings import Settings
from app.store.inspection import Inspection

_COMPARE = "Compare with alertmanager/alertmanager.yml."
_BEAT: Labels = {"alertname": HEARTBEAT, "severity": "none"}


def _alert(alertname: str, scope: str, policy: str, **labels: str) -> Labels:
    own = {"username": "somebody", "resource_pool": "default", "severity": "warning"}
    return {"alertname": alertname, "scope": scope, "policy": policy, **own, **labels}


_OF_TASK = _alert(IDLE, "allocation", "reclaim", allocation_id="1.1", task_id="1")
_OF_USER = _alert("UserOverSlotLimit", "user", "slots")
_INHIBITED: Sequence[tuple[Labels, Labels]] = (
    (_alert("GPUSignalsDisagree", "agent", "telemetry", allocation_id="1.1"), _OF_TASK),
    (_alert("GPUSamplesMissing", "agent", "telemetry", allocation_id="1.1"), _OF_TASK),
    (_alert("GPUMappingIncomplete", "agent", "telemetry", allocation_id="1.1"), _OF_TASK),
)
"""Doubt about an allocation, and what must not be said of it meanwhile."""


def judge_peers(answers: Answers) -> Iterator[Finding]:
    for peer in answers.alertmanagers:
        for finding in _judge_peer(peer, answers.settings):
            yield finding.of(peer.name)
    if isinstance(answers.database, Inspection):
        yield _arrived(answers.database.heartbeat_at, answers)


def _judge_peer(peer: PeerAnswers, settings: Settings) -> Iterator[Finding]:
    status = peer.status
    if isinstance(status, WatchdogError):
        remedy = "See that it runs, and its url under `alertmanagers`."
        if isinstance(status, UpstreamRejectedError):
            remedy = "Correct its url, username and password_file under `alertmanagers`."
        why = str(status).removeprefix(f"Alertmanager {peer.name} ")
        yield missing("alertmanager.reachable", why, remedy)
        return
    yield ok("alertmanager.reachable", f"version {status.version}")
    yield from judge_clock("alertmanager", peer.ahead)
    yield _cluster(status, len(settings.alertmanagers))
    yield _access(peer)
    yield from _configuration(status.configuration, settings)


def _cluster(status: PeerStatus, configured: int) -> Finding:
    members = len(status.members) if status.is_clustered else 1
    if members == configured:
        return ok("alertmanager.cluster", f"{members} of {configured} in its cluster")
    if members > configured:
        return missing(
            "alertmanager.cluster",
            f"its cluster has {members} members, {configured} are configured",
            "Add the others to `alertmanagers`: each is asked before a stop.",
        )
    return warning(
        "alertmanager.cluster",
        f"its cluster has {members} of the {configured} that are configured",
        "Let them know of each other (--cluster.peer): a silence is only where it was made.",
    )


def _access(peer: PeerAnswers) -> Finding:
    if peer.is_open is True and not peer.is_local:
        return warning(
            "alertmanager.access",
            "whoever reaches it needs no password: anybody could silence, and so stop the watchdog",
            "Put basic_auth or a proxy before it: docs/security.md.",
        )
    words = "only from this machine" if peer.is_local else "only with a password"
    return ok("alertmanager.access", words)


def _configuration(found: PeerConfiguration, settings: Settings) -> Iterator[Finding]:
    receivers = ours(found.receivers)
    if not receivers:
        yield missing(
            "alertmanager.receiver",
            "no receiver posts to /api/v1/alerts",
            f"Add the receiver gpu-watchdog. {_COMPARE}",
        )
        return
    names = {each.name for each in receivers}
    yield ok("alertmanager.receiver", f"the receiver {some(sorted(names))}")
    own = {
        name: [way for way in ways(found.route, labels) if way.receiver in names]
        for name, labels in (("task", _OF_TASK), ("user", _OF_USER), ("heartbeat", _BEAT))
    }
    yield _routes(own)
    yield _heartbeat_route(own["heartbeat"], settings.limits.heartbeat_age)
    yield _hours([way for each in own.values() for way in each])
    # Those that nothing leads to may be somebody else's.
    used = {way.receiver for each in own.values() for way in each} or names
    yield from _hooks([each for each in receivers if each.name in used])
    yield _inhibition(found)


def _routes(own: Mapping[str, Sequence[Taken]]) -> Finding:
    without = [f"of a {scope}" for scope in ("task", "user") if not own[scope]]
    if without:
        return missing(
            "alertmanager.route",
            f"no route leads alerts {' and '.join(without)} to the watchdog",
            f"Add its route, above any that takes them first. {_COMPARE}",
        )
    return ok("alertmanager.route", "alerts of tasks and of users are sent to the watchdog")


def _heartbeat_route(own: Sequence[Taken], longest: timedelta) -> Finding:
    name = "alertmanager.heartbeat_route"
    if not own:
        return missing(
            name,
            "no route leads the heartbeat to the watchdog, which then stops nothing",
            f"Add the route for {HEARTBEAT}, as the first one. {_COMPARE}",
        )
    pause = min(_duration(way.group_interval) + _duration(way.repeat_interval) for way in own)
    if pause >= longest:
        return missing(
            name,
            f"the heartbeat comes every {format_duration(pause)} at most; after "
            f"{format_duration(longest)} the watchdog stops nothing",
            f"Give its route group_interval: 15s and repeat_interval: 30s. {_COMPARE}",
        )
    return ok(name, f"the heartbeat comes every {format_duration(pause)} at most")


def _duration(text: str) -> timedelta:
    """Read a duration of Alertmanager's. One in years, which nobody else writes, is long."""
    try:
        found = parse_duration(text)
    except ValueError:
        return timedelta(days=365)
    return found if isinstance(found, timedelta) else timedelta()


def _hours(own: Sequence[Taken]) -> Finding:
    hours = sorted({name for way in own for name in way.hours})
    if hours:
        return warning(
            "alertmanager.hours",
            f"its routes to the watchdog are muted by time intervals: {some(hours)}",
            "Remove them there; set waking_hours in the watchdog's `defaults` instead (S13).",
        )
    return ok("alertmanager.hours", "its routes are open at all hours")


def _hooks(receivers: Sequence[Receiver]) -> Iterator[Finding]:
    hooks = [hook for receiver in receivers for hook in receiver.webhook_configs]
    types = [(hook.http_config.get("authorization") or {}).get("type") for hook in hooks]
    # Alertmanager writes the default out; where it does not, it is the default.
    sure = [bool(hook.http_config.get("authorization")) for hook in hooks]
    if not all(sure) or {each for each in types if each} - {"Bearer"}:
        yield missing(
            "alertmanager.token",
            "it shows no bearer token to the watchdog, which answers 401",
            "Set http_config.authorization.credentials_file to the token of role alertmanager.",
        )
    else:
        yield ok("alertmanager.token", "it shows a bearer token")
    if all(hook.send_resolved and not hook.max_alerts for hook in hooks):
        yield ok("alertmanager.webhook", "resolved alerts are sent too, and none is cut off")
    else:
        yield warning(
            "alertmanager.webhook",
            "its webhook leaves out resolved alerts, or cuts off what exceeds max_alerts",
            "Set send_resolved: true and max_alerts: 0.",
        )


def _inhibition(found: PeerConfiguration) -> Finding:
    without = [
        source["alertname"]
        for source, target in _INHIBITED
        if not any(inhibits(rule, source, target) for rule in found.inhibit_rules)
    ]
    if without:
        return warning(
            "alertmanager.inhibition",
            f"doubt does not keep {IDLE} back: {some(without)}",
            f"Add the inhibit_rules. {_COMPARE}",
        )
    return ok("alertmanager.inhibition", f"doubt keeps {IDLE} back")


def _arrived(at: datetime | None, answers: Answers) -> Finding:
    name = "alertmanager.heartbeat"
    if at is None:
        return warning(
            name,
            "the heartbeat has never arrived",
            "Start the receiver, wait a minute, and check again: "
            "docs/runbooks/WatchdogHeartbeat.md",
        )
    age = max(answers.at - at, timedelta())
    if age > answers.settings.limits.heartbeat_age:
        return missing(
            name,
            f"the heartbeat arrived last {at:%Y-%m-%d %H:%M} UTC; the watchdog stops nothing",
            "See that the receiver runs: docs/runbooks/WatchdogHeartbeat.md",
        )
    return ok(name, f"the heartbeat arrived {age.total_seconds():.0f} s ago")
