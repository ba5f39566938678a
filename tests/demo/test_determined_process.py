"""The simulation as a process: where it listens, and when it ends."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from demo.addresses import reserve_agents
from demo.cluster.cluster import Options
from demo.listener import Listener, reserve
from demo.plain import PLAIN
from demo.simulation import simulation

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "demo.simulation", "--speed", "100"]


def alive(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_two_simulations_run_side_by_side() -> None:
    async with (
        simulation(Options()) as one,
        simulation(Options()) as two,
        httpx.AsyncClient(verify=PLAIN) as client,
    ):
        answers = [await client.get(f"{each.determined}/info") for each in (one, two)]

    assert [answer.status_code for answer in answers] == [200, 200]
    addresses = [agent.address for each in (one, two) for agent in each.agents.values()]
    assert len(set(addresses)) == 4


async def test_nothing_listens_afterwards() -> None:
    async with simulation(Options()) as addresses:
        pass

    async with httpx.AsyncClient(verify=PLAIN) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{addresses.determined}/info")


def test_agents_share_three_other_ports_where_a_usual_one_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as wildcard:  # noqa: S104 - the case in question
        taken = wildcard.getsockname()[1]

        reserved = reserve_agents(["a", "b"], usual=(taken, 0, 0))

        ports = [[one.getsockname()[1] for one in sockets] for sockets in reserved.values()]
        for one in (one for sockets in reserved.values() for one in sockets):
            one.close()
    assert ports[0] == ports[1]
    assert taken not in ports[0]
    assert len(set(ports[0])) == 3


async def test_closed_listener_refuses_and_keeps_its_address() -> None:
    listener = Listener(_say_yes, reserve("127.0.0.1"))
    await listener.open()
    await listener.close()

    async with httpx.AsyncClient(verify=PLAIN) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(listener.url)
        with socket.socket() as rival, pytest.raises(OSError, match="in use"):
            rival.bind(listener.address)
        await listener.open()
        answer = await client.get(listener.url)
    await listener.release()

    assert answer.status_code == 204


async def _say_yes(scope: object, receive: object, send: object) -> None:
    del scope, receive
    assert callable(send)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        assert process.stdout is not None
        json.loads(process.stdout.readline())

        process.send_signal(number)

        assert process.wait(timeout=10) == 0


def test_end_of_standard_input_ends_it_when_asked() -> None:
    with subprocess.Popen(  # noqa: S603 - our own module
        [*COMMAND, "--exit-with-stdin"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        json.loads(process.stdout.readline())

        process.stdin.close()

        assert process.wait(timeout=10) == 0


def test_death_of_the_parent_ends_it() -> None:
    parent = (
        "import subprocess, sys, os\n"
        f"child = subprocess.Popen({COMMAND!r}, stdout=subprocess.PIPE, text=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "os._exit(0)\n"
    )

    result = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", parent],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    pid = int(result.stdout)
    deadline = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < deadline, "the simulation outlived its parent by 10 s"
        time.sleep(0.01)
