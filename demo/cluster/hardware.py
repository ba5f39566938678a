"""The start state: two agents with four GPUs each, and the people of a small laboratory."""

import random
import uuid
from datetime import datetime

from demo.cluster.model import Agent, Gpu, MigInstance, User

DEFAULT_POOL = "default"
H100 = "NVIDIA H100 80GB HBM3"
A100 = "NVIDIA A100-SXM4-80GB"
BUS_IDS = ("00000000:18:00.0", "00000000:2A:00.0", "00000000:3A:00.0", "00000000:5D:00.0")


def make_users(watchdog_password: str, *, at: datetime) -> dict[int, User]:
    people = [
        User(1, "admin", "", "admin", admin=True),
        User(2, "determined", "", ""),
        User(3, "alice", "Alice A.", "alice"),
        User(4, "bob", "Bob B.", "bob"),
        User(5, "carol", "Carol C.", "carol"),
        User(6, "dan", "Dan D.", "dan"),
        User(7, "watchdog", "GPU Watchdog", watchdog_password),
    ]
    for user in people:
        user.modified_at = at
    return {user.user_id: user for user in people}


def make_agents(numbers: random.Random, *, at: datetime, mig_agent: bool) -> dict[str, Agent]:
    agents = [
        _agent("agent-a", _gpus(numbers), at=at, systemd_cgroups=False),
        _agent("agent-b", _gpus(numbers), at=at, systemd_cgroups=True),
    ]
    if mig_agent:
        agents.append(_agent("agent-c", [_mig_gpu(numbers)], at=at, systemd_cgroups=True))
    return {agent.agent_id: agent for agent in agents}


def _agent(agent_id: str, gpus: list[Gpu], *, at: datetime, systemd_cgroups: bool) -> Agent:
    return Agent(
        agent_id=agent_id,
        gpus=gpus,
        pools=(DEFAULT_POOL,),
        address="127.0.0.1",
        registered_at=at,
        systemd_cgroups=systemd_cgroups,
    )


def _gpus(numbers: random.Random) -> list[Gpu]:
    return [
        Gpu(uuid=f"GPU-{_uuid(numbers)}", index=index, brand=H100, pci_bus_id=bus_id)
        for index, bus_id in enumerate(BUS_IDS)
    ]


def _mig_gpu(numbers: random.Random) -> Gpu:
    instances = tuple(
        MigInstance(profile="1g.10gb", instance_id=number, uuid=f"MIG-{_uuid(numbers)}")
        for number in (7, 9)
    )
    parent = f"GPU-{_uuid(numbers)}"
    return Gpu(uuid=parent, index=0, brand=A100, pci_bus_id=BUS_IDS[0], mig=instances)


def _uuid(numbers: random.Random) -> str:
    return str(uuid.UUID(int=numbers.getrandbits(128), version=4))
