"""Notices to render, and what every rendering is held to."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from slack_sdk.models.blocks import ActionsBlock, Block, ContextBlock, SectionBlock

from app.adapters.slack_messages import Message
from app.domain.actions import Matter, MessageKind, Notice
from app.domain.alert import Identity, Scope
from app.domain.incident import Incident, IncidentState, RecipientKind, Target
from app.domain.outbox import Recipient
from demo.slack.block_kit import check_blocks
from tests.domain.examples import ALLOCATION, DEMAND, STATES, T0, notified

DEADLINE = T0 + timedelta(hours=2)
DEADLINE_WORDS = "<!date^1795528800^{date_short_pretty} at {time}|2026-11-24 14:00 UTC>"
TEXTS = {
    "summary": "An allocation holds GPUs that it does not use.",
    "description": "None of them went above 1 % in 30 minutes & more.",
    "runbook_url": "https://docs.example/runbooks/GPUAllocationIdle",
    "dashboard_url": "https://grafana.example/d/gpu?var-allocation_id=x",
}


ADMINS = Recipient("C01GPUADMINS", RecipientKind.ADMINS)
NOW = datetime.now(UTC)
NOTICE = Notice(
    MessageKind.WARNING, (Matter(notified(), {ALLOCATION: NOW + timedelta(hours=2)}),), NOW
)
LONG_AGO = NOW - timedelta(minutes=5)


def incident(state: IncidentState = IncidentState.NOTIFIED, **target: object) -> Incident:
    base = STATES[state]() if state in STATES else replace(notified(), state=state)
    [first] = base.targets
    named: Target = replace(first, name="JupyterLab (brave-otter)", slots=2)
    changed = replace(named, **target)  # type: ignore[arg-type] # The words of the test.
    return replace(base, annotations=TEXTS, targets=(changed,))


def over_limit(state: IncidentState = IncidentState.NOTIFIED, *targets: Target) -> Incident:
    """Return an incident about what bob holds; with two targets, if the test names none."""
    known = targets or (
        Target("a.1", "a", "notebook", "bob", "first", slots=1, idle=True, since=T0),
        Target("b.1", "b", "trial", "bob", "second", slots=2, since=T0),
    )
    about = Identity("UserOverSlotLimit", "warning", "slots", Scope.USER, "bob", "default")
    base = incident(state)
    return replace(base, identity=about, targets=known, demand=DEMAND)


def notice(
    kind: MessageKind = MessageKind.WARNING,
    about: Incident | None = None,
    *,
    enforced: bool = True,
    text: str = "",
) -> Notice:
    deadlines = {ALLOCATION: DEADLINE} if enforced else {}
    return Notice(kind, (Matter(about or incident(), deadlines),), T0, text=text)


def said(message: Message) -> str:
    """Everything that people can read."""
    return "\n".join([message.text, *(text for block in message.blocks for text in _texts(block))])


def _texts(block: object) -> Iterator[str]:
    if isinstance(block, dict):
        for name, value in block.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
    elif isinstance(block, list):
        for each in block:
            yield from _texts(each)


def assert_fits(message: Message) -> None:
    """Hold a message to Slack's own models and to its documented limits."""
    for block in Block.parse_all(message.blocks):
        assert isinstance(block, SectionBlock | ContextBlock | ActionsBlock)
        block.validate_json()
    check_blocks(message.blocks)
    assert message.text


def assert_can_be_rewritten(message: Message) -> None:
    assert len(message.text.encode()) <= 4_000, "Slack takes no more, though it can be posted"
