"""The whole way of an alert on one machine: what is real runs, what nobody has here is simulated.

Real: Prometheus with the rules, Alertmanager, the receiver with its database. Simulated, in one
process: Determined, the agents' exporters, Slack. Everything listens on loopback, on free ports.
"""

import secrets
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from demo.cluster.control import ControlClient
from demo.cluster.exporters.app import ExporterKind
from demo.cluster.wire import TaskState
from demo.commands import (
    alertmanager_command,
    prometheus_command,
    receiver_command,
    simulation_command,
)
from demo.plain import PLAIN
from demo.processes import Program, free_port, wait_until
from demo.run_files import RunFiles
from demo.simulation import Addresses, read_addresses
from demo.slack.control import SlackControl

_FIXED_TARGETS = 3
"""The master, the receiver, Prometheus."""
_ROLES = ("alertmanager", "viewer", "operator", "admin")
_START = 30.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How this run differs from the files of the repository."""

    factor: float = 100.0
    """By how much every duration is divided."""
    seed: int = 1
    mig_agent: bool = False
    """Whether there is a third agent, whose GPU is cut into instances."""
    alertmanagers: int = 1
    """How many there are. They know nothing of each other: a silence is where it was made."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Changes to watchdog.example.yaml; durations are those of a real cluster."""
    without: Collection[str] = ()
    """Rule files that Prometheus does not load."""


class World:
    """Starts everything on entry, and ends all that it started on exit."""

    def __init__(self, folder: Path, setup: Setup | None = None) -> None:
        self.setup = setup or Setup()
        self.folder = folder
        self._stack = ExitStack()
        self._prometheus_at = f"127.0.0.1:{free_port()}"
        self._peers_at = [f"127.0.0.1:{free_port()}" for _ in range(self.setup.alertmanagers)]
        self._receiver_at = f"127.0.0.1:{free_port()}"
        self.prometheus_url = f"http://{self._prometheus_at}"
        self.peer_urls = [f"http://{peer}" for peer in self._peers_at]
        self.receiver_url = f"http://{self._receiver_at}"
        self.tokens = {role: secrets.token_urlsafe(24) for role in _ROLES}
        factor, seed, mig_agent = self.setup.factor, self.setup.seed, self.setup.mig_agent
        self.simulation = self._program(
            "simulation", simulation_command(factor=factor, seed=seed, mig_agent=mig_agent)
        )
        self.prometheus = self._program(
            "prometheus", prometheus_command(folder, self._prometheus_at, factor)
        )
        self.peers = [self._peer(*each) for each in enumerate(self._peers_at)]
        self.receiver = self._program(
            "receiver", receiver_command(), {"WATCHDOG_CONFIG": str(folder / "watchdog.yaml")}
        )
        self.addresses: Addresses
        self.cluster: ControlClient
        self.slack: SlackControl
        self.http: httpx.Client

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def alertmanager(self) -> Program:
        """The first, which most worlds have alone."""
        return self.peers[0]

    @property
    def alertmanager_url(self) -> str:
        return self.peer_urls[0]

    @property
    def programs(self) -> tuple[Program, ...]:
        return self.simulation, *self.peers, self.receiver, self.prometheus

    def scaled(self, duration: timedelta) -> timedelta:
        """Return how long a duration of a real cluster takes here."""
        return duration / self.setup.factor

    def start_program(self, program: Program) -> None:
        """Start one of the programs (again), and return when it answers.

        Raises:
            ProgramError: it ended.
            TimeoutError: it does not answer.
        """
        program.start()
        self.wait_ready(program)

    def wait_ready(self, program: Program) -> None:
        urls = {
            self.prometheus.name: self.prometheus_url,
            **dict(zip((peer.name for peer in self.peers), self.peer_urls, strict=True)),
            self.receiver.name: self.receiver_url,
        }
        url = urls[program.name]

        def answers() -> bool:
            program.require_running()
            return self._get(f"{url}/-/ready") is not None

        wait_until(answers, f"{program.name} answers at {url}", within=_START)

    def incidents(self, **query: str) -> list[dict[str, Any]]:
        """Return the receiver's incidents, newest first; none while it does not answer."""
        found = self._ask("/api/v1/incidents", query)
        return found if isinstance(found, list) else []

    def history(self, incident_id: str) -> list[dict[str, Any]]:
        found = self._ask(f"/api/v1/incidents/{incident_id}", {})
        return found["history"] if isinstance(found, dict) else []

    def silence(
        self, task: TaskState, *, lasts: timedelta, by: str, comment: str, peer: int = 0
    ) -> str:
        """Silence a task in an Alertmanager, as people do in its pages; return the silence's id.

        `lasts` is of a real cluster.
        """
        now = datetime.now(UTC)
        matcher = {"name": "task_id", "value": task.task_id, "isRegex": False, "isEqual": True}
        body = {
            "matchers": [matcher],
            "startsAt": now.isoformat(),
            "endsAt": (now + self.scaled(lasts)).isoformat(),
            "createdBy": by,
            "comment": comment,
        }
        answer = self.http.post(f"{self.peer_urls[peer]}/api/v2/silences", json=body)
        return str(answer.raise_for_status().json()["silenceID"])

    def end_silence(self, silence_id: str, *, peer: int = 0) -> None:
        """End it as people do in Alertmanager's pages."""
        self.http.delete(f"{self.peer_urls[peer]}/api/v2/silence/{silence_id}").raise_for_status()

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Change the receiver's settings, and return when it follows them.

        The changes are to those of the run, so none brings those back; durations are those of a
        real cluster.

        Raises:
            TimeoutError: it does not follow them.
        """
        before = self._configured_at()
        self._files().write_settings(changes)
        wait_until(
            lambda: self._configured_at() > before, "the receiver has its settings", within=_START
        )

    def act(self, path: str, body: Mapping[str, Any], *, role: str = "admin") -> httpx.Response:
        """Ask the receiver's API to do something."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        return self.http.post(f"{self.receiver_url}{path}", json=dict(body), headers=headers)

    def query(self, expression: str) -> float | None:
        """Return the one value of an expression in Prometheus. None: there is none, or several."""
        rows = self.rows(expression)
        return rows[0][1] if len(rows) == 1 else None

    def rows(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return what an expression has in Prometheus now: labels and value of each row."""
        answer = self._get(f"{self.prometheus_url}/api/v1/query", {"query": expression})
        result = answer.json()["data"]["result"] if answer else []
        return [(one["metric"], float(one["value"][1])) for one in result]

    def firing(self) -> list[dict[str, Any]]:
        """Return what Prometheus reports as firing, the heartbeat left out."""
        answer = self._get(f"{self.prometheus_url}/api/v1/alerts")
        alerts = answer.json()["data"]["alerts"] if answer else []
        return [one for one in alerts if one["state"] == "firing" and "policy" in one["labels"]]

    def _configured_at(self) -> float:
        """Return when the receiver last took settings over; 0 while it does not answer."""
        answer = self._get(f"{self.receiver_url}/metrics")
        name = "watchdog_config_last_reload_success_timestamp_seconds "
        lines = answer.text.splitlines() if answer else []
        return max((float(line.split()[1]) for line in lines if line.startswith(name)), default=0)

    def _ask(self, path: str, query: Mapping[str, str]) -> object:
        answer = self._get(f"{self.receiver_url}{path}", query)
        return answer.json() if answer else None

    def _get(self, url: str, query: Mapping[str, str] | None = None) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {self.tokens['operator']}"}
        try:
            answer = self.http.get(url, params=query, headers=headers)
        except httpx.TransportError:
            return None
        return answer if answer.is_success else None

    def _start(self) -> None:
        self.http = self._stack.enter_context(
            httpx.Client(timeout=5, trust_env=False, verify=PLAIN)
        )
        for program in self.programs:
            self._stack.callback(program.end)
        self.simulation.start()
        self.addresses = self._wait_for_addresses()
        self.cluster = self._stack.enter_context(ControlClient(self.addresses.control))
        self.slack = self._stack.enter_context(SlackControl(self.addresses.slack))
        self.slack.set_request_url(f"{self.receiver_url}/slack/interactions")
        self._files().write()
        for peer in self.peers:
            self.start_program(peer)
        self.start_program(self.receiver)
        # The receiver has logged in to Determined by now, and written the token for Prometheus.
        self.start_program(self.prometheus)
        wait_until(self._sees_everything, "Prometheus scrapes everything", within=_START)

    def _files(self) -> RunFiles:
        return RunFiles(
            folder=self.folder,
            factor=self.setup.factor,
            simulated=self.addresses,
            prometheus=self._prometheus_at,
            alertmanagers=self._peers_at,
            receiver=self._receiver_at,
            tokens=self.tokens,
            settings=self.setup.settings,
            without=self.setup.without,
        )

    def _sees_everything(self) -> bool:
        """Tell whether every exporter of every agent is scraped, and all that is fixed."""
        expected = len(ExporterKind) * len(self.addresses.agents) + _FIXED_TARGETS
        expected += len(self.peers)
        return self.query("sum(up)") == float(expected)

    def _wait_for_addresses(self) -> Addresses:
        found: list[Addresses] = []

        def listens() -> bool:
            self.simulation.require_running()
            first = self.simulation.log.read_text().partition("\n")
            if first[1]:
                found.append(read_addresses(first[0]))
            return bool(found)

        wait_until(listens, "the simulated cluster listens", within=_START)
        return found[0]

    def _program(
        self, name: str, command: list[str], environment: Mapping[str, str] | None = None
    ) -> Program:
        return Program(name, command, self.folder / f"{name}.log", environment or {})

    def _peer(self, number: int, address: str) -> Program:
        name = f"alertmanager-{number + 1}" if number else "alertmanager"
        command = alertmanager_command(self.folder, name, address, self.setup.factor)
        return self._program(name, command)
