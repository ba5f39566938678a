"""A generated cluster: its agents, and the allocations that run or have ended on it.

All numbers that shape it stand here. They are assumptions about a busy laboratory, and the same
seed gives the same cluster.
"""

import random
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count

GPUS_PER_AGENT = 8
POOLS = ("default", "large")
ALLOCATED = 0.85
"""The share of GPUs that an allocation holds."""
ONE_IDLE_IN = 10
"""How many running allocations there are for each that does nothing. They are counted, not drawn by
lot: of the few of a small cluster that would be any share.
"""
ALLOCATIONS_PER_OWNER = 8
ENDED_PER_RUNNING = 10
"""Allocations that have ended since the master started, for each that runs. With a month between
two restarts of the master, that is an allocation that lives for three days on average."""

_SHARES = {(8,): 3, (4, 4): 2, (4, 2, 1, 1): 3, (2, 2, 2, 2): 1, (1,) * 8: 1}
"""How the GPUs of an agent are shared out, with weights."""
_TWO_AGENTS = 0.1
"""How often one allocation takes two whole agents instead."""
_TASK_TYPES = {"trial": 6, "notebook": 2, "shell": 1, "command": 1}
_MODELS = ("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB")


@dataclass(frozen=True, slots=True)
class Gpu:
    uuid: str
    index: int
    model: str


@dataclass(frozen=True, slots=True)
class Agent:
    agent_id: str
    address: str
    pool: str
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True)
class Container:
    container_id: str
    runtime_id: str
    """Docker's id, 64 hexadecimal digits."""
    agent: Agent
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    allocation_id: str
    task_id: str
    task_type: str
    job_id: str
    experiment_id: str
    """Empty when it is no trial."""
    username: str
    containers: tuple[Container, ...]
    idle: bool

    @property
    def gpus(self) -> Iterator[Gpu]:
        for container in self.containers:
            yield from container.gpus

    @property
    def pool(self) -> str:
        return self.containers[0].agent.pool


@dataclass(frozen=True, slots=True)
class Fleet:
    agents: tuple[Agent, ...]
    running: tuple[Allocation, ...]
    ended: tuple[Allocation, ...]
    """Their GPUs are others' by now; the containers name those that they had."""


def build_fleet(gpus: int, *, ended_per_running: int = ENDED_PER_RUNNING, seed: int = 1) -> Fleet:
    """Return a cluster with exactly so many GPUs."""
    numbers = random.Random(seed)
    agents = tuple(_agents(gpus, numbers))
    experiments = count(1)
    owners = [f"user-{number:04d}" for number in range(1 + gpus // (3 * ALLOCATIONS_PER_OWNER))]
    rounds = [
        [
            _allocation(
                placement,
                numbers.choice(owners),
                experiments,
                numbers,
                idle=number % ONE_IDLE_IN == ONE_IDLE_IN // 2,
            )
            for number, placement in enumerate(_taken(agents, numbers))
        ]
        for _ in range(ended_per_running + 1)
    ]
    running = rounds.pop()
    return Fleet(agents, tuple(running), tuple(chain.from_iterable(rounds)))


def _agents(gpus: int, numbers: random.Random) -> Iterator[Agent]:
    needed = -(-gpus // GPUS_PER_AGENT)
    for number in range(needed):
        here = min(GPUS_PER_AGENT, gpus - number * GPUS_PER_AGENT)
        large = number >= needed * 3 // 4
        yield Agent(
            agent_id=f"agent-{number:04d}",
            address=f"10.{20 + large}.{number // 250}.{number % 250 + 1}",
            pool=POOLS[large],
            gpus=tuple(Gpu(f"GPU-{_uuid(numbers)}", i, _MODELS[large]) for i in range(here)),
        )


def _placements(
    agents: Sequence[Agent], numbers: random.Random
) -> Iterator[list[tuple[Agent, tuple[Gpu, ...]]]]:
    """Yield for each allocation its agents, and its GPUs on each of them."""
    waiting = deque(agents)
    while waiting:
        agent = waiting.popleft()
        if waiting and waiting[0].pool == agent.pool and numbers.random() < _TWO_AGENTS:
            yield [(one, one.gpus) for one in (agent, waiting.popleft())]
            continue
        free = agent.gpus
        for size in numbers.choices(list(_SHARES), weights=list(_SHARES.values()))[0]:
            if free:
                yield [(agent, free[:size])]
            free = free[size:]


def _taken(
    agents: Sequence[Agent], numbers: random.Random
) -> Iterator[list[tuple[Agent, tuple[Gpu, ...]]]]:
    return (each for each in _placements(agents, numbers) if numbers.random() < ALLOCATED)


def _allocation(
    placement: Sequence[tuple[Agent, tuple[Gpu, ...]]],
    owner: str,
    experiments: Iterator[int],
    numbers: random.Random,
    *,
    idle: bool,
) -> Allocation:
    types = list(_TASK_TYPES)
    task_type = numbers.choices(types, weights=list(_TASK_TYPES.values()))[0]
    if len(placement) > 1:
        task_type = "trial"
    experiment_id = str(next(experiments)) if task_type == "trial" else ""
    task_id = f"{experiment_id}.{_uuid(numbers)}" if experiment_id else _uuid(numbers)
    return Allocation(
        allocation_id=f"{task_id}.1",
        task_id=task_id,
        task_type=task_type,
        job_id=_uuid(numbers),
        experiment_id=experiment_id,
        username=owner,
        containers=tuple(
            Container(_uuid(numbers), f"{numbers.getrandbits(256):064x}", agent, gpus)
            for agent, gpus in placement
        ),
        idle=idle,
    )


def _uuid(numbers: random.Random) -> str:
    return str(uuid.UUID(int=numbers.getrandbits(128), version=4))
