"""The whole cluster: who and what there is, and how to find it."""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from demo.cluster.auth import Accounts
from demo.cluster.calls import CallLog, Faults
from demo.cluster.hardware import DEFAULT_POOL, make_agents, make_users
from demo.cluster.model import Agent, Allocation, Container, Experiment, Gpu, Task, Trial
from demo.cluster.sensors import ExporterSettings
from demo.cluster.state_metrics import StateMetrics
from demo.cluster.timeline import Timeline, wall_clock


@dataclass(frozen=True, slots=True)
class Options:
    """How this cluster differs from the usual one. Durations are those of a real cluster."""

    seed: int = 1
    speed: float = 1.0
    watchdog_password: str = "watchdog"  # noqa: S105 - an account of a simulation
    kill_latency: timedelta = timedelta(seconds=5)
    preemption_latency: timedelta = timedelta(seconds=20)
    """A trial that is paused or canceled writes a checkpoint first."""
    reconnect_wait: timedelta = timedelta(seconds=25)
    """How long the master waits for an agent that it lost."""
    session_life: timedelta = timedelta(days=7)
    ntsc_retention: timedelta = timedelta(hours=24)
    collect_interval: timedelta = timedelta(seconds=15)
    mig_agent: bool = False
    """Adds agent-c: one GPU cut in two instances."""


class Cluster:
    """State and indexes; no rule of behaviour lives here."""

    def __init__(
        self, options: Options | None = None, *, clock: Callable[[], datetime] = wall_clock
    ) -> None:
        self.options = options or Options()
        self.random = random.Random(self.options.seed)
        self.timeline = Timeline(speed=self.options.speed, clock=clock)
        self.started_at = self.timeline.now()
        self.accounts = Accounts(
            make_users(self.options.watchdog_password, at=self.started_at),
            timeline=self.timeline,
            session_life=self.options.session_life,
        )
        self.agents = make_agents(self.random, at=self.started_at, mig_agent=self.options.mig_agent)
        self.exporters = {agent_id: ExporterSettings() for agent_id in self.agents}
        self.metrics = StateMetrics()
        self.calls = CallLog()
        self.faults = Faults(self.timeline)
        self.tasks: dict[str, Task] = {}
        self.experiments: dict[int, Experiment] = {}
        self.trials: dict[int, Trial] = {}
        self.master_started_at = self.started_at
        self.default_pool = DEFAULT_POOL
        self.hidden_users: set[str] = set()
        """Users whose jobs the queue shows as `limited`, as RBAC does."""

    @property
    def pools(self) -> list[str]:
        return sorted({pool for agent in self.agents.values() for pool in agent.pools})

    @property
    def gpus(self) -> dict[str, Gpu]:
        return {gpu.uuid: gpu for agent in self.agents.values() for gpu in agent.gpus}

    def current_allocations(self) -> Iterator[Allocation]:
        """Yield what is queued or runs, the oldest first."""
        for task in self.tasks.values():
            if (allocation := task.current) is not None:
                yield allocation

    def allocation(self, allocation_id: str) -> Allocation | None:
        task = self.tasks.get(allocation_id.rpartition(".")[0])
        for allocation in task.allocations if task else ():
            if allocation.allocation_id == allocation_id:
                return allocation
        return None

    def containers_on(self, agent: Agent) -> Iterator[tuple[Allocation, Container]]:
        """Yield the containers that docker runs on the agent now."""
        for allocation in self.current_allocations():
            for container in allocation.containers:
                if container.agent is agent and container.started_at is not None:
                    yield allocation, container

    def connected_agents(self) -> list[Agent]:
        return [agent for agent in self.agents.values() if agent.connected]

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def relocate(self, agent_id: str, address: str, ports: tuple[int, ...]) -> None:
        """Give an agent the address and the ports that were found free."""
        agent = self.agents[agent_id]
        agent.address = address
        agent.dcgm_port, agent.cadvisor_port, agent.node_port = ports

    def configure_exporters(self, agent_id: str, **changes: object) -> None:
        settings = self.exporters[agent_id]
        self.exporters[agent_id] = replace(settings, **changes)  # type: ignore[arg-type] # The control interface checked the names.
