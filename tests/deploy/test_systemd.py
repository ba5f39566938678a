"""The units and drop-ins for machines without containers, and the script that puts them there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.compose import ROOT, services

UNITS = ROOT / "systemd"
EXPOSED_AT_MOST = 15
"""Tenths, of 100: what systemd-analyze calls OK ends at 40."""
DROPINS = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "alertmanager",
    "prometheus-node-exporter": "node-exporter",
}
"""Debian's service, and the one of compose.yaml that does the same."""


def install(root: Path) -> None:
    command = [ROOT / "scripts/install-files", root]
    subprocess.run(command, check=True, timeout=30)  # noqa: S603  # the repository's own script


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's root with the files, and as little else as systemd asks for."""
    root = tmp_path_factory.mktemp("root")
    install(root)
    for name in ("opt/gpu-watchdog/bin/gpu-watchdog", "bin/ln", *(f"usr/bin/{d}" for d in DROPINS)):
        program = root / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch(0o755)
    for name in DROPINS:
        # What Debian's units have, in short: that the drop-ins change it is the point.
        unit = root / f"etc/systemd/system/{name}.service"
        unit.write_text("[Service]\nUser=root\nExecStart=/usr/bin/false $ARGS\n")
    return root


@pytest.fixture(scope="module")
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd on this machine")
    return program


@pytest.mark.parametrize("name", ["gpu-watchdog", *DROPINS])
def test_systemd_finds_nothing_wrong(installed: Path, analyze: str, name: str) -> None:
    command = [analyze, "verify", f"--root={installed}", "--man=no", f"{name}.service"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603

    # Of targets that this root has not it complains, rightly.
    ours = [line for line in done.stderr.splitlines() if f"{name}.service" in line]
    assert [line for line in ours if "not found" not in line.lower()] == []


def test_service_can_do_little_else_than_its_work(analyze: str) -> None:
    unit = UNITS / "gpu-watchdog.service"
    command = [analyze, "security", "--offline=true", f"--threshold={EXPOSED_AT_MOST}", str(unit)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 0, done.stdout[-3_000:]


def credentials(text: str) -> dict[str, str]:
    return dict(re.findall(r"^LoadCredential=(\w+):(\S+)$", text, re.MULTILINE))


def dropin(name: str) -> str:
    return (UNITS / f"{name}.service.d/gpu-watchdog.conf").read_text()


def test_watchdog_gets_the_same_secrets_as_in_its_container() -> None:
    given = credentials((UNITS / "gpu-watchdog.service").read_text())

    # compose.yaml's are held to the example.
    expected = {
        s if isinstance(s, str) else s["source"] for s in services()["gpu-watchdog"]["secrets"]
    }
    assert set(given) == expected
    assert given == {name: f"/etc/gpu-watchdog/secrets/{name}" for name in given}


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_secrets_that_a_configuration_reads_are_credentials_of_its_service(
    installed: Path, name: str
) -> None:
    service = "prometheus" if name == "prometheus" else f"prometheus-{name}"
    text = (installed / f"etc/gpu-watchdog/{name}/{name}.yml").read_text()

    read = re.findall(r"/run/(?:secrets|credentials)/\S+", text)

    assert read
    known = {f"/run/credentials/{service}.service/{one}" for one in credentials(dropin(service))}
    assert set(read) <= known


@pytest.mark.parametrize("name", DROPINS)
def test_service_is_started_as_in_its_container_but_for_its_places(name: str) -> None:
    flags = set(re.findall(r"--([\w.-]+)=?", dropin(name)))
    in_container = {
        re.sub(r"^--([\w.-]+).*", r"\1", flag) for flag in services()[DROPINS[name]]["command"]
    }

    # Which people's browsers know it by, and what a container sees of the machine.
    not_needed = {"web.external-url", "path.rootfs", "collector.filesystem.mount-points-exclude"}
    assert flags == in_container - not_needed


def test_files_are_those_that_a_container_mounts_but_for_where_secrets_are(
    installed: Path,
) -> None:
    etc = installed / "etc/gpu-watchdog"
    rules = sorted(path.name for path in (ROOT / "alerting-rules").glob("*.rules.yaml"))

    assert sorted(path.name for path in (etc / "alerting-rules").iterdir()) == rules
    for name in ("prometheus", "alertmanager"):
        ours = yaml.safe_load((ROOT / name / f"{name}.yml").read_text())
        there = (etc / name / f"{name}.yml").read_text()
        back = re.sub(r"/run/credentials/[\w.-]+\.service/", "/run/secrets/", there)
        assert yaml.safe_load(back) == ours
    assert (etc / "alertmanager/templates/admins.tmpl").exists()


def test_configuration_of_the_operator_is_left_alone(installed: Path) -> None:
    path = installed / "etc/gpu-watchdog/watchdog.yaml"
    assert path.read_text() == (ROOT / "watchdog.example.yaml").read_text()
    path.write_text("mode: enforce\n")

    install(installed)

    assert path.read_text() == "mode: enforce\n"
