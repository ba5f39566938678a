"""Does the configuration go together with the people and the rules that there are?"""

from collections.abc import Iterator, Mapping, Sequence

from app.adapters.prometheus_status import LoadedGroup
from app.domain.alert import ADMIN_SCOPES
from app.errors import WatchdogError
from app.preflight.answers import Answers
from app.preflight.finding import Finding, missing, ok, some, warning
from app.preflight.shipped import missing_groups
from app.settings import Settings


def judge_configuration(answers: Answers) -> Iterator[Finding]:
    settings = answers.settings
    yield from _exemptions(answers)
    groups, snapshot = answers.prometheus.groups, answers.determined.snapshot
    # Of rules that are not all there it cannot be said which policies they name.
    if not isinstance(groups, WatchdogError) and not missing_groups(groups):
        yield from _policies(settings, policies_of(groups))
    if not isinstance(snapshot, WatchdogError):
        yield from _users(settings, sorted(snapshot.users))


def policies_of(groups: Sequence[LoadedGroup]) -> Mapping[str, str]:
    """Return the policies that rules name which the receiver acts on, each with such a rule."""
    return {
        rule.labels["policy"]: rule.name
        for group in groups
        for rule in group.rules
        if rule.labels.get("policy") and rule.labels.get("scope") not in ADMIN_SCOPES
    }


def _exemptions(answers: Answers) -> Iterator[Finding]:
    """Whoever is named in an exemption may still rely on it, though it has come to its end."""
    expired = answers.settings.rulebook().expired(answers.at)
    for each in expired:
        yield missing(
            "configuration.exemptions",
            f"“{each.reason}” ended {each.until:%Y-%m-%d %H:%M} UTC",
            "Remove it from `exempt`, or prolong it.",
        )
    if not expired:
        yield ok("configuration.exemptions", f"{len(answers.settings.exempt)} exemptions in force")


def _policies(settings: Settings, named: Mapping[str, str]) -> Iterator[Finding]:
    unknown = [f"{name} ({rule})" for name, rule in named.items() if name not in settings.policies]
    if unknown:
        yield warning(
            "configuration.policies",
            f"rules name policies that are not configured: {some(unknown)}",
            "Add them under `policies`; until then their alerts are only recorded.",
        )
    unused = [name for name in settings.policies if name not in named]
    if unused:
        yield warning(
            "configuration.policies",
            f"no rule names the policy {some(unused)}",
            "Name it in the label `policy` of a rule, or remove it from `policies`.",
        )
    if not unknown and not unused:
        yield ok("configuration.policies", f"{len(named)} policies, those that the rules name")


def _users(settings: Settings, known: Sequence[str]) -> Iterator[Finding]:
    exempt = {
        matcher.value
        for each in settings.exempt
        for matcher in each.matchers
        if matcher.name == "username" and not matcher.is_regex and matcher.is_equal
    }
    unknown = sorted((exempt | set(settings.users)) - set(known))
    if unknown:
        yield warning(
            "configuration.users",
            f"Determined has no user {some(unknown)}",
            "Correct the name under `users` or `exempt`, or remove it.",
        )
    else:
        yield ok("configuration.users", f"{len(settings.users)} users, whom Determined knows")
