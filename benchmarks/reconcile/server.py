"""All that the receiver asks, as one server: it has the answers in memory, and takes no time.

    python -m benchmarks.reconcile.server FOLDER

It prints the port where it listens, and ends with its standard input.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from benchmarks.reconcile.determined import determined_answers
from benchmarks.reconcile.population import (
    Member,
    alertmanager_answer,
    prometheus_answer,
    silences_answer,
)

SILENCES = 50
SECOND_PEER = "/second-peer"
"""The path below which the other Alertmanager is."""
_SLACK = {
    "/api/auth.test": {"ok": True, "user_id": "U0WATCHDOG", "bot_id": "B0", "team_id": "T0"},
    "/api/chat.postMessage": {"ok": True, "channel": "C01GPUADMINS", "ts": "1795489200.000100"},
}


def answer_file(folder: Path, name: str) -> Path:
    """Return where an answer is. Its name is the path, of a job queue with the pool."""
    return folder / quote(name, safe="")


def write_answers(folder: Path, members: list[Member]) -> None:
    """Replace what is in the folder, which is made."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    answers = {
        "/api/v1/alerts": prometheus_answer(members),
        "/api/v2/alerts": alertmanager_answer(members),
        "/api/v2/silences": silences_answer(SILENCES),
    }
    for name, answer in (determined_answers(members) | _SLACK).items():
        answers[name] = json.dumps(answer, separators=(",", ":")).encode()
    for name, body in answers.items():
        answer_file(folder, name).write_bytes(body)


@contextmanager
def answering(folder: Path) -> Iterator[str]:
    """Run the server on the answers that are written there. Yields its address."""
    command = [sys.executable, "-m", "benchmarks.reconcile.server", str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as server:  # noqa: S603  # our own arguments
        assert server.stdout is not None  # noqa: S101 -- a pipe was asked for.
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def _handler(answers: Mapping[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = answers.get(asked(self.path))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_arguments: object) -> None:
            return

    return Handler


def asked(target: str) -> str:
    """Return the name of the answer to a path with its query."""
    url = urlsplit(target)
    path = url.path.removeprefix(SECOND_PEER)
    pools = parse_qs(url.query).get("resourcePool", [])
    return f"{path}?resourcePool={pools[0]}" if pools else path


def main() -> None:
    [folder] = sys.argv[1:]
    answers = {unquote(path.name): path.read_bytes() for path in Path(folder).iterdir()}
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(answers)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
