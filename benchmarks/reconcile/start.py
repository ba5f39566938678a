"""How long the whole receiver takes, from the start of its process until it is ready, and until its
first tick is over: as an operator starts it, on a database that it has used before.
"""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import yaml

from app.settings import CONFIG_VARIABLE
from benchmarks import machine
from benchmarks.reconcile.figures import Start
from benchmarks.reconcile.server import SECOND_PEER, answering
from demo.commands import receiver_command
from demo.processes import Program, free_port, wait_until

READY_AND_TICKED = "ready\n"
"""What `/-/ready` answers as soon as the first tick is over."""
_LONGEST = 120.0  # seconds
_TICKS = 4
"""After so many it has all that it ever needs."""


def starts(database_url: str, answers: Path, folder: Path, count: int) -> Sequence[Start]:
    """Start it so many times, one after the other, and once before: that one is not counted, for
    it notes when each allocation was first seen, as no later one has to.

    Raises:
        ProgramError: it ended by itself.
        TimeoutError: it was not ready, or its first tick did not end.
    """
    with answering(answers) as url:
        port = free_port()
        config = write_settings(folder, database_url, port, url)
        command, log = receiver_command(), folder / "receiver.log"
        receiver = Program("receiver", command, log, {CONFIG_VARIABLE: str(config)})
        return [_start(receiver, port, _TICKS if n == count else 1) for n in range(count + 1)][1:]


def _start(receiver: Program, port: int, ticks: int) -> Start:
    """Start it, and end it after so many ticks."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        def says() -> str:
            """Return what it says once it is ready, and nothing before."""
            receiver.require_running()
            with contextlib.suppress(httpx.TransportError):
                answer = client.get("/-/ready")
                return answer.text if answer.is_success else ""
            return ""

        began = time.perf_counter()
        receiver.start()
        try:
            wait_until(lambda: bool(says()), "the receiver is ready", within=_LONGEST)
            ready, used = time.perf_counter() - began, machine.cpu_seconds(receiver.pid or 0)
            wait_until(
                lambda: says() == READY_AND_TICKED, "its first tick has ended", within=_LONGEST
            )
            ticked = time.perf_counter() - began
            wait_until(lambda: _ticks(client) >= ticks, "it has gone on ticking", within=_LONGEST)
            _, peak = machine.memory(receiver.pid or 0)
            return Start(ready=ready, processor=used, ticked=ticked, peak=peak)
        finally:
            receiver.end()


def _ticks(client: httpx.Client) -> float:
    metrics = client.get("/metrics").raise_for_status().text
    samples = (line.split() for line in metrics.splitlines() if not line.startswith("#"))
    return max(float(each[1]) for each in samples if each[0] == "watchdog_tick_seconds_count")


def write_settings(folder: Path, database_url: str, port: int, systems: str) -> Path:
    """Write the receiver's configuration, with what it has to say and defaults for the rest.

    Nobody sleeps: what an hour of the day forbids would be held, one by one, at the first tick.
    """

    def secret(name: str, text: str) -> str:
        path = folder / name
        path.write_text(text)
        return str(path)

    token = {"name": "alertmanager", "role": "alertmanager", "file": secret("token", "benchmark")}
    settings = {
        "database_url": database_url,
        "listen_port": port,
        "mode": "enforce",
        "defaults": {"waking_hours": "off"},
        "tick_interval": "5s",
        "determined": {"url": systems, "password_file": secret("determined_password", "watchdog")},
        "prometheus": {"url": systems},
        "alertmanagers": [{"url": systems}, {"url": f"{systems}{SECOND_PEER}"}],
        "slack": {
            "api_url": f"{systems}/api/",
            "bot_token_file": secret("slack_bot_token", "xoxb-benchmark"),
            "admin_channel": "C01GPUADMINS",
        },
        "api_tokens": [token],
    }
    path = folder / "watchdog.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path
