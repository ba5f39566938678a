"""The whole simulated world in one process.

`python -m demo.simulation --speed 100 --seed 1` prints one line of JSON with every address
when all of it is listening, and runs until SIGTERM, SIGINT or the end of its parent.
"""

import argparse
import asyncio
import contextlib
import ctypes
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter
from starlette.types import ASGIApp

from demo.addresses import reserve_agents
from demo.cluster import control_app
from demo.cluster.cluster import Cluster, Options
from demo.cluster.exporters.app import ExporterKind, create_apps
from demo.cluster.rest.app import create_app
from demo.listener import Doors, Listener, reserve
from demo.slack import app as slack_app
from demo.slack.state import SlackState

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """An agent's own address, and the ports of its exporters there."""

    address: str
    dcgm: int
    cadvisor: int
    node: int

    def metrics_url(self, kind: ExporterKind) -> str:
        ports = {
            ExporterKind.DCGM: self.dcgm,
            ExporterKind.CADVISOR: self.cadvisor,
            ExporterKind.NODE: self.node,
        }
        return f"http://{self.address}:{ports[kind]}/metrics"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens."""

    determined: str
    control: str
    slack: str
    """The page, and below it `/api/` for clients and `/control` for those who switch things."""
    agents: dict[str, AgentAddress]


def read_addresses(line: str) -> Addresses:
    """Read what the process prints when all of it listens."""
    return TypeAdapter(Addresses).validate_json(line)


@contextlib.asynccontextmanager
async def simulation(options: Options) -> AsyncIterator[Addresses]:
    """Run the simulated world, on free ports of loopback addresses."""
    cluster = Cluster(options)
    doors = Doors()
    try:
        yield await _open(cluster, doors)
    finally:
        await doors.release_all()


async def _open(cluster: Cluster, doors: Doors) -> Addresses:
    sockets = reserve_agents(cluster.agents)
    for agent_id, reserved in sockets.items():
        apps = create_apps(cluster, agent_id)
        for kind, one in zip(ExporterKind, reserved, strict=True):
            doors.add(f"{agent_id}/{kind}", Listener(apps[kind], one))
        address, _ = reserved[0].getsockname()
        ports = tuple(one.getsockname()[1] for one in reserved)
        cluster.relocate(agent_id, address, ports)
    determined = _local(create_app(cluster))
    control = _local(control_app.create_app(cluster, doors))
    doors.add(control_app.MASTER_DOOR, determined)
    doors.add("control", control)
    slack = _local(slack_app.create_app(SlackState()))
    doors.add("slack", slack)
    await doors.open_all()
    return Addresses(
        determined=determined.url,
        control=control.url,
        slack=slack.url,
        agents={
            agent.agent_id: AgentAddress(
                address=agent.address,
                dcgm=agent.dcgm_port,
                cadvisor=agent.cadvisor_port,
                node=agent.node_port,
            )
            for agent in cluster.agents.values()
        },
    )


def _local(app: ASGIApp) -> Listener:
    return Listener(app, reserve("127.0.0.1"))


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        seed=arguments.seed,
        speed=arguments.speed,
        watchdog_password=arguments.watchdog_password,
        mig_agent=arguments.mig_agent,
    )


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=1.0, help="divides every duration")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--watchdog-password", default="watchdog")
    parser.add_argument("--mig-agent", action="store_true", help="add an agent with MIG")
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="end when standard input is closed"
    )
    return parser.parse_args(argv)


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.exit_with_stdin:
        await _watch_stdin(stop)
    async with simulation(_options(arguments)) as addresses:
        print(json.dumps(asdict(addresses)), flush=True)
        await stop.wait()


async def _watch_stdin(stop: asyncio.Event) -> None:
    class UntilClosed(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            del exc
            stop.set()

    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(UntilClosed, sys.stdin)


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies (Linux only)."""
    libc: Any = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main(argv: list[str] | None = None) -> None:
    arguments = _parse(argv)
    _end_with_parent()
    asyncio.run(_run(arguments))


if __name__ == "__main__":
    main()
