"""Prometheus and Alertmanager with the commands and the secrets that compose.yaml gives them."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from demo.plain import PLAIN
from demo.processes import Program, ProgramError, find_program, free_port, wait_until
from demo.scaling import (
    Rendering,
    scale_alertmanager_config,
    scale_prometheus_config,
    scaled_prometheus_flags,
)
from tests.deploy.compose import ROOT, services
from tests.deploy.conftest import Secrets

FACTOR = 50.0
AGENT = "127.0.0.1"
_RULE = """
groups:
  - name: always
    rules: [{alert: Always, expr: vector(1)}]
"""
_BINARIES = {
    "prometheus": ("PROMETHEUS", "prometheus"),
    "alertmanager": ("ALERTMANAGER", "prometheus-alertmanager", "alertmanager"),
}


class _Determined(BaseHTTPRequestHandler):
    """Determined's list of agents, as it publishes it: with its two ports."""

    def do_GET(self) -> None:
        body = json.dumps([{"targets": [f"{AGENT}:9400", f"{AGENT}:8080"], "labels": {}}]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Server:
    """What compose.yaml starts, on this machine."""

    folder: Path
    made: Secrets
    at: Mapping[str, str]
    """`host:port` of each service."""

    def here(self, text: str) -> str:
        """Return a text of compose.yaml or of what it mounts, with the places of this machine."""
        for name in ("prometheus", "alertmanager"):
            text = text.replace(f"/etc/gpu-watchdog/{name}", str(self.folder))
            text = re.sub(rf"={re.escape(f'/{name}')}$", f"={self.folder / name}", text)
        text = text.replace("/run/secrets/webhook_token", "/run/secrets/alertmanager_token")
        return text.replace("/run/secrets", str(self.made.folder))

    def program(self, name: str) -> Program:
        flags = [self.here(flag) for flag in services()[name]["command"]]
        flags += [f"--web.listen-address={self.at[name]}"]
        flags += scaled_prometheus_flags(FACTOR) if name == "prometheus" else []
        command = [find_program(*_BINARIES[name]), *flags]
        return Program(name, command, self.folder / f"{name}.log", {})

    def write(self, master: str) -> None:
        places = Rendering(addresses={f"{name}:{port}": self.at[name] for name, port in PORTS})
        token = self.folder / "token"
        token.write_text("t")
        (self.folder / "rules.yaml").write_text(_RULE)
        read = (ROOT / "prometheus/prometheus.yml").read_text()
        text = scale_prometheus_config(read, FACTOR, places)
        text = text.replace("determined-master:8080", master)
        text = text.replace("/run/gpu-watchdog/determined-token", str(token))
        text = text.replace("../alerting-rules/*.rules.yaml", "rules.yaml")
        (self.folder / "prometheus.yml").write_text(self.here(text))
        read = (ROOT / "alertmanager/alertmanager.yml").read_text()
        text = scale_alertmanager_config(read, FACTOR, places)
        (self.folder / "alertmanager.yml").write_text(self.here(text))
        for name in ("prometheus", "alertmanager"):
            health = (ROOT / name / "health.yml").read_text()
            (self.folder / f"{name}-health.yml").write_text(self.here(health))

    def ask(self, name: str, path: str, user: str) -> Any:  # noqa: ANN401  # parsed JSON
        auth = (user, self.made.read(f"{user}_password"))
        answer = httpx.get(f"http://{self.at[name]}{path}", auth=auth, verify=PLAIN)
        return answer.raise_for_status().json()

    def targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("prometheus", "/api/v1/targets", "watchdog")["data"][
            "activeTargets"
        ]
        return found

    def is_up(self, job: str) -> bool:
        return [t["health"] for t in self.targets() if t["labels"]["job"] == job] == ["up"]

    def health_check(self, name: str) -> list[str]:
        """Return the command of the container's health check, for this machine."""
        _, *command = services()[name]["healthcheck"]["test"]
        inside = f"/etc/gpu-watchdog/{name}/health.yml"
        at = re.compile(r"localhost:\d+")
        health = str(self.folder / f"{name}-health.yml")
        return [at.sub(self.at[name], part.replace(inside, health)) for part in command]


PORTS = (("prometheus", 9090), ("alertmanager", 9093), ("gpu-watchdog", 8090))


@pytest.fixture(scope="session")
def server(made_secrets: Secrets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("servers")
    at = {name: f"127.0.0.1:{free_port()}" for name, _ in PORTS}
    started = Server(folder, made_secrets, at)
    with ExitStack() as stack:
        master = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Determined))
        threading.Thread(target=master.serve_forever, daemon=True).start()
        stack.callback(master.shutdown)
        started.write(f"127.0.0.1:{master.server_port}")
        for name in ("alertmanager", "prometheus"):
            program = started.program(name)
            stack.callback(program.end)
            program.start()
            wait_until(lambda name=name: answers(at[name]), name)  # type: ignore[misc]
            program.require_running()
        yield started


def see(true: Callable[[], bool], what: str) -> None:
    """Look less often than usual: each look reads much, and what is awaited takes seconds."""
    wait_until(true, what, every=0.25)


def answers(address: str) -> bool:
    try:
        return bool(httpx.get(f"http://{address}/-/ready", verify=PLAIN).status_code)
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_nobody_is_answered_without_a_password(server: Server, name: str) -> None:
    paths = {"prometheus": "/api/v1/targets", "alertmanager": "/api/v2/silences"}
    url = f"http://{server.at[name]}{paths[name]}"

    codes = [httpx.get(url, auth=auth, verify=PLAIN).status_code for auth in (None, ("admin", "x"))]

    assert codes == [401, 401]
    assert server.ask(name, paths[name], "admin") is not None


def test_prometheus_is_let_in_by_alertmanager_and_by_itself(server: Server) -> None:
    see(lambda: server.is_up("alertmanager"), "Prometheus reads Alertmanager's metrics")
    see(lambda: server.is_up("prometheus"), "Prometheus reads its own metrics")

    def names() -> list[str]:
        found = server.ask("alertmanager", "/api/v2/alerts", "watchdog")
        return [alert["labels"]["alertname"] for alert in found]

    see(lambda: names() == ["Always"], "an alert comes from Prometheus to Alertmanager")


def test_agents_are_scraped_where_they_listen(server: Server) -> None:
    see(lambda: len(server.targets()) > 4, "Prometheus knows the agents")

    asked = {
        (target["labels"]["job"], target["scrapeUrl"].split("/")[2])
        for target in server.targets()
        if target["labels"]["job"] in {"determined-agents", "node-exporter"}
    }

    assert asked == {
        ("determined-agents", f"{AGENT}:9400"),
        ("determined-agents", f"{AGENT}:8091"),
        ("node-exporter", f"{AGENT}:9100"),
    }


def test_watchdog_has_the_passwords_that_it_is_asked_for(server: Server) -> None:
    example = yaml.safe_load((ROOT / "watchdog.example.yaml").read_text())
    sections = {"prometheus": example["prometheus"], "alertmanager": example["alertmanagers"][0]}

    for name, section in sections.items():
        auth = section["username"], server.made.read(Path(section["password_file"]).name)
        url = f"http://{server.at[name]}/-/healthy"
        assert httpx.get(url, auth=auth, verify=PLAIN).status_code == 200


def knows(command: list[str]) -> bool:
    """Tell whether this machine's promtool or amtool has the command: `check healthy` is new."""
    asked = [part for part in command if not part.startswith("-")]
    done = subprocess.run([*asked, "--help"], capture_output=True, check=False)  # noqa: S603
    return done.returncode == 0


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_health_check_of_the_container_sees_health_and_its_end(server: Server, name: str) -> None:
    tool, *arguments = server.health_check(name)
    command = [os.environ.get(tool.upper()) or shutil.which(tool) or tool, *arguments]
    if not knows(command):
        pytest.skip(f"this {tool} has no `{' '.join(arguments[:2])}`")

    def run(command: list[str]) -> int:
        return subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603

    nobody = f"127.0.0.1:{free_port()}"
    assert run(command) == 0
    assert run([part.replace(server.at[name], nobody) for part in command]) != 0


def test_node_exporter_takes_its_flags_and_its_health_check_sees_it(tmp_path: Path) -> None:
    try:
        program = find_program("NODE_EXPORTER", "prometheus-node-exporter", "node_exporter")
    except ProgramError:
        pytest.skip("no node-exporter on this machine")
    port = free_port()
    service = services()["node-exporter"]
    here = [
        part.replace("127.0.0.1:9100", f"127.0.0.1:{port}").replace("/host", "/")
        for part in (*service["command"], *service["healthcheck"]["test"][1:])
    ]
    flags, check = here[: len(service["command"])], here[len(service["command"]) :]
    if shutil.which(check[0]) is None:
        pytest.skip(f"no {check[0]} on this machine")
    started = Program("node-exporter", [program, *flags], tmp_path / "log", {})

    def is_healthy() -> bool:
        done = subprocess.run(check, capture_output=True, check=False)  # noqa: S603
        return done.returncode == 0

    assert not is_healthy()
    started.start()
    try:
        wait_until(is_healthy, "node-exporter answers", every=0.2)
    finally:
        started.end()
