"""Does Determined answer, and may the account do what it is for?"""

from collections.abc import Iterator, Sequence

from app.adapters.determined_status import Account, Master
from app.domain.cluster import Snapshot
from app.errors import UpstreamRejectedError, WatchdogError
from app.preflight.answers import Answer, DeterminedAnswers
from app.preflight.clock import judge_clock
from app.preflight.finding import Finding, missing, ok, some, warning

_KILLS = ("PERMISSION_TYPE_UPDATE_EXPERIMENT", "PERMISSION_TYPE_UPDATE_NSC")
"""What an account needs to stop others' tasks where roles decide (RBAC)."""


def judge_determined(answers: DeterminedAnswers) -> Iterator[Finding]:
    master, account = answers.master, answers.account
    if isinstance(master, WatchdogError):
        yield missing(
            "determined.reachable", str(master), "See that the master runs, and determined.url."
        )
        return
    yield ok("determined.reachable", f"version {master.version}")
    yield from judge_clock("determined", answers.ahead)
    yield _login(account)
    if isinstance(account, WatchdogError):
        return
    yield _account(account, master, answers.permissions, answers.snapshot)
    yield _metrics(answers.state_metrics)
    yield _agents(answers.snapshot)


def _login(account: Answer[Account]) -> Finding:
    if isinstance(account, WatchdogError):
        return missing(
            "determined.login",
            str(account),
            "Correct determined.username and its password_file, or make a new token_file.",
        )
    return ok("determined.login", f"as {account.username}")


def _account(
    account: Account,
    master: Master,
    permissions: Answer[Sequence[str]],
    snapshot: Answer[Snapshot],
) -> Finding:
    """Without roles every account may stop others' tasks; an admin's rights are more than that."""
    name = "determined.account"
    if master.has_roles and not account.admin:
        if isinstance(permissions, WatchdogError):
            return warning(name, str(permissions), "See by hand which roles the account has.")
        lacking = [each for each in _KILLS if each not in permissions]
        if lacking:
            return missing(
                name,
                f"{account.username} may not everywhere: {some(lacking)}",
                "Give the account a role with these permissions for the whole cluster.",
            )
    if account.admin:
        return warning(
            name,
            f"{account.username} is an admin of Determined, which the watchdog has no need of",
            "Make an account without admin's rights for it: docs/security.md.",
        )
    if isinstance(snapshot, Snapshot):
        hidden = [each.allocation_id for each in snapshot.running if each.username is None]
        if hidden:
            return warning(
                name,
                f"it does not see whose these are: {some(hidden, 3)}",
                "Let the account see all workspaces; nothing is done about these tasks.",
            )
    return ok(name, f"{account.username} may stop others' tasks, and is no admin")


def _metrics(answer: Answer[bool]) -> Finding:
    if answer is True:
        return ok("determined.metrics", "det-state-metrics are on")
    if answer is False:
        return missing(
            "determined.metrics",
            "the master has no det-state-metrics",
            "Set observability.enable_prometheus: true in the master's configuration.",
        )
    return missing("determined.metrics", str(answer), "See the master's log.")


def _agents(answer: Answer[Snapshot]) -> Finding:
    if isinstance(answer, WatchdogError):
        remedy = "See the master's log."
        if isinstance(answer, UpstreamRejectedError):
            remedy = "Let the account read agents, resource pools, users and tasks."
        return missing("determined.agents", str(answer), remedy)
    slots = sum(answer.agent_slots.values())
    if not slots:
        return warning(
            "determined.agents",
            f"{len(answer.agent_slots)} agents without a GPU",
            "See `det agent list`: there is nothing to watch.",
        )
    return ok("determined.agents", f"{len(answer.agent_slots)} agents with {slots} slots")
