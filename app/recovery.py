"""Has an alert that fires no more recovered, or are we blind? Asked of Prometheus (S5)."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from app.context import Context
from app.domain import events as e
from app.domain.by_hand import is_by_hand
from app.domain.incident import Incident
from app.domain.proof import freshness
from app.domain.reasons import Reason
from app.domain.steps import is_under_way, open_intents
from app.domain.world import World
from app.errors import StaleIncidentError, UpstreamError
from app.loops import contained
from app.ports import IncidentStore, Rules
from app.recorder import Recorder

_AT_A_TIME = 50
"""How many incidents a tick asks about. The others have their turn at the next ticks."""


class Recovery:
    def __init__(
        self,
        rules: Rules,
        store: IncidentStore,
        recorder: Recorder,
        context: Context,
        *,
        go_on: Callable[[], Awaitable[None]],
    ) -> None:
        """`go_on`: is awaited before each question; raises where another replica has taken over."""
        self._rules = rules
        self._store = store
        self._go_on = go_on
        self._recorder = recorder
        self._context = context
        self._failed = context.telemetry.step_failed
        self._asked: dict[str, datetime] = {}
        self._loaded: dict[str, bool] = {}

    async def ask(self, incidents: Sequence[Incident], world: World) -> None:
        """Close the incidents whose condition is seen to be over.

        "Not seen any more" is not "seen to be over": without fresh samples nothing is concluded.
        """
        if world.firing is None:
            return
        quiet = [each for each in incidents if self._is_quiet(each, world)]
        self._asked = {each.incident_id: self._last(each) for each in quiet}
        self._loaded = {}
        for incident in sorted(quiet, key=self._last)[:_AT_A_TIME]:
            self._asked[incident.incident_id] = self._context.now()
            await self._go_on()
            event = await self._event(incident)
            with contained("reconcile", self._failed), suppress(StaleIncidentError):
                await self._recorder.record(incident, *_meaning(incident, event))
            if isinstance(event, e.Blind) and event.reason is Reason.PROMETHEUS_UNAVAILABLE:
                # It would keep all others waiting as long, and the whole tick with them.
                return

    async def forget(self, dismissed: Sequence[Incident], world: World) -> None:
        """Let what an admin has called false count again once its condition was seen to be over."""
        if world.firing is None:
            return
        for incident in dismissed[:_AT_A_TIME]:
            if incident.identity.key in world.firing:
                continue
            await self._go_on()
            ended = _has_ended(incident, world)
            event = None if ended else await self._event(incident)
            if ended or isinstance(event, e.RecoveryObserved | e.RuleGone):
                await self._store.forget_dismissal(incident.identity.key)

    def _last(self, incident: Incident) -> datetime:
        return self._asked.get(incident.incident_id, incident.opened_at)

    def _is_quiet(self, incident: Incident, world: World) -> bool:
        """Tell whether Prometheus no longer reports an incident that recovery can close.

        While a stop may be under way it cannot: our own call empties the GPU, too. Nor while GPUs
        that it has freed are still to be seen.
        """
        if incident.identity.key in (world.firing or {}):
            return False
        if is_by_hand(incident) or any(target.request for target in incident.open_targets):
            # A person wants it stopped, in use or not.
            return False
        if incident.is_looked_after:
            return False
        under_way = any(is_under_way(target) for target in incident.targets)
        return not under_way

    async def _event(self, incident: Incident) -> e.Event | None:
        try:
            if not await self._is_loaded(incident.identity.alertname):
                return e.RuleGone("Prometheus has no such rule")
            if not incident.expressions.verify or not incident.expressions.evidence:
                return self._never_reported(incident)
            verify = await self._rules.query(incident.expressions.verify)
            evidence = await self._rules.query(incident.expressions.evidence)
        except UpstreamError as exc:
            return e.Blind(Reason.PROMETHEUS_UNAVAILABLE, str(exc))
        if verify:
            # The condition holds, and the alert only waits for its `for`: Prometheus restarted.
            return None
        blind = next(freshness(evidence, self._context.rulebook.limits.evidence_age), None)
        if blind:
            return e.Blind(*blind)
        ages = [sample.value for sample in evidence]
        return e.RecoveryObserved({"verify": [], "evidence_seconds": ages})

    async def _is_loaded(self, alertname: str) -> bool:
        """Ask once a tick for each rule: the list of all rules is long."""
        if alertname not in self._loaded:
            self._loaded[alertname] = await self._rules.has_alert(alertname)
        return self._loaded[alertname]

    def _never_reported(self, incident: Incident) -> e.Event | None:
        """Close what the webhook claimed and Prometheus never confirmed."""
        if self._context.now() - incident.opened_at < self._context.rulebook.limits.unconfirmed:
            return None
        return e.RuleGone("Prometheus never reported the alert")


def _has_ended(incident: Incident, world: World) -> bool:
    """Tell whether Determined no longer lists the allocation that the alert is about."""
    one = incident.identity.allocation_id
    return bool(one) and world.snapshot is not None and one not in world.snapshot.allocations


def _meaning(incident: Incident, event: e.Event | None) -> Iterator[e.Event]:
    """Yield what follows for the incident, whose stops may have failed before.

    What is over takes them back; then the incident is held, and closed at the next tick.
    """
    failed = [target.allocation_id for target in open_intents(incident)]
    match event:
        case None:
            return

        case e.RecoveryObserved(evidence=evidence) if failed:
            for each in failed:
                yield e.StopWithdrawn(each, Reason.RECOVERED, evidence=evidence)

        case e.RuleGone(detail=detail) if failed:
            for each in failed:
                yield e.StopWithdrawn(each, Reason.RULE_GONE, detail)

        case e.Blind() if failed:
            # The executor says why the stop is not tried again.
            return

        case _:
            yield event
