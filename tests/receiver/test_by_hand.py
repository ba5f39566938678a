"""A stop that a person asks for: at once, of the same allocation, and for nobody else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.breaker import BreakerLimits
from app.domain.by_hand_proof import REQUEST_LIFE
from app.domain.history import Entry
from app.domain.incident import Incident, IncidentState
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from tests.domain.examples import ALLOCATION, IDENTITY, allocation
from tests.receiver.calls import crash
from tests.receiver.conftest import BOTH_DATABASES, GRACE, MINUTE, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World, sibling

S = IncidentState
DOWN = UpstreamUnavailableError("time-out")


OTHER_ALERT = replace(IDENTITY, alertname="GPULowEfficiency")
BY_WHICHEVER_CLOCK = pytest.mark.parametrize(
    "later",
    [SECOND, timedelta(), -5 * SECOND],
    ids=["later", "at once", "by a clock that is behind"],
)


async def asks(receiver: Receiver, incident: Incident | None = None) -> Incident:
    """Let the owner press Stop now."""
    incident = incident or await receiver.incident()
    ids = [target.allocation_id for target in incident.targets]
    return await receiver.answers.stop(incident.incident_id, ids, by="bob", reason="done with it")


async def lapses(receiver: Receiver, incident: Incident) -> Sequence[Entry]:
    history = await receiver.seen.history(incident.incident_id)
    return [entry for entry in history if entry.reason is Reason.REQUEST_LAPSED]


@BOTH_DATABASES
async def test_what_its_owner_wants_stopped_is_stopped_at_the_next_tick(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    await asks(receiver)
    await receiver.tick()
    await receiver.tick()

    assert [kill.allocation_id for kill in world.determined.kills] == [ALLOCATION]
    assert (await receiver.incident()).state is S.STOPPED


async def test_s12_it_is_in_the_history_who_asked_and_what_spoke_against_it(
    receiver: Receiver,
) -> None:
    await receiver.warns()
    await asks(receiver)

    await receiver.tick()

    found = {entry.reason: entry for entry in await receiver.history()}
    assert found[Reason.STOP_REQUESTED].actor == "bob"
    assert found[Reason.PROVEN].actor == "bob"
    assert any(each.startswith("grace_runs") for each in found[Reason.PROVEN].evidence["against"])


async def test_it_needs_no_alert_no_mode_and_no_warning(world: World, receiver: Receiver) -> None:
    await receiver.restart(mode=Mode.OBSERVE)
    world.fires()
    await receiver.hears_of()
    await receiver.tick()
    world.is_silenced(timedelta(hours=2))
    await receiver.tick()
    world.ceases()
    world.prometheus.fault = DOWN

    await asks(receiver)
    await receiver.tick()

    assert len(world.determined.kills) == 1


async def test_what_has_recovered_is_stopped_all_the_same_when_its_owner_wants_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await asks(receiver)
    world.recovers()

    await receiver.tick()

    assert len(world.determined.kills) == 1


async def test_s2_a_task_that_changes_hands_is_not_stopped_for_who_had_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await asks(receiver)
    world.determined.starts(allocation("carol"))

    await receiver.run(MINUTE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.ENDED


async def test_s5_while_determined_tells_nothing_the_request_waits_and_then_lapses(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.rulebook = replace(receiver.rulebook, mode=Mode.WARN)
    await receiver.restart()
    await receiver.settles()
    await asks(receiver)
    world.determined.fault = DOWN
    await receiver.run(REQUEST_LIFE + MINUTE, every=MINUTE)

    world.determined.fault = None
    await receiver.run(MINUTE)

    assert world.determined.calls == []
    assert Reason.REQUEST_LAPSED in await receiver.reasons()


async def test_s13_what_was_asked_for_before_hours_without_a_receiver_is_not_done_any_more(
    world: World, receiver: Receiver
) -> None:
    receiver.rulebook = replace(receiver.rulebook, mode=Mode.WARN)
    await receiver.restart()
    await receiver.warns()
    await asks(receiver)
    world.time.passes(3 * REQUEST_LIFE)

    await receiver.restart()
    await receiver.run(MINUTE)

    assert world.determined.calls == []
    assert Reason.REQUEST_LAPSED in await receiver.reasons()


@BOTH_DATABASES
async def test_s6_a_receiver_that_dies_at_any_moment_of_it_stops_once(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await asks(receiver)
    receiver.calls.before("store.commit", crash, nth=2)
    assert not await receiver.survives(receiver.reconciler.tick)

    await receiver.restart()
    await receiver.run(5 * MINUTE, every=MINUTE)

    assert len(world.determined.kills) == 1
    assert (await receiver.incident()).state is S.STOPPED


async def test_two_who_ask_for_the_same_are_one_request(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    await asks(receiver)
    await asks(receiver)

    await receiver.run(MINUTE)

    assert len(world.determined.calls) == 1
    assert (await receiver.reasons()).count(Reason.STOP_REQUESTED) == 1


@BOTH_DATABASES
async def test_s13_a_keep_that_follows_takes_the_request_back(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await asks(receiver)
    await receiver.keep("2h")

    await receiver.run(MINUTE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.HELD


@BOTH_DATABASES
async def test_s13_a_keep_right_before_the_call_wins(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    await asks(receiver)
    receiver.calls.before("store.commit", receiver.keep, nth=2)

    await receiver.run(MINUTE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.HELD


@BOTH_DATABASES
@BY_WHICHEVER_CLOCK
async def test_s13_a_keep_through_another_alert_right_before_the_call_wins(
    world: World, receiver: Receiver, later: timedelta
) -> None:
    mine = await receiver.warns()
    await receiver.warns(OTHER_ALERT)
    await asks(receiver, mine)
    world.time.jumps(later)
    receiver.calls.before("store.commit", lambda: receiver.keep(identity=OTHER_ALERT), nth=2)

    await receiver.tick()

    assert world.determined.calls == []


@BY_WHICHEVER_CLOCK
async def test_s13_a_keep_through_another_alert_takes_the_request_back(
    world: World, receiver: Receiver, later: timedelta
) -> None:
    mine = await receiver.warns()
    await receiver.warns(OTHER_ALERT)
    await asks(receiver, mine)
    world.time.jumps(later)
    await receiver.keep("1m", identity=OTHER_ALERT)

    await receiver.run(3 * MINUTE)

    assert world.determined.calls == []
    [entry] = await lapses(receiver, mine)
    assert entry.detail == "kept: by carol, after the stop was asked for"


async def test_who_asks_for_a_stop_of_what_is_kept_gets_it(
    world: World, receiver: Receiver
) -> None:
    mine = await receiver.warns()
    await receiver.warns(OTHER_ALERT)
    await receiver.keep(identity=OTHER_ALERT)

    await asks(receiver, mine)
    await receiver.run(MINUTE)

    assert [kill.allocation_id for kill in world.determined.kills] == [ALLOCATION]


async def test_s13_who_asks_for_it_again_after_such_a_keep_gets_it(
    world: World, receiver: Receiver
) -> None:
    mine = await receiver.warns()
    await receiver.warns(OTHER_ALERT)
    await asks(receiver, mine)
    await receiver.keep(identity=OTHER_ALERT)
    await receiver.run(MINUTE)

    await asks(receiver, mine)
    await receiver.run(MINUTE)

    assert len(world.determined.kills) == 1


@BOTH_DATABASES
async def test_a_keep_that_came_before_does_not_forbid_it(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    await receiver.keep("2h")
    world.time.passes(SECOND)

    await asks(receiver)
    await receiver.tick()

    assert len(world.determined.kills) == 1


@BOTH_DATABASES
async def test_s7_neither_does_the_breaker_forbid_it_nor_does_it_count(
    world: World, receiver: Receiver
) -> None:
    receiver.rulebook = replace(
        RULEBOOK, breaker=BreakerLimits(max_stops_per_hour=1, max_share=0, floor=1)
    )
    await receiver.restart()
    await receiver.settles()
    other, its_allocation = sibling(1)
    world.determined.starts(its_allocation)
    mine = await receiver.warns()
    theirs = await receiver.warns(other)
    # Well within the breaker's hour of the other one.
    await receiver.run(GRACE - 5 * MINUTE)
    await asks(receiver, mine)

    await receiver.run(10 * MINUTE, every=MINUTE)

    assert [kill.allocation_id for kill in world.determined.kills] == [
        ALLOCATION,
        its_allocation.allocation_id,
    ]
    assert (await receiver.seen.incident(theirs.incident_id)).state is S.STOPPED
    assert not (await receiver.seen.breaker()).tripped


async def test_what_nobody_can_stop_is_not_tried_again_when_somebody_asks(
    world: World, receiver: Receiver
) -> None:
    world.determined.deaf = True
    await receiver.warns()
    await receiver.run(GRACE + timedelta(minutes=20), every=5 * MINUTE)
    tried = len(world.determined.calls)
    assert (await receiver.incident()).state is S.ESCALATED

    await asks(receiver)
    await receiver.run(5 * MINUTE, every=MINUTE)

    assert len(world.determined.calls) == tried


async def test_the_owner_reads_how_it_ended(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    await asks(receiver)

    await receiver.run(MINUTE, every=15 * SECOND)

    [closing] = [post for post in world.slack.posts if post.kind is MessageKind.CLOSING]
    assert closing.state is S.STOPPED
