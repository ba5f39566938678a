"""Does Prometheus judge by our rules, in time, and send what it finds to the right place?"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from app.adapters.prometheus_status import LoadedGroup, Target
from app.durations import format_duration, parse_duration
from app.errors import UpstreamRejectedError, WatchdogError
from app.preflight.answers import Answers, PrometheusAnswers
from app.preflight.clock import judge_clock
from app.preflight.finding import Finding, missing, ok, some, warning
from app.preflight.shipped import GROUPS, missing_alerts, missing_groups, ours
from app.settings import Settings

STATE_METRICS = "/prom/det-state-metrics"
_JOB = "gpu-watchdog"
"""What the rules call the receiver's job."""
_EXPECTED = re.compile(r"vector\(1\)\[[^\]:]+:([0-9a-z]+)\]")
"""How rules say how many samples there should be: a step for each."""
_MISSED = 3
"""So many evaluations may be late before somebody should look."""
_PATIENCE = timedelta(seconds=5)
_CONFIGURE = "Compare with prometheus/prometheus.yml."


def judge_prometheus(answers: Answers) -> Iterator[Finding]:
    found = answers.prometheus
    if isinstance(found.version, WatchdogError):
        remedy = "See that it runs, and prometheus.url."
        if isinstance(found.version, UpstreamRejectedError):
            remedy = "Correct prometheus.url, username and password_file."
        yield missing("prometheus.reachable", str(found.version), remedy)
        return
    yield ok("prometheus.reachable", f"version {found.version}")
    if not isinstance(found.ahead, WatchdogError):
        yield from judge_clock("prometheus", found.ahead)
        if not isinstance(found.groups, WatchdogError):
            yield from _rules(found.groups, answers.at + found.ahead)
    if not isinstance(found.peers, WatchdogError):
        yield _peers(found.peers, answers.settings)
    if not isinstance(found.targets, WatchdogError):
        yield from _jobs(found.targets)
        if not isinstance(found.groups, WatchdogError):
            yield from _interval(found.targets, found.groups, answers.settings)
    yield from _refused(found)


def _refused(found: PrometheusAnswers) -> Iterator[Finding]:
    """Yield what it does not tell although it answers."""
    for question, answer in (
        *(("clock", found.ahead), ("rules", found.groups), ("alertmanagers", found.peers)),
        ("receiver", found.targets),
    ):
        if isinstance(answer, WatchdogError):
            remedy = "See Prometheus's log, and a proxy before it: it must let all reads through."
            yield missing(f"prometheus.{question}", str(answer), remedy)


def _rules(groups: Sequence[LoadedGroup], now: datetime) -> Iterator[Finding]:
    without, alerts = missing_groups(groups), missing_alerts(groups)
    if len(without) == len(GROUPS):
        words = "none of the watchdog's rules is loaded"
        yield missing("prometheus.rules", words, "Add alerting-rules/*.rules.yaml to rule_files.")
        return
    if without or alerts:
        yield missing(
            "prometheus.rules",
            f"not all rules are loaded; without {some(without or alerts)}",
            "Load all of alerting-rules/*.rules.yaml, of this version, and reload Prometheus.",
        )
    else:
        yield ok("prometheus.rules", f"{len(GROUPS)} groups are loaded")
    yield _health(ours(groups), now)


def _health(groups: Sequence[LoadedGroup], now: datetime) -> Finding:
    failing = [
        f"{rule.name}: {rule.last_error}"
        for group in groups
        for rule in group.rules
        if rule.health == "err"
    ]
    if failing:
        return missing(
            "prometheus.rule_health",
            f"{len(failing)} rules fail; {failing[0]}",
            "docs/runbooks/RuleEvaluationFailing.md",
        )
    late = [group.name for group in groups if _is_late(group, now)]
    if late:
        return missing(
            "prometheus.rule_health",
            f"not evaluated lately: {some(late)}",
            "See Prometheus's log and load: its rules take longer than their interval.",
        )
    return ok("prometheus.rule_health", "all of them are evaluated")


def _is_late(group: LoadedGroup, now: datetime) -> bool:
    if group.last_evaluation is None:
        # Prometheus has just been started; it begins with each group some time in its interval.
        return False
    allowed = _MISSED * timedelta(seconds=group.interval) + _PATIENCE
    return now - group.last_evaluation > allowed


def _peers(sent_to: Sequence[str], settings: Settings) -> Finding:
    name = "prometheus.alertmanagers"
    theirs = {_place(url) for url in sent_to}
    own = {_place(str(peer.url)) for peer in settings.alertmanagers}
    if not theirs:
        return missing(
            name,
            "it sends alerts to no Alertmanager",
            f"Name every Alertmanager under `alerting`. {_CONFIGURE}",
        )
    if theirs == own:
        return ok(name, f"it sends to {some(sorted(own))}")
    words = f"it sends to {some(sorted(theirs))}; configured are {some(sorted(own))}"
    if len(theirs) == len(own):
        return warning(
            name, words, "Make sure that these are the same; best write the same names in both."
        )
    return missing(
        name,
        words,
        "Name the same in `alertmanagers` and in Prometheus's `alerting`: each is asked before a "
        "stop.",
    )


def _place(url: str) -> str:
    """Return host and port, however the address is written."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _jobs(targets: Sequence[Target]) -> Iterator[Finding]:
    receivers = [each for each in targets if each.labels.get("job") == _JOB]
    masters = [each for each in targets if urlsplit(each.scrape_url).path == STATE_METRICS]
    if not receivers:
        yield missing(
            "prometheus.receiver",
            f"no job {_JOB} scrapes the receiver: nothing is known of who runs what",
            f"Add the job {_JOB} for the receiver's /metrics. {_CONFIGURE}",
        )
    elif _down(receivers):
        yield warning(
            "prometheus.receiver",
            f"the receiver cannot be scraped: {_down(receivers)[0].last_error}",
            "Start the receiver; see its address in the job, and listen_host.",
        )
    else:
        yield ok("prometheus.receiver", "the receiver is scraped")
    if not masters:
        yield missing(
            "prometheus.determined",
            "no job scrapes Determined's det-state-metrics",
            f"Add the job determined-master. {_CONFIGURE}",
        )
    elif _down(masters):
        why = _down(masters)[0].last_error
        remedy = "See that Prometheus can reach the master, and its address in the job."
        if "401" in why or "credentials" in why:
            remedy = "Let its credentials_file be determined.prometheus_token_file, and readable."
        yield missing(
            "prometheus.determined", f"det-state-metrics cannot be scraped: {why}", remedy
        )
    else:
        yield ok("prometheus.determined", "det-state-metrics are scraped")


def _down(targets: Sequence[Target]) -> list[Target]:
    return [each for each in targets if each.health == "down"]


def _interval(
    targets: Sequence[Target], groups: Sequence[LoadedGroup], settings: Settings
) -> Iterator[Finding]:
    """Compare with what the rules themselves count on: they say it in their expressions."""
    expected = _expected_interval(ours(groups))
    if expected is None:
        return
    others = Counter(
        f"{each.labels.get('job')} every {format_duration(each.scrape_interval)}"
        for each in targets
        if _is_ours(each) and each.scrape_interval and each.scrape_interval != expected
    )
    if others:
        yield missing(
            "prometheus.interval",
            f"the rules count on samples every {format_duration(expected)}, and there are "
            f"{some(sorted(others))}",
            f"Set scrape_interval to {format_duration(expected)}: else samples seem to be missing.",
        )
    elif settings.limits.evidence_age < 2 * expected:
        yield missing(
            "prometheus.interval",
            f"samples come every {format_duration(expected)}, and two of them are older than "
            f"limits.evidence_age: nothing would ever be stopped",
            f"Set limits.evidence_age to {format_duration(2 * expected)}.",
        )
    else:
        yield ok("prometheus.interval", f"samples come every {format_duration(expected)}")


def _expected_interval(groups: Sequence[LoadedGroup]) -> timedelta | None:
    steps = Counter(
        step for group in groups for rule in group.rules for step in _EXPECTED.findall(rule.query)
    )
    if not steps:
        return None
    found = parse_duration(steps.most_common(1)[0][0])
    return found if isinstance(found, timedelta) else None


def _is_ours(target: Target) -> bool:
    return target.labels.get("job") == _JOB or "det_agent_id" in target.labels
