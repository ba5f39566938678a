"""Has an alert that fires no more recovered, or are we blind? Asked of Prometheus (S5)."""

from collections.abc import Sequence
from datetime import datetime

from app.context import Context
from app.domain import events as e
from app.domain.incident import Incident, IncidentState
from app.domain.observation import World
from app.domain.proof import freshness
from app.domain.reasons import Reason
from app.errors import StaleIncidentError, UpstreamError
from app.ports import Rules
from app.recorder import Recorder

_AT_A_TIME = 50
"""How many incidents a tick asks about. The others have their turn at the next ticks."""


class Recovery:
    def __init__(self, rules: Rules, recorder: Recorder, context: Context) -> None:
        self._rules = rules
        self._recorder = recorder
        self._context = context
        self._asked: dict[str, datetime] = {}

    async def ask(self, incidents: Sequence[Incident], world: World) -> None:
        """Close the incidents whose condition is seen to be over.

        "Not seen any more" is not "seen to be over": without fresh samples nothing is concluded.
        """
        if world.firing is None:
            return
        quiet = [each for each in incidents if self._is_quiet(each, world)]
        self._asked = {each.incident_id: self._last(each) for each in quiet}
        for incident in sorted(quiet, key=self._last)[:_AT_A_TIME]:
            self._asked[incident.incident_id] = self._context.now()
            event = await self._event(incident)
            if event is None:
                continue
            try:
                await self._recorder.record(incident, event)
            except StaleIncidentError:
                continue

    def _last(self, incident: Incident) -> datetime:
        return self._asked.get(incident.incident_id, incident.opened_at)

    def _is_quiet(self, incident: Incident, world: World) -> bool:
        """Tell whether Prometheus no longer reports an incident that recovery can close."""
        stopping = incident.state is IncidentState.STOPPING
        return not stopping and incident.identity.key not in (world.firing or {})

    async def _event(self, incident: Incident) -> e.Event | None:
        try:
            if not await self._rules.has_alert(incident.identity.alertname):
                return e.RuleGone("Prometheus has no such rule")
            if not incident.expressions.verify or not incident.expressions.evidence:
                return self._never_reported(incident)
            verify = await self._rules.query(incident.expressions.verify)
            evidence = await self._rules.query(incident.expressions.evidence)
        except UpstreamError as exc:
            return e.StopBlocked(Reason.PROMETHEUS_UNAVAILABLE, str(exc))
        if verify:
            # The condition holds, and the alert only waits for its `for`: Prometheus restarted.
            return None
        blind = next(freshness(evidence, self._context.rulebook.limits.evidence_age), None)
        if blind:
            return e.StopBlocked(*blind)
        ages = [sample.value for sample in evidence]
        return e.RecoveryObserved({"verify": [], "evidence_seconds": ages})

    def _never_reported(self, incident: Incident) -> e.Event | None:
        """Close what the webhook claimed and Prometheus never confirmed."""
        if self._context.now() - incident.opened_at < self._context.rulebook.limits.unconfirmed:
            return None
        return e.RuleGone("Prometheus never reported the alert")
