"""A user who holds more slots than the limit, while somebody else waits."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.alert import Identity, Scope
from app.domain.breaker import BreakerLimits
from app.domain.cluster import Allocation, Container, QueuedJob
from app.domain.incident import Incident, IncidentState
from app.domain.policy import Policy, SlotLimits, StopAction
from tests.domain.examples import ALLOCATION, IDENTITY
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, Receiver
from tests.receiver.world import World, sibling

OVER = Identity(
    alertname="UserOverSlotLimit",
    severity="warning",
    policy="slots",
    scope=Scope.USER,
    username="bob",
    resource_pool="default",
)
SLOTS = Policy("slots", action=StopAction.KILL, grace_default=GRACE, attempts=3)
LIMITED = replace(
    RULEBOOK,
    policies={POLICY.name: POLICY, SLOTS.name: SLOTS},
    slot_limits=SlotLimits(default=1),
    breaker=BreakerLimits(floor=3),
)
"""Whoever holds more than one slot gives back, while others wait."""
OLD, IDLE, NEW = ALLOCATION, sibling(1)[0].allocation_id, sibling(2)[0].allocation_id
"""Bob's tasks, in the order in which they began. Each holds one of the four GPUs of one agent."""


def job(slots: int = 2, username: str = "carol", **more: object) -> QueuedJob:
    known = {"job_id": username, "username": username, "slots": slots, "least": slots}
    return QueuedJob(**(known | more))  # type: ignore[arg-type] # The words of the test.


def idles(world: World, allocation_id: str = IDLE) -> None:
    """Let Prometheus report that the task is idle. Nobody but the choice pays heed to it here."""
    task_id = allocation_id.rpartition(".")[0]
    identity = replace(IDENTITY, allocation_id=allocation_id, task_id=task_id, policy="advise")
    world.fires(identity)


def running(number: int, *, agent: str = "agent-a", **changes: object) -> Allocation:
    """Return another task of bob's, with one GPU."""
    _, allocation = sibling(number)
    container = Container(f"c{number}", agent, (f"GPU-{number}",))
    return replace(allocation, containers=(container,), **changes)  # type: ignore[arg-type] # Likewise.


async def is_over_the_limit(world: World, receiver: Receiver, **changes: object) -> None:
    """Let bob hold three slots of four, carol wait for two, and the alert fire."""
    receiver.rulebook = replace(LIMITED, **changes)  # type: ignore[arg-type] # Likewise.
    world.determined.agents = {"agent-a": 4}
    await receiver.restart()
    await receiver.settles()
    for number in (1, 2):
        world.determined.starts(running(number))
        await receiver.run(MINUTE)
    world.determined.queue = [job(3)]
    idles(world)
    world.fires(OVER)


async def about_bob(receiver: Receiver) -> Incident:
    """Return the newest incident about what bob holds."""
    found = [each for each in await receiver.incidents() if each.identity == OVER]
    return found[-1]


def named(incident: Incident) -> list[str]:
    return [each.allocation_id for each in incident.open_targets]


def outcomes(incident: Incident) -> dict[str, IncidentState | None]:
    return {each.allocation_id: each.outcome for each in incident.targets}


def killed(world: World) -> Sequence[str]:
    return [call.allocation_id for call in world.determined.calls]
