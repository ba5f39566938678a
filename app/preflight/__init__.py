"""Is every system ready for the watchdog? Asked before the first start, and when in doubt."""

from collections.abc import Iterable, Iterator

from app.preflight.alertmanager import judge_peers
from app.preflight.answers import Answers
from app.preflight.asking import ask
from app.preflight.configuration import judge_configuration
from app.preflight.database import judge_database
from app.preflight.determined import judge_determined
from app.preflight.finding import Finding, State, not_asked
from app.preflight.prometheus import judge_prometheus
from app.preflight.secrets import judge_secrets, read_secrets
from app.preflight.slack import judge_slack
from app.preflight.unwatched import judge_unwatched
from app.settings import Settings

__all__ = ["QUESTIONS", "Finding", "State", "judge", "preflight", "secrets"]

QUESTIONS = {
    "configuration": ("exemptions", "policies", "users"),
    "secrets": ("files", "permissions"),
    "database": ("reachable", "schema", "disk"),
    "determined": ("reachable", "clock", "login", "account", "metrics", "agents"),
    "prometheus": (
        *("reachable", "clock", "rules", "rule_health", "alertmanagers"),
        *("receiver", "determined", "interval"),
    ),
    "alertmanager": (
        *("reachable", "clock", "cluster", "access", "receiver", "route", "heartbeat_route"),
        *("hours", "token", "webhook", "inhibition", "heartbeat"),
    ),
    "slack": ("token", "scopes", "admin_channel", "buttons"),
    "unwatched": (*("exporters", "gpus", "labels", "profiling", "mig", "allocations", "owners"),),
}
"""All that is asked, by system. docs/check.md explains each."""


async def preflight(settings: Settings) -> list[Finding]:
    """Ask everything; a system that does not answer keeps none of the others from being asked."""
    return judge(await ask(settings))


def secrets(settings: Settings) -> list[Finding]:
    """Read every file that holds a secret, and ask nobody."""
    return list(judge_secrets(read_secrets(settings)))


def judge(answers: Answers) -> list[Finding]:
    """Return a finding for every question, in their order; of some, one for each that is wrong."""
    found = [
        *judge_configuration(answers),
        *judge_secrets(answers.secrets),
        *judge_database(answers.database),
        *judge_determined(answers.determined),
        *judge_prometheus(answers),
        *judge_peers(answers),
        *judge_slack(answers.slack, answers.settings),
        *judge_unwatched(answers),
    ]
    found += _left_out(found)
    order = [f"{system}.{question}" for system, each in QUESTIONS.items() for question in each]
    return sorted(found, key=lambda finding: order.index(finding.id))


def _left_out(found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield what could not be judged, because something that it hangs on did not answer."""
    known = {finding.id for finding in found}
    for system, questions in QUESTIONS.items():
        for question in questions:
            if f"{system}.{question}" not in known:
                yield not_asked(
                    f"{system}.{question}",
                    "not known, because of what is missing",
                    "Mend that first, and check again.",
                )
