"""The files of one run: the repository's own, scaled, with this run's addresses and secrets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from demo.receiver_config import merged, write_scaled_settings
from demo.scaling import (
    ADMIN_TEMPLATES,
    ADMIN_WEBHOOK,
    ALERTMANAGER,
    DETERMINED_TOKEN,
    PROMETHEUS_PASSWORD,
    RULE_FILES,
    WEBHOOK_TOKEN,
    Rendering,
    scale_alertmanager_config,
    scale_prometheus_config,
    write_scaled_rules,
)
from demo.simulation import Addresses
from demo.slack.state import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, WEBHOOK

ROOT = Path(__file__).parents[1]
ADMIN_CHANNEL_ID = "C01GPUADMINS"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    folder: Path
    factor: float
    simulated: Addresses
    prometheus: str
    """As `host:port`, like the next two."""
    alertmanagers: Sequence[str]
    receiver: str
    tokens: Mapping[str, str]
    """The receiver's API tokens by role."""
    settings: Mapping[str, Any]
    """Changes to the receiver's settings; durations are those of a real cluster."""
    without: Collection[str] = ()
    """Rule files that are not loaded."""

    def write(self) -> None:
        for name in ("state", "secrets", "rules"):
            (self.folder / name).mkdir(exist_ok=True)
        self._write_secrets()
        rendering = self._rendering()
        for source, scale in (
            ("prometheus/prometheus.yml", scale_prometheus_config),
            ("alertmanager/alertmanager.yml", scale_alertmanager_config),
        ):
            path = ROOT / source
            (self.folder / path.name).write_text(scale(path.read_text(), self.factor, rendering))
        self.write_settings({})

    def write_settings(self, changes: Mapping[str, Any]) -> None:
        """Write the receiver's settings alone, with these changes besides those of the run."""
        write_scaled_settings(
            ROOT / "watchdog.example.yaml",
            self.folder / "watchdog.yaml",
            self.factor,
            merged(merged(self._places(), self.settings), changes),
        )

    def _secret(self, name: str) -> Path:
        return self.folder / "secrets" / name

    @property
    def _determined_token(self) -> Path:
        return self.folder / "state" / "determined_token"

    def _write_secrets(self) -> None:
        words = {f"{role}_token": token for role, token in self.tokens.items()}
        words |= {
            "determined_password": "watchdog",
            # Nobody asks for these here: the demo's Prometheus and Alertmanager are open.
            "prometheus_password": "prometheus",
            "watchdog_password": "watchdog",
            "slack_bot_token": BOT_TOKEN,
            "slack_app_token": APP_TOKEN,
            "slack_signing_secret": SIGNING_SECRET,
            "owner_page": "for-the-pages-of-a-demo-alone-0123456789",
            "slack_admin_webhook": "/".join([self.simulated.slack, "services", *WEBHOOK]),
        }
        for name, word in words.items():
            self._secret(name).touch(mode=0o600)
            self._secret(name).write_text(word)

    def _rendering(self) -> Rendering:
        rules = write_scaled_rules(
            ROOT / "alerting-rules", self.folder / "rules", self.factor, without=self.without
        )
        return Rendering(
            addresses={
                "determined-master:8080": urlsplit(self.simulated.determined).netloc,
                "gpu-watchdog:8090": self.receiver,
                "prometheus:9090": self.prometheus,
                ALERTMANAGER: self.alertmanagers[0],
            },
            more_peers=self.alertmanagers[1:],
            paths={
                RULE_FILES: rules,
                DETERMINED_TOKEN: self._determined_token,
                PROMETHEUS_PASSWORD: self._secret("prometheus_password"),
                WEBHOOK_TOKEN: self._secret("alertmanager_token"),
                ADMIN_WEBHOOK: self._secret("slack_admin_webhook"),
                ADMIN_TEMPLATES: ROOT / "alertmanager" / ADMIN_TEMPLATES,
            },
            node_exporters={
                f"{agent.address}:{agent.dcgm}": f"{agent.address}:{agent.node}"
                for agent in self.simulated.agents.values()
            },
        )

    def _places(self) -> dict[str, Any]:
        """Return where everything is in this run; what is not in here is the example's."""
        host, _, port = self.receiver.rpartition(":")
        return {
            "mode": "enforce",
            "listen_host": host,
            "listen_port": int(port),
            "public_url": f"http://{self.receiver}",
            "database_url": f"sqlite+aiosqlite:///{self.folder}/state/watchdog.db",
            "determined": {
                "url": self.simulated.determined,
                "password_file": str(self._secret("determined_password")),
                "prometheus_token_file": str(self._determined_token),
            },
            "prometheus": {
                "url": f"http://{self.prometheus}",
                "password_file": str(self._secret("watchdog_password")),
            },
            "alertmanagers": [{"url": f"http://{peer}"} for peer in self.alertmanagers],
            "slack": {
                "api_url": f"{self.simulated.slack}/api/",
                "bot_token_file": str(self._secret("slack_bot_token")),
                "app_token_file": str(self._secret("slack_app_token")),
                "signing_secret_file": str(self._secret("slack_signing_secret")),
                "admin_channel": ADMIN_CHANNEL_ID,
            },
            "owner_page": {"secret_file": str(self._secret("owner_page"))},
            "api_tokens": [
                {"name": role, "role": role, "file": str(self._secret(f"{role}_token"))}
                for role in self.tokens
            ],
        }
