"""How long the whole receiver takes from its start to its first 200 on `/-/ready`."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import yaml

from app.settings import CONFIG_VARIABLE
from demo.commands import receiver_command, simulation_command
from demo.processes import Program, free_port, wait_until
from demo.simulation import Addresses, read_addresses
from demo.slack.state import BOT_TOKEN

_NOTHING_FIRES = {
    "/api/v1/alerts": {"status": "success", "data": {"alerts": []}},
    "/api/v2/alerts": [],
    "/api/v2/silences": [],
}
_LONGEST = 60.0  # seconds


class _Quiet(BaseHTTPRequestHandler):
    """Answers as a Prometheus and an Alertmanager do that have nothing to tell."""

    def do_GET(self) -> None:
        body = json.dumps(_NOTHING_FIRES[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        return


@contextlib.contextmanager
def quiet_systems() -> Iterator[tuple[str, Addresses]]:
    """Run all that the receiver asks. Yields the address of Prometheus and Alertmanager, and
    where the simulated Determined and Slack are.
    """
    command = [*simulation_command(factor=1, seed=1, mig_agent=False), "--exit-with-stdin"]
    pipe = subprocess.PIPE
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as simulation,  # noqa: S603  # our own arguments
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert simulation.stdout is not None  # noqa: S101 -- a pipe was asked for.
        try:
            addresses = read_addresses(simulation.stdout.readline())
            yield f"http://127.0.0.1:{server.server_port}", addresses
        finally:
            server.shutdown()
            simulation.terminate()


def seconds_to_ready(database_url: str, folder: Path) -> float:
    """Start the receiver once, on a database that is empty.

    Raises:
        ProgramError: it ended by itself.
    """
    with quiet_systems() as (quiet, simulated):
        port = free_port()
        config = write_settings(folder, database_url, port, quiet, simulated)
        environment = {CONFIG_VARIABLE: str(config)}
        receiver = Program("receiver", receiver_command(), folder / "receiver.log", environment)

        def is_ready() -> bool:
            receiver.require_running()
            with contextlib.suppress(httpx.TransportError):
                return client.get("/-/ready").status_code == httpx.codes.OK
            return False

        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            began = time.perf_counter()
            receiver.start()
            try:
                wait_until(is_ready, "the receiver is ready", within=_LONGEST)
                return time.perf_counter() - began
            finally:
                receiver.end()


def write_settings(
    folder: Path, database_url: str, port: int, quiet: str, simulated: Addresses
) -> Path:
    """Write the receiver's configuration, with what it has to say and defaults for the rest."""

    def secret(name: str, text: str) -> str:
        path = folder / name
        path.write_text(text)
        return str(path)

    token = {"name": "alertmanager", "role": "alertmanager", "file": secret("token", "benchmark")}
    settings = {
        "database_url": database_url,
        "listen_port": port,
        "determined": {
            "url": simulated.determined,
            "password_file": secret("determined_password", "watchdog"),
        },
        "prometheus": {"url": quiet},
        "alertmanagers": [{"url": quiet}],
        "slack": {
            "api_url": f"{simulated.slack}/api/",
            "bot_token_file": secret("slack_bot_token", BOT_TOKEN),
            "admin_channel": "C01GPUADMINS",
        },
        "api_tokens": [token],
    }
    path = folder / "watchdog.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path
