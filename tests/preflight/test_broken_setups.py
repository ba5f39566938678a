"""Each breaks one thing of a sound set-up, and exactly its culprit and remedy must be named."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.cluster import Container
from app.errors import (
    ConfigurationError,
    StoreUnavailableError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
    WatchdogError,
)
from app.preflight import QUESTIONS, Finding, State, judge
from app.preflight.answers import SecretFile
from app.store.inspection import Inspection
from tests.preflight import breaks as b
from tests.preflight.breaks import Break
from tests.preflight.parts import NOW
from tests.preflight.sound import Setup

MISSING, WARNING = State.MISSING, State.WARNING
ALL_IDS = [f"{system}.{question}" for system, each in QUESTIONS.items() for question in each]
UNREACHABLE = UpstreamUnavailableError("it cannot be reached (ConnectError)")
REFUSED = UpstreamRejectedError("it answered 401", code="401")
LATE = timedelta(seconds=90)
ENDED = {"matchers": ['username="alice"'], "reason": "thesis", "until": "2026-01-31"}
STRANGER = {"matchers": ['username="mallory"'], "reason": "thesis", "until": "2999-01-31"}
EXPOSED = SecretFile(Path("bot_token"), is_open=True)
EMPTY = SecretFile(Path("bot_token"), "secret file bot_token is empty")
NEWER, OLDER = Inspection("0008", "0009", NOW), Inspection("0008", "0007", NOW)
NFS = Inspection("0008", "0008", NOW, "nfs4")


def judged(*breaks: Break) -> list[Finding]:
    setup = Setup()
    for break_ in breaks:
        break_(setup)
    return judge(setup.answers())


def not_good(findings: Iterable[Finding]) -> set[tuple[str, State]]:
    return {(each.id, each.state) for each in findings if each.state is not State.OK}


def wrong(findings: Iterable[Finding]) -> set[tuple[str, State]]:
    """Return what is not good, without what could not be asked because of it."""
    return {one for one in not_good(findings) if one[1] is not State.NOT_ASKED}


def test_sound_setup_has_nothing_to_say_against() -> None:
    findings = judged()

    assert not_good(findings) == set()
    assert [finding.id for finding in findings] == ALL_IDS


def case(name: str, break_: Break, found: str, state: State, *said: str) -> object:
    """`said`: what the words have in them, and what the remedy has."""
    return pytest.param(break_, found, state, said, id=name)


CONFIGURATION = [
    case("an exemption is over", b.exempt(ENDED),
         "configuration.exemptions", MISSING, "thesis", "prolong"),
    case("a rule names a policy that nobody configured", b.other_policy,
         "configuration.policies", WARNING, "hurry (NodeMemoryNearlyOut)", "under `policies`"),
    case("a policy that no rule names", b.one_more_policy,
         "configuration.policies", WARNING, "retired", "label `policy`"),
    case("somebody configured has left", b.configure("users", mallory={"channel": "C01"}),
         "configuration.users", WARNING, "mallory", "`users`"),
    case("somebody exempt is nobody", b.exempt(STRANGER),
         "configuration.users", WARNING, "mallory", "`exempt`"),
    case("a secret is empty", b.change("secrets", [EMPTY]),
         "secrets.files", MISSING, "is empty", "Write the secret"),
    case("everybody may read a secret", b.change("secrets", [EXPOSED]),
         "secrets.permissions", WARNING, "bot_token", "chmod o-r"),
    case("the database is away", b.change("database", StoreUnavailableError("refused\nmore")),
         "database.reachable", MISSING, "refused", "database_url"),
    case("the database's folder is no folder", b.change("database", ConfigurationError("x")),
         "database.reachable", MISSING, "x", "folder"),
    case("a newer version made the database", b.change("database", NEWER),
         "database.schema", MISSING, "newer version", "backup"),
    case("the database is of an older version", b.change("database", OLDER),
         "database.schema", WARNING, "0008 after", "backup"),
    case("SQLite's file is on a network", b.change("database", NFS),
         "database.disk", WARNING, "nfs4", "PostgreSQL"),
]  # fmt: skip
DETERMINED = [
    case("its clock is wrong", b.change("determined_ahead", LATE),
         "determined.clock", WARNING, "90 s before", "NTP"),
    case("the account is an admin", lambda setup: setup.user.update(admin=True),
         "determined.account", WARNING, "admin", "docs/security.md"),
    case("the account has no role that lets it stop", b.roles("PERMISSION_TYPE_VIEW_NSC"),
         "determined.account", MISSING, "UPDATE_EXPERIMENT", "role"),
    case("the account does not see an owner", b.running(username=None),
         "determined.account", WARNING, "c7a2ea20", "all workspaces"),
    case("its metrics are off", b.change("state_metrics", value=False),
         "determined.metrics", MISSING, "no det-state-metrics", "enable_prometheus"),
]  # fmt: skip
PROMETHEUS = [
    case("its clock is wrong", b.change("prometheus_ahead", -LATE),
         "prometheus.clock", WARNING, "90 s behind", "NTP"),
    case("a file of rules is left out", b.without_rule_group,
         "prometheus.rules", MISSING, "gpu-watchdog-windows", "Load all of"),
    case("the rules are of an older version", b.older_rules,
         "prometheus.rules", MISSING, "WatchdogExemptionExpired", "of this version"),
    case("a rule fails", b.failing_rule,
         "prometheus.rule_health", MISSING, "duplicate series", "RuleEvaluationFailing.md"),
    case("rules are late", b.late_rules,
         "prometheus.rule_health", MISSING, "gpu-watchdog-reclaim", "longer than their interval"),
    case("it sends to nobody", b.change("sent_to", []),
         "prometheus.alertmanagers", MISSING, "no Alertmanager", "`alerting`"),
    case("it sends to one that we do not ask", b.send_to("alertmanager", "another"),
         "prometheus.alertmanagers", MISSING, "another:9093", "`alertmanagers`"),
    case("it knows the peer by another name", b.send_to("10.0.0.7"),
         "prometheus.alertmanagers", WARNING, "10.0.0.7:9093", "same names"),
    case("it does not scrape the receiver", lambda setup: setup.targets.pop(),
         "prometheus.receiver", MISSING, "no job gpu-watchdog", "prometheus/prometheus.yml"),
    case("the receiver does not run", b.target(-1, health="down", lastError="refused"),
         "prometheus.receiver", WARNING, "refused", "Start the receiver"),
    case("it does not scrape Determined", lambda setup: setup.targets.pop(0),
         "prometheus.determined", MISSING, "no job", "determined-master"),
    case("its token for Determined is old",
         b.target(0, health="down", lastError="server returned HTTP status 401 Unauthorized"),
         "prometheus.determined", MISSING, "401", "prometheus_token_file"),
    case("it cannot reach Determined", b.target(0, health="down", lastError="no such host"),
         "prometheus.determined", MISSING, "no such host", "can reach the master"),
    case("it scrapes too rarely", b.slow_scrapes,
         "prometheus.interval", MISSING, "determined-agents every 1m", "scrape_interval to 15s"),
    case("evidence would always be too old", b.configure("limits", evidence_age="20s"),
         "prometheus.interval", MISSING, "evidence_age", "to 30s"),
]  # fmt: skip
ALERTMANAGER = [
    case("its clock is wrong", b.change("alertmanager_ahead", LATE),
         "alertmanager.clock", WARNING, "90 s before", "NTP"),
    case("its cluster has a peer that we do not ask", b.bigger_cluster,
         "alertmanager.cluster", MISSING, "2 members", "`alertmanagers`"),
    case("it has lost its cluster", lambda setup: setup.cluster.update(peers=[]),
         "alertmanager.cluster", WARNING, "0 of the 1", "--cluster.peer"),
    case("anybody may silence", b.change("is_open", value=True),
         "alertmanager.access", WARNING, "anybody could silence", "basic_auth"),
    case("somebody else takes the alerts", b.greedy_route,
         "alertmanager.route", MISSING, "of a task and of a user", "above any"),
    case("the heartbeat has no route", b.no_heartbeat_route,
         "alertmanager.heartbeat_route", MISSING, "stops nothing", "as the first one"),
    case("the heartbeat is rare", b.rare_heartbeat,
         "alertmanager.heartbeat_route", MISSING, "every 4h5m", "repeat_interval: 30s"),
    case("its routes are muted by night", b.muted,
         "alertmanager.hours", WARNING, "office-hours", "waking_hours"),
    case("it shows no token", b.hook(http_config={}),
         "alertmanager.token", MISSING, "401", "credentials_file"),
    case("it keeps what is resolved to itself", b.hook(send_resolved=False),
         "alertmanager.webhook", WARNING, "resolved", "send_resolved: true"),
    case("it cuts alerts off", b.hook(max_alerts=10),
         "alertmanager.webhook", WARNING, "max_alerts", "max_alerts: 0"),
    case("doubt inhibits nothing", b.no_inhibition,
         "alertmanager.inhibition", WARNING, "GPUSignalsDisagree", "inhibit_rules"),
    case("the heartbeat has stopped", b.change("database", Inspection("8", "8", NOW - 9 * LATE)),
         "alertmanager.heartbeat", MISSING, "stops nothing", "WatchdogHeartbeat.md"),
    case("the heartbeat never came", b.change("database", Inspection("8", "8")),
         "alertmanager.heartbeat", WARNING, "never arrived", "Start the receiver"),
]  # fmt: skip
SLACK = [
    case("the app may not open conversations", b.scopes_without("im:write"),
         "slack.scopes", MISSING, "im:write", "install the app again"),
    case("the app may not look people up", b.scopes_without("users:read.email"),
         "slack.scopes", MISSING, "users:read.email", "install the app again"),
    case("the app may not see what it said", b.scopes_without("im:history"),
         "slack.scopes", WARNING, "im:history", "install the app again"),
    case("the bot is not in the channel",
         b.change("channel", UpstreamRejectedError("x", code="not_in_channel")),
         "slack.admin_channel", MISSING, "C01GPUADMINS", "/invite"),
    case("the app's token is wrong", b.change("socket", REFUSED),
         "slack.buttons", MISSING, "401", "app_token_file"),
    case("there are no buttons", b.change("socket", None),
         "slack.buttons", WARNING, "no buttons", "signing_secret_file"),
]  # fmt: skip
UNWATCHED = [
    case("an agent has no dcgm-exporter", b.without_exporter("agent-b"),
         "unwatched.exporters", WARNING, "dcgm-exporter from agent-b (refused)", "Start"),
    case("no agent has node-exporter", b.agents("nodes"),
         "unwatched.exporters", MISSING, "node-exporter from agent-a, agent-b", "scrape it"),
    case("a GPU has fallen off the bus", b.agents("gpus", agent_a=3, agent_b=4),
         "unwatched.gpus", WARNING, "agent-a (3 of 4)", "AgentGPUsMissing.md"),
    case("a GPU tells no utilization", b.agents("utilization", agent_a=4, agent_b=3),
         "unwatched.gpus", WARNING, "agent-b", "DCGM_FI_DEV_GPU_UTIL"),
    case("the relabelling is left out", b.agents("nameless", agent_a=4, agent_b=4),
         "unwatched.labels", MISSING, "gpu_uuid", "metric_relabel_configs"),
    case("there are no profiling metrics", b.agents("profiling", agent_a=4),
         "unwatched.profiling", WARNING, "agent-b", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"),
    case("a GPU is cut into instances", b.agents("mig", agent_b=2),
         "unwatched.mig", WARNING, "agent-b", "Nothing to do"),
    case("the GPUs of a task are unknown", b.running(containers=(Container("c", "agent-a"),)),
         "unwatched.allocations", WARNING, "c7a2ea20", "GPUMappingIncomplete.md"),
    case("an owner has no address", b.configure("slack", email_domain=""),
         "unwatched.owners", WARNING, "alice", "gpu-watchdog users check"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("break_", "found", "state", "said"),
    [*CONFIGURATION, *DETERMINED, *PROMETHEUS, *ALERTMANAGER, *SLACK, *UNWATCHED],
)
def test_broken_setup_is_told_by_its_culprit_and_remedy_and_by_no_other(
    break_: Break, found: str, state: State, said: Sequence[str]
) -> None:
    findings = judged(break_)

    assert wrong(findings) == {(found, state)}
    words, remedy = said
    culprits = [each for each in findings if each.state is not State.OK]
    assert any(words in each.words and remedy in each.remedy for each in culprits), culprits


@pytest.mark.parametrize(
    ("system", "why", "found", "remedy"),
    [
        ("determined", UNREACHABLE, "determined.reachable", "determined.url"),
        ("login", REFUSED, "determined.login", "password_file"),
        ("prometheus", UNREACHABLE, "prometheus.reachable", "prometheus.url"),
        ("prometheus", REFUSED, "prometheus.reachable", "username and password_file"),
        ("alertmanager", UNREACHABLE, "alertmanager.reachable", "`alertmanagers`"),
        ("alertmanager", REFUSED, "alertmanager.reachable", "username and password_file"),
        ("slack", UNREACHABLE, "slack.token", "bot_token_file"),
    ],
)
def test_system_that_is_down_is_named_and_hides_no_other(
    system: str, why: WatchdogError, found: str, remedy: str
) -> None:
    findings = judged(b.down(system, why), b.change("secrets", [EXPOSED]))

    assert wrong(findings) == {(found, MISSING), ("secrets.permissions", WARNING)}
    [culprit] = [each for each in findings if each.id == found]
    assert str(why) in culprit.words
    assert remedy in culprit.remedy
    hidden = {one for one, state in not_good(findings) if state is State.NOT_ASKED}
    others = {system, "unwatched", "configuration"}
    assert {each.partition(".")[0] for each in hidden} <= others | {found.partition(".")[0]}
    assert {each.id for each in findings} == set(ALL_IDS)


def test_peer_behind_tls_is_known_though_its_port_is_not_written() -> None:
    url = "https://silences.lab.example/alertmanager"

    findings = judged(
        lambda setup: setup.configuration.update(alertmanagers=[{"url": url}]),
        b.change("sent_to", [f"{url}/api/v2/alerts"]),
    )

    assert not_good(findings) == set()


def test_rules_that_are_not_there_at_all_are_one_finding() -> None:
    findings = judged(b.change("groups", []))

    assert wrong(findings) == {("prometheus.rules", MISSING)}


def test_receiver_that_is_not_there_is_one_finding() -> None:
    findings = judged(lambda setup: setup.receiver().update(webhook_configs=[]))

    assert wrong(findings) == {("alertmanager.receiver", MISSING)}


def test_rules_of_a_prometheus_that_has_just_begun_are_not_late() -> None:
    at = "0001-01-01T00:00:00Z"

    findings = judged(lambda setup: setup.group("gpu-watchdog-reclaim").update(lastEvaluation=at))

    assert not_good(findings) == set()


def test_nothing_good_is_said_of_gpus_that_nobody_sees() -> None:
    findings = judged(b.agents("gpus"), b.agents("utilization"), b.agents("profiling"))

    assert wrong(findings) == {("unwatched.exporters", MISSING)}
    assert {one for one, state in not_good(findings) if state is State.NOT_ASKED} == {
        f"unwatched.{question}" for question in ("gpus", "labels", "profiling", "mig")
    }


def test_agents_without_gpus_are_named() -> None:
    assert ("determined.agents", WARNING) in not_good(judged(b.no_gpus))
