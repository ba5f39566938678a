"""What is asked right before a stop, of Determined, Prometheus and Slack: what its proof reads."""

from dataclasses import replace

from app.domain.actions import Audience
from app.domain.evidence import Readings
from app.domain.incident import Incident, Target
from app.domain.observation import expressions_of
from app.domain.world import World
from app.errors import UpstreamError
from app.lookout import Systems


async def readings_of(
    incident: Incident, target: Target, world: World, systems: Systems
) -> Readings:
    """Ask them about one allocation. Who does not answer leaves its part unknown, and says why."""
    try:
        allocation = await systems.cluster.read_allocation(
            target.allocation_id, workspaces=world.rulebook.asks_for_workspaces
        )
    except UpstreamError as exc:
        # What Prometheus says counts all the same: a recovery may not be seen again (S9).
        read = Readings(None, allocation_error=_words(exc))
    else:
        read = Readings(allocation)
    alert = (world.firing or {}).get(incident.identity.key)
    if alert is None or target.request:
        # Who asks for a stop waits for no Prometheus.
        return read
    expressions = expressions_of(alert)
    if not expressions.verify or not expressions.evidence:
        return read
    try:
        verify = await systems.rules.query(expressions.verify)
        evidence = await systems.rules.query(expressions.evidence)
    except UpstreamError as exc:
        return replace(read, query_error=_words(exc))
    read = replace(read, verify=verify, evidence=evidence)
    try:
        recipient = await systems.messenger.recipient(Audience.OWNER, target.username)
    except UpstreamError as exc:
        return replace(read, recipient_error=_words(exc))
    return replace(read, recipient=recipient)


def _words(error: UpstreamError) -> str:
    return str(error) or type(error).__name__
