"""S11: what is exempt is neither warned about nor stopped, however late it becomes so."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.exemption import Exemption
from app.domain.incident import Hold, IncidentState
from app.domain.matchers import Matcher
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from tests.domain.examples import T0, allocation
from tests.receiver.conftest import GRACE, MINUTE, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
LATE = GRACE - 5 * MINUTE
THESIS = Exemption((Matcher("username", "bob"),), "thesis", T0 + timedelta(days=30))
LABELLED = replace(THESIS, matchers=(Matcher("experiment_label", "keep"),))
INFRA = replace(THESIS, matchers=(Matcher("workspace", "infra"),))
EXEMPT = Hold(Reason.EXEMPT, by="thesis", until=THESIS.until)

Exempts = Callable[[Exemption], Awaitable[None]]


@pytest.fixture
def exempts(receiver: Receiver) -> Exempts:
    """Begin a process whose configuration has this exemption."""

    async def begin(exemption: Exemption) -> None:
        receiver.rulebook = replace(RULEBOOK, exempt=(exemption,))
        await receiver.restart()
        await receiver.settles()

    return begin


def is_labelled(world: World, *labels: str) -> None:
    world.determined.starts(allocation(labels=labels, workspace="vision"))


async def test_s11_an_exempt_task_is_neither_warned_about_nor_stopped(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(THESIS)
    await receiver.warns()

    await receiver.run(5 * GRACE)

    incident = await receiver.incident()
    assert (incident.state, list(incident.holds)) == (S.HELD, [EXEMPT])
    assert world.slack.posts == []
    assert world.determined.calls == []


async def test_s11_nobody_is_warned_though_no_tick_has_looked_yet(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(THESIS)
    world.fires()
    await receiver.hears_of()

    await receiver.dispatcher.deliver_due()

    assert world.slack.posts == []


async def test_s11_in_mode_observe_the_record_says_that_it_is_exempt(
    receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(THESIS)
    await receiver.restart(mode=Mode.OBSERVE)

    await receiver.warns()

    assert list((await receiver.incident()).holds) == [EXEMPT]


async def test_s9_after_an_exemption_comes_a_new_warning_and_a_full_grace_period(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(replace(THESIS, until=T0 + 2 * GRACE))
    await receiver.warns()

    await receiver.run(2 * GRACE)

    assert world.slack.told() == [K.WARNING]
    await receiver.run(GRACE - SECOND)
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s9_a_label_that_came_and_went_is_followed_by_a_new_warning(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(LABELLED)
    is_labelled(world)
    await receiver.warns()
    await receiver.run(LATE)

    is_labelled(world, "keep")
    await receiver.run(MINUTE)
    is_labelled(world)
    await receiver.run(MINUTE)

    assert world.slack.told().count(K.WARNING) == 2
    await receiver.run(GRACE - SECOND)
    assert world.determined.calls == []


async def test_s11_a_label_that_only_the_last_look_saw_prevents_the_stop_and_ends_the_round(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(LABELLED)
    is_labelled(world)
    await receiver.warns()

    async def labels() -> None:
        is_labelled(world, "keep")

    async def thinks_better_of_it() -> None:
        is_labelled(world)

    receiver.calls.before("cluster.read_allocation", labels)
    receiver.calls.before("rules.query", thinks_better_of_it)
    await receiver.run(GRACE)
    assert (await receiver.incident()).state is S.HELD

    await receiver.run(10 * SECOND)

    assert world.determined.calls == []
    assert world.slack.told().count(K.WARNING) == 2


@pytest.mark.parametrize(
    ("exemption", "read"),
    [
        pytest.param(LABELLED, allocation(labels=None, workspace="vision"), id="labels"),
        pytest.param(INFRA, allocation(labels=(), workspace=None), id="workspace"),
    ],
)
async def test_s5_a_task_of_which_the_field_cannot_be_read_is_exempt(
    exemption: Exemption, read: object, world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(exemption)
    world.determined.starts(read)  # type: ignore[arg-type] # An allocation.
    await receiver.warns()

    await receiver.run(2 * GRACE)

    assert world.slack.posts == []
    assert world.determined.calls == []


async def test_s5_what_was_exempt_stays_held_while_determined_is_away(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(replace(THESIS, until=T0 + GRACE))
    await receiver.warns()
    world.determined.fault = UpstreamUnavailableError("time-out")

    await receiver.run(3 * GRACE)

    incident = await receiver.incident()
    assert (incident.state, [each.reason for each in incident.holds]) == (S.HELD, [Reason.EXEMPT])
    assert world.slack.posts == []


async def test_s11_nobody_is_reminded_who_may_be_exempt_while_determined_is_away(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.determined.fault = UpstreamUnavailableError("time-out")
    await receiver.run(2 * MINUTE, every=MINUTE)
    receiver.context.rulebook = replace(RULEBOOK, exempt=(THESIS,))

    await receiver.run(GRACE - 3 * MINUTE, every=MINUTE)

    assert world.slack.told() == [MessageKind.WARNING]


async def test_an_exemption_of_somebody_else_changes_nothing(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(replace(THESIS, matchers=(Matcher("username", "carol"),)))
    await receiver.warns()

    await receiver.run(GRACE)

    assert len(world.determined.calls) == 1


async def test_workspaces_are_asked_for_in_every_reading_where_an_exemption_names_one(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(INFRA)
    is_labelled(world)
    await receiver.warns()

    await receiver.run(GRACE)

    assert len(world.determined.calls) == 1


async def test_exemptions_that_are_over_are_counted(
    world: World, receiver: Receiver, exempts: Exempts
) -> None:
    await exempts(replace(THESIS, until=T0 + GRACE))
    await receiver.run(GRACE - SECOND)

    def count() -> float | None:
        return receiver.context.telemetry.registry.get_sample_value("watchdog_expired_exemptions")

    assert count() == 0
    await receiver.run(SECOND)
    assert count() == 1
    assert world.slack.posts == []
