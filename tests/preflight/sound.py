"""A set-up in which nothing is missing: the repository's own files, as the systems report them."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from app.adapters.alertmanager_status import read_status
from app.adapters.determined_status import read_account, read_master, read_permissions
from app.adapters.prometheus_status import read_groups, read_peers, read_targets, read_version
from app.domain.cluster import Snapshot
from app.errors import WatchdogError
from app.preflight.answers import (
    Answer,
    Answers,
    DeterminedAnswers,
    PeerAnswers,
    PrometheusAnswers,
    Samples,
    SecretFile,
    SlackAnswers,
)
from app.settings import Settings
from app.store.inspection import Inspection
from tests.preflight import parts
from tests.preflight.parts import A_MOMENT_AGO, NOW, Json

SCOPES = {
    *("chat:write", "im:write", "im:history", "users:read", "users:read.email"),
    *("channels:history", "groups:history"),
}


@dataclass
class Setup:
    """What every system answers. A test breaks one thing of it."""

    configuration: Json = field(default_factory=parts.configuration)
    secrets: list[SecretFile] = field(default_factory=lambda: [SecretFile(Path("bot_token"))])
    database: Answer[Inspection] = field(
        default_factory=lambda: Inspection("0008", "0008", NOW - timedelta(seconds=30), "ext4")
    )
    master: Json = field(default_factory=lambda: {"version": "0.38.1", "rbacEnabled": False})
    user: Json = field(
        default_factory=lambda: {"id": 7, "username": "watchdog", "admin": False, "active": True}
    )
    permissions: Json = field(default_factory=lambda: {"roles": [], "assignments": []})
    state_metrics: bool = True
    determined_ahead: timedelta = timedelta()
    snapshot: Snapshot = field(default_factory=parts.snapshot)
    groups: list[Json] = field(default_factory=parts.groups)
    targets: list[Json] = field(default_factory=lambda: list(parts.targets()))
    sent_to: list[str] = field(default_factory=lambda: ["http://alertmanager:9093/api/v2/alerts"])
    prometheus_ahead: timedelta = timedelta()
    samples: dict[str, dict[str, float]] = field(default_factory=parts.samples)
    alertmanager: Json = field(default_factory=parts.alertmanager)
    cluster: Json = field(
        default_factory=lambda: {"status": "ready", "peers": [{"name": "a", "address": "10.0.0.1"}]}
    )
    alertmanager_ahead: timedelta = timedelta()
    is_open: bool = False
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    socket: Answer[str] | None = "wss://slack"
    channel: Answer[None] = None
    down: dict[str, WatchdogError] = field(default_factory=dict)
    """The systems that do not answer at all, each with why."""

    def group(self, name: str) -> Json:
        return next(each for each in self.groups if each["name"] == name)

    def rule(self, name: str) -> Json:
        found = (rule for group in self.groups for rule in group["rules"] if rule["name"] == name)
        return next(found)

    def receiver(self, name: str = "gpu-watchdog") -> Json:
        found: Json = next(one for one in self.alertmanager["receivers"] if one["name"] == name)
        return found

    def routes(self) -> list[Json]:
        """Return the routes below the first: heartbeat, admins, tasks and users."""
        found: list[Json] = self.alertmanager["route"]["routes"]
        return found

    def answers(self) -> Answers:
        # As keywords, which go before the environment and any file.
        settings = Settings(**self.configuration)
        return Answers(
            at=NOW,
            settings=settings,
            secrets=self.secrets,
            database=self.database,
            determined=self._determined(),
            prometheus=self._prometheus(),
            alertmanagers=[self._peer()],
            slack=self._slack(),
        )

    def _determined(self) -> DeterminedAnswers:
        if why := self.down.get("determined"):
            return DeterminedAnswers.none(why)
        master = read_master(_body(self.master), httpx.Headers())
        if why := self.down.get("login"):
            return DeterminedAnswers(master, self.determined_ahead, why, why, why, why)
        return DeterminedAnswers(
            master,
            self.determined_ahead,
            read_account(_body({"user": self.user})),
            sorted(read_permissions(_body(self.permissions))),
            self.state_metrics,
            self.snapshot,
        )

    def _prometheus(self) -> PrometheusAnswers:
        if why := self.down.get("prometheus"):
            return PrometheusAnswers.none(why)
        bodies = {name: json.dumps(body).encode() for name, body in self.prometheus_says().items()}
        return PrometheusAnswers(
            read_version(bodies["status/buildinfo"]),
            self.prometheus_ahead,
            read_groups(bodies["rules"]),
            read_targets(bodies["targets"]),
            read_peers(bodies["alertmanagers"]),
            Samples(**self.samples),
        )

    def prometheus_says(self) -> dict[str, Json]:
        """Return its answers, by what is asked for."""
        peers = [{"url": url} for url in self.sent_to]
        said = {
            "status/buildinfo": {"version": "2.42.0", "revision": "", "goVersion": "go1.19"},
            "rules": {"groups": self.groups},
            "targets": {"activeTargets": self.targets, "droppedTargets": []},
            "alertmanagers": {"activeAlertmanagers": peers, "droppedAlertmanagers": []},
        }
        return {name: {"status": "success", "data": data} for name, data in said.items()}

    def alertmanager_says(self) -> Json:
        """Return its status. Its configuration is YAML there; JSON is YAML too, and read faster."""
        return {
            "cluster": self.cluster,
            "versionInfo": {"version": "0.25.0"},
            "config": {"original": json.dumps(self.alertmanager)},
            "uptime": A_MOMENT_AGO,
        }

    def _peer(self) -> PeerAnswers:
        name = "alertmanager:9093"
        if why := self.down.get("alertmanager"):
            return PeerAnswers(name, why, None, why, is_local=False)
        return PeerAnswers(
            name,
            read_status(_body(self.alertmanager_says())),
            self.alertmanager_ahead,
            self.is_open,
            is_local=False,
        )

    def _slack(self) -> SlackAnswers:
        why = self.down.get("slack")
        return SlackAnswers(why or frozenset(self.scopes), self.socket, why or self.channel)


def _body(answer: Json) -> bytes:
    return json.dumps(answer).encode()
