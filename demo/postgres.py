"""A PostgreSQL server that lives as long as it is needed, in a folder of its own.

For the tests and the benchmarks; the demo itself runs on SQLite.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.processes import Program, ProgramError, wait_until

DEBIAN = Path("/usr/lib/postgresql")
_OWNER = "watchdog"
_FORGETFUL = {
    # What a test has written need not outlive the machine.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
}
_ALWAYS = {
    "listen_addresses": "",
    # The server's own time zone must make no difference.
    "timezone": "Asia/Kathmandu",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that runs, on a socket in its folder."""

    folder: Path

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+asyncpg://{_OWNER}@/{database}?host={self.folder}"


def find_postgres() -> Path:
    """Return the server program that the environment names, that of the PATH, or Debian's newest.

    Raises:
        ProgramError: there is none.
    """
    named = os.environ.get("POSTGRES")
    found = shutil.which(named or "postgres")
    if found:
        return Path(found).resolve()
    debians = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if debians and not named:
        return debians[-1]
    raise ProgramError(
        "postgres is not here: install it (on Debian, `make test` does), "
        "or name the program in the variable POSTGRES"
    )


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Make a server, and end it.

    `durable`: it has the settings that PostgreSQL comes with, and waits for its disk. Else it is
    quicker, and forgets with the power.

    Raises:
        ProgramError: it does not start; the message has the end of its log.
    """
    # Not below pytest's own folder, which the server's user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="watchdog-postgres-"))
    try:
        yield from _running(folder, _ALWAYS if durable else _ALWAYS | _FORGETFUL)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running(folder: Path, settings: Mapping[str, str]) -> Iterator[Postgres]:
    binaries = find_postgres().parent
    as_user = _as_user(folder)
    cluster, log = folder / "cluster", folder / "postgres.log"
    initdb = [str(binaries / "initdb"), "-D", str(cluster), "-U", _OWNER, "--auth=trust"]
    _run([*as_user, *initdb, "--no-sync", "--encoding=UTF8", "--locale=C"], folder)
    given = {**settings, "unix_socket_directories": str(folder)}
    options = [word for name, value in given.items() for word in ("-c", f"{name}={value}")]
    command = [*as_user, str(binaries / "postgres"), "-D", str(cluster), *options]
    server = Program("postgres", command, log, {})
    server.start()
    try:
        _await(server, cluster)
        yield Postgres(folder)
    finally:
        # At once, whoever is still connected: what it holds is thrown away.
        stop = [str(binaries / "pg_ctl"), "stop", "-D", str(cluster), "-m", "immediate"]
        subprocess.run([*as_user, *stop], capture_output=True, check=False)  # noqa: S603
        server.end()


def _as_user(folder: Path) -> list[str]:
    """Return how to run a program as a user who is not root, to whom the folder is given.

    PostgreSQL refuses root, which tests are in a container. Debian's package brings a user for it.
    The server ends at once when the tests do, however they end.
    """
    setpriv = shutil.which("setpriv")
    dies = ["--pdeathsig", "QUIT"]
    if os.geteuid() != 0:
        return [setpriv, *dies] if setpriv else []
    if not setpriv:
        raise ProgramError("postgres runs as no root, and there is no setpriv to be somebody else")
    users = {each.pw_name: each for each in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    be = ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    return [setpriv, *be, *dies]


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(  # noqa: S603  # our own arguments
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ProgramError(f"{' '.join(command)} ended by itself:\n{done.stdout}{done.stderr}")


def _await(server: Program, cluster: Path) -> None:
    """Wait until the server says that it is ready, in the last line of its own file."""
    state = cluster / "postmaster.pid"

    def is_ready() -> bool:
        server.require_running()
        return state.exists() and state.read_text().rstrip().endswith("ready")

    wait_until(is_ready, "PostgreSQL takes connections")
