"""The set-up's own logic, on a PATH that holds only what a test puts there."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What every Debian has. apt-get, dpkg, uv and sudo are missing on purpose.
ESSENTIAL = [
    "awk",
    "basename",
    "bash",
    "cat",
    "dirname",
    "env",
    "grep",
    "mkdir",
    "sed",
    "sort",
    "stat",
    "tr",
]
BINARIES = {
    "PROMETHEUS": "prometheus",
    "PROMTOOL": "promtool",
    "ALERTMANAGER": "prometheus-alertmanager",
    "AMTOOL": "amtool",
    "CHROMIUM": "chromium",
}
PACKAGES = ["chromium", "postgresql", "prometheus", "prometheus-alertmanager"]
POSTGRES = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine with the repository's scripts and very few programs."""

    root: Path

    def put(self, name: str, body: str) -> Path:
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)
        return path

    def put_binary(self, name: str, version: str) -> Path:
        return self.put(name, f'echo "{name}, version {version} (branch: HEAD)"')

    def put_postgres(self, version: str = "15") -> Path:
        """Put a server where Debian puts it: beside its version, and not on PATH."""
        folder = self.root / "debian" / version / "bin"
        folder.mkdir(parents=True)
        path = self.put(f"postgres-{version}", f'echo "{POSTGRES.replace("15", version)}"')
        return path.rename(folder / "postgres")

    def set_up(self, **variables: str) -> subprocess.CompletedProcess[str]:
        here = {"PATH": str(self.root / "bin"), "DEBIAN_POSTGRES": str(self.root / "debian")}
        environment = BINARIES | {"PYTHON": "", "POSTGRES": ""} | here | variables
        return subprocess.run(  # noqa: S603  # the repository's own script
            [self.root / "scripts/set-up-system"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without apt, Prometheus and Alertmanager."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "bin").mkdir()
    for name in ESSENTIAL:
        program = shutil.which(name)
        assert program, f"{name} is not installed"
        (tmp_path / "bin" / name).symlink_to(program)
    machine = Machine(tmp_path)
    machine.put("python3", f'exec {sys.executable} "$@"')
    return machine


@pytest.fixture
def complete(machine: Machine) -> Machine:
    """A machine that has everything."""
    for name in BINARIES.values():
        machine.put_binary(name, "2.42.0")
    machine.put_postgres()
    return machine


@pytest.fixture
def debian(machine: Machine) -> Machine:
    """A machine with apt, whose installer notes what it is asked for and brings everything."""
    machine.put("apt-get", "exit 1")
    machine.put("dpkg", "exit 1")
    # An ordinary user goes through sudo, root does not.
    machine.put("sudo", 'exec "$@"')
    installer = machine.root / "scripts/install-debian-packages"
    brought = "\n".join(
        f"printf '#!/bin/bash\\necho \"x, version 2.42.0\"\\n' >bin/{name} && {chmod} bin/{name}"
        for name in BINARIES.values()
        for chmod in [f"{shutil.which('chmod')} +x"]
    )
    server = machine.put_postgres().rename(machine.root / "postgres")
    brought += f"\n{shutil.which('cp')} {server} debian/15/bin/postgres"
    installer.write_text(f'#!/bin/bash\necho "$@" >>asked\n{brought}\n')
    return machine


def test_without_apt_it_says_what_to_install_and_how_to_name_it(machine: Machine) -> None:
    result = machine.set_up()

    assert result.returncode != 0
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for variable in (*BINARIES, "POSTGRES", "PYTHON"):
        assert f"{variable}=/" in result.stderr


def test_it_says_what_it_found_once(complete: Machine) -> None:
    first = complete.set_up()

    second = complete.set_up()

    assert first.returncode == 0, first.stderr
    assert f"prometheus 2.42.0 found at {complete.root}/bin/prometheus" in first.stderr
    assert f"postgres 15.18 found at {complete.root}/debian/15/bin/postgres" in first.stderr
    assert (second.returncode, second.stderr) == (0, "")


def test_it_says_so_again_when_a_binary_changes(complete: Machine) -> None:
    complete.set_up()
    complete.put_binary("prometheus", "3.5.10")

    result = complete.set_up()

    assert "prometheus 3.5.10 found" in result.stderr


@pytest.mark.parametrize(
    ("name", "version"), [("prometheus", "2.41.9"), ("promtool", "2.9.0"), ("amtool", "0.24.1")]
)
def test_too_old_a_version_is_refused(complete: Machine, name: str, version: str) -> None:
    complete.put_binary(name, version)

    results = [complete.set_up(), complete.set_up()]

    # Twice, because what was refused must not count as found.
    assert [result.returncode for result in results] == [1, 1]
    assert f"is version {version}" in results[1].stderr


def test_too_old_a_postgres_is_refused(complete: Machine) -> None:
    old = complete.put_postgres("9.6")

    result = complete.set_up(POSTGRES=str(old))

    assert result.returncode == 1
    assert "is version 9.6" in result.stderr


def test_of_several_versions_of_postgres_the_newest_is_used(complete: Machine) -> None:
    for version in ("9.6", "17"):
        complete.put_postgres(version)

    assert f"{complete.root}/debian/17/bin/postgres" in complete.set_up().stderr


def test_postgres_on_the_path_goes_before_debians(complete: Machine) -> None:
    complete.put("postgres", f'echo "{POSTGRES}"')

    assert f"{complete.root}/bin/postgres" in complete.set_up().stderr


def test_named_binary_is_used(machine: Machine, tmp_path: Path) -> None:
    own = {
        variable: str(machine.put_binary(f"my-{name}", "3.5.0"))
        for variable, name in BINARIES.items()
    }

    result = machine.set_up(**own, POSTGRES=str(machine.put_postgres()))

    assert result.returncode == 0, result.stderr
    assert f"found at {tmp_path}/bin/my-prometheus" in result.stderr


@pytest.mark.parametrize("variable", [*BINARIES, "POSTGRES", "PYTHON"])
def test_named_binary_that_is_missing_is_an_error(debian: Machine, variable: str) -> None:
    result = debian.set_up(**{variable: "/nowhere/tool"})

    assert result.returncode != 0
    assert f"{variable}=/nowhere/tool" in result.stderr
    assert not (debian.root / "asked").exists(), "nobody wanted a package in its place"


def test_missing_packages_are_asked_for_once(debian: Machine) -> None:
    results = [debian.set_up(), debian.set_up()]

    assert [result.returncode for result in results] == [0, 0], results[0].stderr
    assert (debian.root / "asked").read_text().split() == PACKAGES


def test_only_what_is_missing_is_installed(debian: Machine) -> None:
    for name in ("prometheus", "promtool"):
        debian.put_binary(name, "2.42.0")

    debian.set_up()

    asked = (debian.root / "asked").read_text().split()
    assert asked == ["chromium", "postgresql", "prometheus-alertmanager"]


def test_python_that_cannot_make_environments_gets_the_part_that_debian_packs_apart(
    debian: Machine,
) -> None:
    debian.put(
        "python3",
        f"""case "$*" in *ensurepip*) [ -e asked ] ;; *) exec {sys.executable} "$@" ;; esac""",
    )

    result = debian.set_up()

    major, minor = sys.version_info[:2]
    assert result.returncode == 0, result.stderr
    assert (debian.root / "asked").read_text().split() == [*PACKAGES, f"python{major}.{minor}-venv"]
