"""The Dockerfile: what is in the image, who runs it, and how its health is seen."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from demo.processes import free_port
from tests.deploy.compose import mounts, services
from tests.deploy.dockerfile import ROOT, one, stages

BUILD, FINAL = stages()


class _Health(BaseHTTPRequestHandler):
    code = 200

    def do_GET(self) -> None:
        self.send_response(self.code if self.path == "/-/healthy" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Ill(_Health):
    code = 503


@pytest.fixture(params=[_Health, _Ill], ids=["healthy", "ill"])
def watched(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """A port where something answers, and whether it says that it is well."""
    with HTTPServer(("127.0.0.1", 0), request.param) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port, request.param is _Health
        server.shutdown()


def health_check(port: int) -> int:
    python, *arguments = one(FINAL, "HEALTHCHECK").words
    assert python == "python"
    command = [sys.executable, *(part.replace("8090", str(port)) for part in arguments)]
    # A proxy for the way out has nothing to do with it.
    done = subprocess.run(  # noqa: S603  # the image's own command
        command, capture_output=True, check=False, env={"http_proxy": "http://127.0.0.1:1"}
    )
    return done.returncode


def test_health_check_sees_whether_the_watchdog_is_well(watched: tuple[int, bool]) -> None:
    port, is_well = watched

    assert (health_check(port) == 0) is is_well


def test_health_check_sees_that_nobody_is_there() -> None:
    assert health_check(free_port()) != 0


def test_image_is_run_by_somebody_without_rights() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", one(FINAL, "USER").rest)
    # As the secrets belong to them.
    assert services()["gpu-watchdog"]["group_add"] == [one(FINAL, "USER").rest.split(":")[1]]


def test_folders_that_volumes_are_put_upon_belong_to_that_user() -> None:
    made = one(FINAL, "RUN").rest
    uid, gid = one(FINAL, "USER").rest.split(":")

    written = [t for source, t in mounts(services()["gpu-watchdog"]) if source[0] not in "./"]

    assert written
    for folder in written:
        assert re.search(rf"install -d .*-o {uid} -g {gid} .*{folder}\b", made)


def test_nothing_that_installs_is_left_in_the_image() -> None:
    made = one(FINAL, "RUN").rest

    assert made.startswith("python -m pip uninstall --yes pip setuptools wheel")
    assert all("--without-pip" in each for each in re.findall(r"venv [^&]*", steps()))


def steps() -> str:
    return " && ".join(each.rest for each in BUILD if each.name == "RUN")


def test_everything_that_is_installed_is_locked_and_is_a_wheel() -> None:
    installs = re.findall(r"\binstall [^&]*", steps())

    assert len(installs) == 3
    for each in installs:
        locked = "--require-hashes" in each and "--only-binary :all:" in each
        assert locked or "--no-deps --no-index" in each


def test_what_is_copied_is_there_and_gets_into_the_build() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if "!" in line]
    copied = [path for each in BUILD if each.name == "COPY" for path in each.words[:-1]]

    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert {path for path in copied if any(fnmatch(path, one) for one in let_in)} == set(copied)
    assert set(let_in) == set(copied), "what is not needed stays out"


def test_port_is_the_one_that_the_example_listens_at() -> None:
    example = yaml.safe_load((ROOT / "watchdog.example.yaml").read_text())

    assert one(FINAL, "EXPOSE").rest == str(example["listen_port"])
    assert f"{example['listen_port']}" in one(FINAL, "HEALTHCHECK").rest
    assert example["listen_host"] == "0.0.0.0"  # noqa: S104  # in its container


def test_configuration_is_where_compose_puts_it() -> None:
    where = dict(mounts(services()["gpu-watchdog"]))["./config"]

    assert f"WATCHDOG_CONFIG={where}/watchdog.yaml" in one(FINAL, "ENV").rest


def test_base_is_one_release_of_the_python_that_everything_is_locked_for() -> None:
    text = (ROOT / "Dockerfile").read_text()

    [image] = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.MULTILINE)

    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", image)
    assert [stage[0].rest.split()[0] for stage in (BUILD, FINAL)] == ["${PYTHON_IMAGE}"] * 2
