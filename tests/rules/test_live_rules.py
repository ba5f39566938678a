"""The rules in a real Prometheus, a hundred times as fast, against a tiny target."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest

from demo.scaling import (
    DETERMINED_TOKEN,
    RULE_FILES,
    Rendering,
    scale_prometheus_config,
    scale_promql,
    scaled_prometheus_flags,
    write_scaled_rules,
)

T = TypeVar("T")

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
FACTOR = 100
BOB = {
    "allocation_id": "n1.1",
    "task_id": "n1",
    "task_type": "notebook",
    "username": 'bob "the builder"',
    "resource_pool": "default",
}
UUID = "GPU-9531985d-5d9d-49f8-9818-e811892f902b"


@dataclass(slots=True)
class Target:
    """All that Prometheus scrapes, behind one address."""

    address: str = ""
    utilization: str = "0"
    lines: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[str, str]:
        if path == "/prom/det-http-sd-config":
            labels = {"det_agent_id": "agent-a", "det_resource_pool": "default"}
            return json.dumps([{"targets": [self.address], "labels": labels}]), "application/json"
        return "\n".join([*self.lines, self.gpu(), ""]), "text/plain; version=0.0.4"

    def gpu(self) -> str:
        labels = f'gpu="2",UUID="{UUID}",modelName="NVIDIA H100 80GB HBM3",Hostname="agent-a"'
        return f"DCGM_FI_DEV_GPU_UTIL{{{labels}}} {self.utilization}"


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target(lines=_watchdog_lines())

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, content_type = target.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        target.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield target
        server.shutdown()
        thread.join()


@pytest.fixture
def prometheus(target: Target, tmp_path: Path) -> Iterator[str]:
    """Start Prometheus on a free port, and return its address."""
    program = shutil.which(os.environ.get("PROMETHEUS", "prometheus"))
    assert program, "prometheus is not installed; Debian has it in the package prometheus"
    address = f"127.0.0.1:{_free_port()}"
    command = [
        program,
        f"--config.file={_render(target, address, tmp_path)}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address={address}",
        *scaled_prometheus_flags(FACTOR),
    ]
    with (tmp_path / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  # our arguments
        try:
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_idle_notebook_is_found_and_proved_until_somebody_works(
    prometheus: str,
    target: Target,
    alerts: dict[str, dict[str, Any]],
    expand: Callable[[str, Mapping[str, str]], str],
) -> None:
    fired = _wait_for(lambda: _firing(prometheus), "the alert to fire")
    verify, evidence = (fired["annotations"][name] for name in ("verify", "evidence"))
    proof = (len(_query(prometheus, verify)), _query(prometheus, evidence))
    target.utilization = "87"
    _wait_for(lambda: not _query(prometheus, verify), "verify to see the work")
    evidence_of_work = _query(prometheus, evidence)

    assert {name: fired["labels"][name] for name in BOB} == BOB
    assert set(fired["labels"]) == {*BOB, "alertname", "severity", "policy", "scope"}
    assert (
        "holds 1 GPU(s) in pool default. For at least 30 minutes"
        in (fired["annotations"]["description"])
    )
    for name in ("verify", "evidence"):
        written = alerts["GPUAllocationIdle"]["annotations"][name]
        assert fired["annotations"][name].strip() == scale_promql(expand(written, BOB), FACTOR)
    assert proof[0] == 1, "verify must hold while the alert fires"
    assert len(proof[1]) == 1, "every sample is there, so there is an age"
    assert 0 <= float(proof[1][0]["value"][1]) < 1, "scraped each 0.15 s"
    assert len(evidence_of_work) == 1, "somebody works, which is not blindness"
    assert _failed_evaluations(prometheus) == 0


def _watchdog_lines() -> list[str]:
    quoted = {name: json.dumps(value) for name, value in BOB.items()}
    owner = ",".join(f"{name}={value}" for name, value in quoted.items())
    return [
        f'watchdog_allocation_info{{{owner},job_id="j1",experiment_id=""}} 1',
        'watchdog_allocation_slots{allocation_id="n1.1"} 1',
        f'watchdog_gpu_allocation_info{{allocation_id="n1.1",gpu_uuid="{UUID}",agent_id="a"}} 1',
    ]


def _render(target: Target, address: str, folder: Path) -> Path:
    token = folder / "token"
    token.write_text("secret")
    rules = write_scaled_rules(ROOT / "alerting-rules", folder / "rules", FACTOR)
    rendering = Rendering(
        addresses={
            "determined-master:8080": target.address,
            "gpu-watchdog:8090": target.address,
            "prometheus:9090": address,
        },
        paths={
            DETERMINED_TOKEN: token,
            RULE_FILES: rules,
        },
    )
    text = (ROOT / "prometheus/prometheus.yml").read_text()
    config = folder / "prometheus.yml"
    config.write_text(scale_prometheus_config(text, FACTOR, rendering))
    return config


def _firing(prometheus: str) -> dict[str, Any] | None:
    alerts = _get(f"{prometheus}/api/v1/alerts")["alerts"]
    return next(
        (
            alert
            for alert in alerts
            if alert["labels"]["alertname"] == "GPUAllocationIdle" and alert["state"] == "firing"
        ),
        None,
    )


def _query(prometheus: str, expression: str) -> list[dict[str, Any]]:
    query = urllib.parse.urlencode({"query": expression})
    result: list[dict[str, Any]] = _get(f"{prometheus}/api/v1/query?{query}")["result"]
    return result


def _failed_evaluations(prometheus: str) -> float:
    failures = _query(prometheus, "sum(prometheus_rule_evaluation_failures_total)")
    return float(failures[0]["value"][1])


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  # our own address
        data: dict[str, Any] = json.load(response)["data"]
        return data


def _wait_for(ask: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except OSError:  # Prometheus is not up yet.
            answer = None
        if answer:
            return answer
        threading.Event().wait(0.1)
    raise AssertionError(f"waited 90 s for {what}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
