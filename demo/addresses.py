"""Addresses of loopback for the simulated agents."""

import errno
import random
import socket
from collections.abc import Iterable

from demo.listener import reserve

USUAL_PORTS = (9400, 8080, 9100)
"""dcgm-exporter, cAdvisor, node-exporter. Determined publishes the first two as constants."""
_ATTEMPTS = 50


def reserve_agents(
    agent_ids: Iterable[str], *, usual: tuple[int, int, int] = USUAL_PORTS
) -> dict[str, list[socket.socket]]:
    """Return three sockets for each agent, in the order of `usual`, on an address of its own.

    Where a listener on all addresses has one of the usual ports, three free ones are taken,
    the same for every agent.

    Raises:
        OSError: nothing is free.
    """
    names = list(agent_ids)
    for attempt in range(_ATTEMPTS):
        ports = usual if attempt < _ATTEMPTS // 2 else _other_ports()
        try:
            return _reserve_all(names, ports)
        except OSError as exc:
            if exc.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
    raise OSError(errno.EADDRINUSE, "no three free ports on any address of 127.87.0.0/16")


def _other_ports() -> tuple[int, ...]:
    # Below the range from which Linux takes the ports of outgoing connections.
    return tuple(random.SystemRandom().sample(range(20_000, 32_000), 3))


def _reserve_all(names: list[str], ports: tuple[int, ...]) -> dict[str, list[socket.socket]]:
    numbers = random.SystemRandom()
    reserved: dict[str, list[socket.socket]] = {name: [] for name in names}
    try:
        for sockets in reserved.values():
            address = f"127.87.{numbers.randint(1, 254)}.{numbers.randint(1, 254)}"
            for port in ports:
                sockets.append(_reserve_listenable(address, port))
    except OSError:
        for one in (one for sockets in reserved.values() for one in sockets):
            one.close()
        raise
    return reserved


def _reserve_listenable(address: str, port: int) -> socket.socket:
    """Reserve, and make sure that listening will work there, too."""
    reserved = reserve(address, port)
    try:
        with reserve(address, port) as probe:
            probe.listen()
    except OSError:
        reserved.close()
        raise
    return reserved
