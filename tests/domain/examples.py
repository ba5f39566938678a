"""Examples of domain values, with words for what is particular about each."""

from datetime import UTC, datetime, timedelta

from app.domain import events as e
from app.domain.actions import MessageKind, SendMessage
from app.domain.alert import Identity, Scope
from app.domain.breaker import BreakerState
from app.domain.cluster import Allocation, Container, Snapshot, TaskType
from app.domain.evidence import Readings
from app.domain.incident import (
    Demand,
    GivenWarning,
    Hold,
    Incident,
    IncidentState,
    IntentState,
    Receipt,
    RecipientKind,
)
from app.domain.lifecycle import advance
from app.domain.matchers import Matcher, Silence
from app.domain.opening import open_incident
from app.domain.outbox import Recipient
from app.domain.policy import Limits, Mode, Policy, Rulebook, StopAction
from app.domain.readings import PeerAlert, PeerAlertState, PeerReading, RuleAlert, Sample
from app.domain.reasons import Reason
from app.domain.release import Release
from app.domain.steps import Transition
from app.domain.world import World

T0 = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GRACE = timedelta(hours=2)
ALLOCATION = "c7a2ea20-b2f1-4c94-ae05-319acb5c7427.1"
TASK = "c7a2ea20-b2f1-4c94-ae05-319acb5c7427"
POLICY = Policy("reclaim", action=StopAction.KILL, grace={TaskType.NOTEBOOK: GRACE}, attempts=3)
LIMITS = Limits()
IDENTITY = Identity(
    alertname="GPUAllocationIdle",
    severity="warning",
    policy="reclaim",
    scope=Scope.ALLOCATION,
    username="bob",
    resource_pool="default",
    allocation_id=ALLOCATION,
    task_id=TASK,
    task_type="notebook",
)
RECEIPT = Receipt("D1", "1795489200.000100", RecipientKind.OWNER)
DEMAND = Demand(held=6, limit=4, waiting=8, free=2)
SILENCED = Hold(Reason.SILENCED, by="carol", until=T0 + timedelta(hours=8), detail="demo day")
ANNOTATIONS = {"summary": "idle", "verify": "idle{}", "evidence": "age{}"}
CALL = e.StopSending(ALLOCATION)
ACCEPTED = e.StopAnswered(ALLOCATION, IntentState.SENT, Reason.STOP_ACCEPTED)
REFUSED = e.StopAnswered(ALLOCATION, IntentState.UNCONFIRMED, Reason.STOP_REJECTED, "403")
UNANSWERED = e.StopAnswered(ALLOCATION, IntentState.UNCONFIRMED, Reason.STOP_UNCONFIRMED, "timeout")
NOT_SENT = e.StopNotSent(ALLOCATION, Reason.PROOF_OLD, "12 s")
WITHDRAWN = e.StopWithdrawn(ALLOCATION, Reason.SILENCED)
ENDED = e.AllocationEnded(ALLOCATION)
FREED = e.GpusSeen(ALLOCATION, Release.FREED)


def opened(mode: Mode = Mode.ENFORCE) -> Incident:
    return open_incident("i1", IDENTITY, mode=mode, annotations=ANNOTATIONS, at=T0).incident


def given_warning(at: datetime = T0, clock: timedelta = timedelta()) -> GivenWarning:
    return GivenWarning(
        at,
        clock=clock,
        deadline=at + GRACE,
        username="bob",
        announced=POLICY.announcement,
        channel=RECEIPT.channel,
    )


def warning_delivered(number: int = 1, receipt: Receipt = RECEIPT) -> e.WarningDelivered:
    return e.WarningDelivered(number, receipt, {ALLOCATION: given_warning()})


def proven(intent_id: str = "n1") -> e.StopProven:
    return e.StopProven(ALLOCATION, intent_id, {"verify": [0.0]})


def after(incident: Incident, *events: e.Event, at: datetime = T0) -> Incident:
    for event in events:
        incident = advance(incident, event, POLICY, at=at).incident
    return incident


def firing() -> Incident:
    """The alert fires and the first warning is ordered."""
    return after(opened(), e.AlertActive())


def notified() -> Incident:
    return after(firing(), warning_delivered())


def held() -> Incident:
    return after(notified(), e.HoldsObserved((SILENCED,)))


def stopping() -> Incident:
    """The intent is recorded; nothing was sent."""
    return after(notified(), proven())


def calling() -> Incident:
    """The call is being made: after a crash nobody knows whether it was."""
    return after(stopping(), CALL)


def sent() -> Incident:
    return after(calling(), ACCEPTED)


def escalated() -> Incident:
    incident = stopping()
    for _ in range(POLICY.attempts):
        incident = after(incident, proven(), CALL, UNANSWERED)
    return incident


STATES = {
    IncidentState.FIRING: firing,
    IncidentState.NOTIFIED: notified,
    IncidentState.HELD: held,
    IncidentState.STOPPING: stopping,
    IncidentState.ESCALATED: escalated,
}


def messages(transition: Transition) -> list[MessageKind]:
    return [order.kind for order in transition.actions if isinstance(order, SendMessage)]


def allocation(username: str | None = "bob", **changes: object) -> Allocation:
    values: dict[str, object] = {
        "allocation_id": ALLOCATION,
        "task_id": TASK,
        "task_type": TaskType.NOTEBOOK,
        "name": "JupyterLab (brave-otter)",
        "username": username,
        "resource_pool": "default",
        "slots": 1,
        "containers": (Container("c1", "agent-a", ("GPU-1",)),),
    }
    return Allocation(**(values | changes))  # type: ignore[arg-type] # Changes are words of the test.


def snapshot(*allocations: Allocation, at: datetime = T0) -> Snapshot:
    return Snapshot(at=at, allocations={each.allocation_id: each for each in allocations})


def peer(
    name: str = "am-1",
    alert: PeerAlert | None = PeerAlert(PeerAlertState.ACTIVE),  # noqa: B008 -- frozen
    silences: tuple[Silence, ...] = (),
    error: str = "",
) -> PeerReading:
    alerts = {IDENTITY.key: alert} if alert and not error else {}
    return PeerReading(name, alerts=alerts, silences=silences, error=error)


def silence(*matchers: Matcher, ends: timedelta = timedelta(hours=8)) -> Silence:
    return Silence(
        "s1",
        matchers or (Matcher("task_id", TASK),),
        starts_at=T0 - timedelta(minutes=1),
        ends_at=T0 + ends,
        created_by="carol",
        comment="demo day",
    )


def rule_alert(active_at: datetime = T0 - timedelta(hours=1), **annotations: str) -> RuleAlert:
    return RuleAlert(IDENTITY, ANNOTATIONS | annotations, active_at)


def world(now: datetime = T0, **changes: object) -> World:
    """Return a world; `mode` stands for the rulebook of that mode."""
    mode = Mode(str(changes.pop("mode", Mode.ENFORCE)))
    values: dict[str, object] = {
        "now": now,
        "clock": now - T0,
        "rulebook": Rulebook(mode, {POLICY.name: POLICY}),
        "snapshot": snapshot(allocation(), at=now),
        "firing": {IDENTITY.key: rule_alert()},
        "peers": (peer(),),
        "breaker": BreakerState(),
        "heartbeat_at": now - timedelta(seconds=30),
    }
    return World(**(values | changes))  # type: ignore[arg-type] # Changes are words of the test.


def readings(**changes: object) -> Readings:
    values: dict[str, object] = {
        "allocation": allocation(),
        "verify": (Sample({}, 0.0),),
        "evidence": (Sample({}, 12.0),),
        "recipient": Recipient(RECEIPT.channel, RecipientKind.OWNER),
    }
    return Readings(**(values | changes))  # type: ignore[arg-type] # Changes are words of the test.
