"""Programs that are started, watched and ended by whoever runs the demo or a test."""

import contextlib
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_END = 10.0  # seconds that a program has to end when asked
_LAST_LINES = 20
_numbers = random.SystemRandom()


class ProgramError(Exception):
    """A program did not start, or ended by itself; the message has the end of its log."""


def find_program(variable: str, *names: str) -> str:
    """Return the program that the environment names, or the first of `names` on the PATH.

    Raises:
        ProgramError: there is none.
    """
    named = os.environ.get(variable)
    for name in (named,) if named else names:
        path = shutil.which(name)
        if path:
            return path
    raise ProgramError(
        f"{names[0]} is not here: install it (on Debian, `make demo` does), "
        f"or name the program in the variable {variable}"
    )


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on, for a program to be started in a moment.

    It is below the range from which Linux takes the ports of outgoing connections, so that none of
    those takes it meanwhile.
    """
    while True:
        port = _numbers.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port


def wait_until(
    true: Callable[[], bool], what: str, *, within: float = 30.0, every: float = 0.02
) -> None:
    """Return when the condition holds.

    Raises:
        TimeoutError: it did not, within so many seconds; the message says what was awaited.
    """
    ends = time.monotonic() + within
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {within:g} s")
        time.sleep(every)


@dataclass
class Program:
    """One program, with its output in a file."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(  # noqa: S603 -- the demo's own commands.
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | self.environment,
                # Ctrl-C is for the demo, which then ends its programs in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 -- one C call, no threads yet.
            )

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self._running.pid if self._running is not None else None

    def require_running(self) -> None:
        """Raises: ProgramError: the program has ended by itself."""
        if self._running is not None and self._running.poll() is not None:
            raise ProgramError(f"{self.name} ended by itself:\n{self.last_lines()}")

    def last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_LAST_LINES:])

    def end(self) -> None:
        """Ask the program to end, and make it if it does not."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash of the machine would."""
        self._signal(signal.SIGKILL)

    def suspend(self) -> None:
        """Let it take connections, and answer none, until it is resumed."""
        if self._running is not None:
            self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._running is not None:
            self._running.send_signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._running.send_signal(number)
        try:
            self._running.wait(_END)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None


def _die_with_parent() -> None:
    """Ask the kernel to end the program when the demo dies, however it dies (Linux only)."""
    libc: Any = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
