"""The programs that a run starts."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.plain import PLAIN
from demo.processes import Program, free_port, wait_until


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}/"


@pytest.fixture
def server(tmp_path: Path, url: str) -> Iterator[Program]:
    """A program that answers at the address."""
    command = [sys.executable, "-m", "http.server", str(httpx.URL(url).port)]
    program = Program("server", [*command, "--bind", "127.0.0.1"], tmp_path / "server.log", {})
    program.start()
    wait_until(lambda: answers(url), "the server answers")
    yield program
    program.end()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False, verify=PLAIN).is_success
    except httpx.ConnectError:
        return False


def test_suspended_program_takes_connections_and_answers_none_until_it_is_resumed(
    server: Program, url: str
) -> None:
    server.suspend()

    with pytest.raises(httpx.ReadTimeout):
        httpx.get(url, timeout=0.2, trust_env=False, verify=PLAIN)
    assert server.is_running
    server.resume()
    assert answers(url)


def test_suspended_program_can_be_killed(server: Program) -> None:
    server.suspend()

    server.kill()

    assert not server.is_running
