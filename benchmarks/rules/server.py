"""A Prometheus of the benchmark's own: it scrapes nothing, and is written to."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from benchmarks.machine import cpu_seconds
from benchmarks.rules.remote_write import HEADERS, snappy_block
from benchmarks.rules.rule_files import Group
from benchmarks.rules.series import INTERVAL
from demo.processes import Program, ProgramError, find_program, free_port, wait_until

_LONG = 600.0
_GLANCE = 0.5
"""Seconds between two looks at what it uses of the processors."""
_QUIET = 0.05
"""The share of one processor that is next to nothing."""
_SELDOM = {"GOGC": "400", "GOMEMLIMIT": "16GiB"}
"""Enough that no collection begins while a group is timed, after one right before."""
_CONFIG = f"""\
global: {{scrape_interval: {INTERVAL}s, evaluation_interval: {INTERVAL}s}}
rule_files: ["group.yaml"]
"""


@dataclass
class _Process(Program):
    @property
    def pid(self) -> int:
        """Raises: ProgramError: it does not run."""
        if self._running is None:
            raise ProgramError(f"{self.name} does not run")
        return self._running.pid


class PrometheusError(Exception):
    """Samples or rules were refused, an expression fails, or there was no answer in time."""


class Prometheus:
    """Starts with the context, and ends with it.

    Each call may raise `PrometheusError`, or `ProgramError` when Prometheus has ended by itself,
    which is mostly a lack of memory.
    """

    def __init__(self, folder: Path, *, history: int) -> None:
        """`history` is how many seconds before the newest sample may still be written."""
        self._folder = folder
        address = f"127.0.0.1:{free_port()}"
        self.address = f"http://{address}"
        self._client = httpx.Client(base_url=self.address, timeout=_LONG, trust_env=False)
        # The head takes samples that are half a block older than its newest. With blocks of twice
        # the history nothing is compacted either, so that no evaluation meets a compaction.
        block = f"{2 * history + 7_200}s"
        command = [
            find_program("PROMETHEUS", "prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--storage.tsdb.min-block-duration={block}",
            f"--storage.tsdb.max-block-duration={block}",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address={address}",
            "--web.enable-remote-write-receiver",
            "--web.enable-lifecycle",
            "--log.level=warn",
        ]
        self._process = _Process("Prometheus", command, folder / "prometheus.log", _SELDOM)

    def __enter__(self) -> Self:
        (self._folder / "prometheus.yml").write_text(_CONFIG)
        self._process.start()
        try:
            wait_until(self._is_ready, "Prometheus to be ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        # Nothing of it is kept, so it need not write its head to disk in peace.
        self._process.kill()
        self._client.close()

    def write(self, request: bytes) -> None:
        """Send a WriteRequest."""
        self._ask("POST", "/api/v1/write", content=snappy_block(request), headers=HEADERS)

    def load(self, group: Group) -> None:
        """Evaluate this group from now on, and no other."""
        self._load(group.text())

    def unload(self) -> None:
        """Evaluate nothing."""
        self._load("groups: []")

    def rest(self) -> None:
        """Wait until it does next to nothing: it tidies its memory after much was written."""
        used = 0.0

        def is_quiet() -> bool:
            nonlocal used
            before, used = used, cpu_seconds(self.pid)
            return used - before < _QUIET * _GLANCE

        wait_until(is_quiet, "Prometheus to rest", within=_LONG, every=_GLANCE)

    def collect_garbage(self) -> None:
        """Return when all garbage is collected.

        Of millions of series that takes one of two processors for ten seconds, and every rule that
        it happened to meet would seem three times as slow.
        """
        self._ask("GET", "/debug/pprof/heap", params={"gc": "1"})

    def _load(self, rules: str) -> None:
        (self._folder / "group.yaml").write_text(rules)
        self._ask("POST", "/-/reload")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the vector at this moment."""
        answer = self._ask("POST", "/api/v1/query", data={"query": expression})
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def rule_group(self) -> dict[str, Any]:
        """Return the one group that is loaded, with the times of its last evaluation."""
        groups: list[dict[str, Any]] = self._ask("GET", "/api/v1/rules").json()["data"]["groups"]
        return groups[0]

    def metric(self, name: str) -> float:
        """Return one of Prometheus's own metrics of the group that is loaded."""
        text = self._ask("GET", "/metrics").text
        found = re.search(rf"^{name}\{{[^}}]*\}} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    @property
    def pid(self) -> int:
        return self._process.pid

    def _is_ready(self) -> bool:
        self._process.require_running()
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401  # passed on
        try:
            answer = self._client.request(method, path, **request)
        except httpx.TransportError as exc:
            self._process.require_running()
            raise PrometheusError(f"{path} has no answer: {exc!r}") from exc
        if answer.is_error:
            raise PrometheusError(f"{path} is refused: {answer.text.strip()}")
        return answer
