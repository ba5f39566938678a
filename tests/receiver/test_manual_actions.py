"""What operators do by hand: what speaks against it is told, it is done once, and can be tried."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.by_hand_proof import REQUEST_LIFE
from app.domain.cluster import TaskType
from app.domain.exemption import Exemption
from app.domain.foresight import Effect
from app.domain.incident import IncidentState
from app.domain.matchers import Matcher
from app.domain.policy import Mode, StopAction
from app.domain.reasons import Reason
from app.domain.waking import WakingHours
from app.errors import (
    NothingToStopError,
    NotPausableError,
    StopGivenUpError,
    TooLateToDismissError,
    UnknownTargetError,
    UpstreamUnavailableError,
)
from app.manual_actions import Done, Order
from tests.domain.examples import ALLOCATION, IDENTITY, T0, allocation
from tests.receiver.calls import crash
from tests.receiver.conftest import BOTH_DATABASES, GRACE, MINUTE, POLICY, RULEBOOK, Receiver
from tests.receiver.slots import IDLE, about_bob, is_over_the_limit, killed
from tests.receiver.world import World

S = IncidentState
DOWN = UpstreamUnavailableError("time-out")
KILL, PAUSE = StopAction.KILL, StopAction.PAUSE
MEANT = Order("ann", "maintenance", key="k-1")
TRIED = replace(MEANT, dry_run=True)


async def stops(receiver: Receiver, order: Order = MEANT, action: StopAction = KILL) -> Done:
    incident = await receiver.incident()
    return await receiver.manual_actions.stop(incident.incident_id, order, action)


async def dismisses(receiver: Receiver, order: Order = MEANT) -> Done:
    incident = await receiver.incident()
    return await receiver.manual_actions.dismiss(incident.incident_id, order)


async def keeps(receiver: Receiver, order: Order = MEANT) -> Done:
    incident = await receiver.incident()
    return await receiver.manual_actions.keep(incident.incident_id, order, timedelta(hours=2))


def rules(done: Done) -> dict[str, set[Reason]]:
    found: dict[str, set[Reason]] = {}
    for each in done.foresight.objections:
        found.setdefault(each.rule, set()).add(each.reason)
    return found


def effects(done: Done) -> list[Effect]:
    return [each.effect for each in done.foresight.outlooks]


def is_silenced(world: World, _receiver: Receiver) -> None:
    world.is_silenced(timedelta(hours=2))


def is_exempt(_world: World, receiver: Receiver) -> None:
    over = T0 + timedelta(days=30)
    thesis = Exemption((Matcher("username", "bob"),), "thesis", over)
    receiver.context.rulebook = replace(RULEBOOK, exempt=(thesis,))


def only_observes(_world: World, receiver: Receiver) -> None:
    receiver.context.rulebook = replace(RULEBOOK, mode=Mode.OBSERVE)


def is_night(_world: World, receiver: Receiver) -> None:
    night = WakingHours(T0.time().replace(hour=20), T0.time().replace(hour=21))
    policy = replace(POLICY, waking_hours=night)
    receiver.context.rulebook = replace(RULEBOOK, policies={policy.name: policy})


def fires_no_more(world: World, _receiver: Receiver) -> None:
    world.ceases()


def prometheus_is_down(world: World, _receiver: Receiver) -> None:
    world.prometheus.fault = DOWN


def one_peer_is_down(world: World, _receiver: Receiver) -> None:
    world.alertmanagers.second.error = "time-out"


def nothing(_world: World, _receiver: Receiver) -> None:
    """As it is right after the warning."""


@pytest.mark.parametrize(
    ("happens", "rule", "reason"),
    [
        pytest.param(nothing, "S1", Reason.GRACE_RUNS, id="told a moment ago"),
        pytest.param(fires_no_more, "S3", Reason.NOT_FIRING, id="no alert"),
        pytest.param(is_silenced, "S4", Reason.SILENCED, id="silence"),
        pytest.param(prometheus_is_down, "S5", Reason.PROMETHEUS_UNAVAILABLE, id="no Prometheus"),
        pytest.param(one_peer_is_down, "S5", Reason.ALERTMANAGER_UNAVAILABLE, id="no Alertmanager"),
        pytest.param(only_observes, "S10", Reason.MODE, id="mode"),
        pytest.param(is_exempt, "S11", Reason.EXEMPT, id="exempt"),
        pytest.param(is_night, "S13", Reason.OUTSIDE_HOURS, id="night"),
    ],
)
async def test_s12_what_speaks_against_it_is_told_and_noted_and_forbids_nothing(
    world: World,
    receiver: Receiver,
    happens: Callable[[World, Receiver], None],
    rule: str,
    reason: Reason,
) -> None:
    await receiver.warns()
    happens(world, receiver)

    done = await stops(receiver)

    assert reason in rules(done)[rule]
    assert effects(done) == [Effect.ACTS]
    entry = (await receiver.history())[-1]
    assert (entry.reason, entry.actor) == (Reason.STOP_REQUESTED, "ann")
    assert entry.detail.startswith("maintenance (against it: ")
    assert f"{rule} {reason}" in entry.detail
    noted = [each["words"] for each in entry.evidence["warnings"]]
    assert noted == [each.words for each in done.foresight.objections]
    await receiver.tick()
    assert [each.allocation_id for each in world.determined.kills] == [ALLOCATION]


async def test_s7_s13_a_breaker_that_is_tripped_and_a_keep_are_told(receiver: Receiver) -> None:
    await receiver.warns()
    await receiver.keep("2h")
    await receiver.seen.switch_breaker(tripped=True, by="eve", reason="rack 3", at=T0)

    found = rules(await stops(receiver, TRIED))

    assert Reason.BREAKER in found["S7"]
    assert Reason.KEPT in found["S13"]


async def test_whatever_is_tried_is_answered_and_nothing_of_it_done(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    before, history = await receiver.incident(), await receiver.history()

    answers = [
        await stops(receiver, TRIED),
        await dismisses(receiver, TRIED),
        await keeps(receiver, TRIED),
    ]

    assert [effects(each) for each in answers] == [[Effect.ACTS]] * 3
    assert [each.incident for each in answers] == [before] * 3
    assert (await receiver.incident(), await receiver.history()) == (before, history)
    assert await receiver.seen.keeps(T0) == []
    await receiver.run(MINUTE)
    assert world.determined.calls == []
    # Nor has it used the key up.
    assert effects(await dismisses(receiver)) == [Effect.ACTS]
    assert (await receiver.incident()).state is S.DISMISSED


async def test_a_repetition_has_the_same_answer_and_does_nothing_again(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    first = await stops(receiver)
    world.time.passes(MINUTE)
    await keeps(receiver)
    kept = await receiver.history()
    world.is_silenced(timedelta(hours=2))

    again = await stops(receiver)

    assert again.foresight == first.foresight
    assert again.incident.state is S.HELD
    assert await receiver.history() == kept
    assert effects(await keeps(receiver)) == [Effect.NOTHING]
    await receiver.run(MINUTE)
    assert world.determined.calls == [], "the keep took the request back"


async def test_a_key_is_one_of_the_caller_the_incident_and_the_action(receiver: Receiver) -> None:
    await receiver.warns()
    await stops(receiver)
    await keeps(receiver, replace(MEANT, by="carol"))

    again = await stops(receiver, replace(MEANT, by="carol"))

    assert effects(again) == [Effect.ACTS]
    assert (await receiver.reasons()).count(Reason.STOP_REQUESTED) == 2


@BOTH_DATABASES
async def test_s8_what_a_crash_met_acts_when_it_is_repeated_and_once(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.calls.before("store.commit", crash)
    assert not await receiver.survives(lambda: stops(receiver))
    await receiver.restart()
    assert Reason.STOP_REQUESTED not in await receiver.reasons()
    receiver.calls.after("store.commit", crash)
    assert not await receiver.survives(lambda: stops(receiver))
    await receiver.restart()

    done = await stops(receiver)
    await receiver.run(2 * MINUTE, every=MINUTE)

    assert effects(done) == [Effect.ACTS]
    assert (await receiver.reasons()).count(Reason.STOP_REQUESTED) == 1
    assert len(world.determined.calls) == 1


async def test_s5_while_determined_tells_nothing_it_waits_and_says_so(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.determined.fault = DOWN

    done = await stops(receiver)

    [outlook] = done.foresight.outlooks
    assert outlook.effect is Effect.WAITS
    assert f"{REQUEST_LIFE // MINUTE} minutes" in outlook.words
    assert Reason.DETERMINED_UNAVAILABLE in rules(done)["S5"]


async def test_s2_of_another_owner_s_task_it_says_that_nothing_will_be_done(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.determined.starts(allocation("carol"))

    done = await stops(receiver)
    await receiver.run(MINUTE)

    assert effects(done) == [Effect.NOTHING]
    assert Reason.OWNER_CHANGED in rules(done)["S2"]
    assert world.determined.calls == []


async def test_of_a_user_s_tasks_those_are_stopped_that_were_named(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.run(MINUTE)
    incident = await about_bob(receiver)
    assert len(incident.open_targets) > 1

    done = await receiver.manual_actions.stop(incident.incident_id, MEANT, KILL, [IDLE])
    await receiver.tick()

    assert [each.allocation_id for each in done.foresight.outlooks] == [IDLE]
    assert killed(world) == [IDLE]
    await receiver.tick()
    with pytest.raises(NothingToStopError):
        await receiver.manual_actions.stop(incident.incident_id, TRIED, KILL, [IDLE])


async def test_what_the_incident_is_not_about_is_refused(receiver: Receiver) -> None:
    incident = await receiver.warns()

    with pytest.raises(UnknownTargetError, match=r"another\.1"):
        await receiver.manual_actions.stop(incident.incident_id, MEANT, KILL, ["another.1"])


async def test_what_determined_cannot_pause_is_refused(receiver: Receiver) -> None:
    await receiver.warns()

    with pytest.raises(NotPausableError, match="notebook"):
        await stops(receiver, TRIED, PAUSE)


async def test_a_generic_task_is_paused_by_hand(world: World, receiver: Receiver) -> None:
    world.determined.starts(allocation(task_type=TaskType.GENERIC))
    await receiver.warns(replace(IDENTITY, task_type="generic"))

    done = await stops(receiver, MEANT, PAUSE)
    await receiver.tick()

    assert effects(done) == [Effect.ACTS]
    assert "pauses" in done.foresight.outlooks[0].words
    assert "pause: maintenance" in next(
        each.detail for each in await receiver.history() if each.reason is Reason.STOP_REQUESTED
    )
    assert world.determined.pauses == [frozenset({ALLOCATION})]


async def test_who_asks_again_is_told_who_asked_before(receiver: Receiver) -> None:
    await receiver.warns()
    await stops(receiver)

    again = await stops(receiver, Order("eve", "me too"))

    [outlook] = again.foresight.outlooks
    assert (outlook.effect, outlook.words) == (Effect.NOTHING, "ann asked for it before.")


async def test_what_is_being_stopped_is_neither_dismissed_nor_asked_for_again(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 5 * MINUTE
    await receiver.warns()
    await receiver.run(GRACE)

    again = await stops(receiver)
    with pytest.raises(TooLateToDismissError):
        await dismisses(receiver)

    assert again.foresight.outlooks[0].words == "It is being stopped already."
    assert Reason.STOP_REQUESTED not in await receiver.reasons()


async def test_what_nobody_can_stop_is_refused(world: World, receiver: Receiver) -> None:
    world.determined.deaf = True
    await receiver.warns()
    await receiver.run(GRACE + timedelta(minutes=20), every=5 * MINUTE)

    with pytest.raises(StopGivenUpError):
        await stops(receiver)


async def test_s12_a_false_alarm_takes_back_what_was_asked_for_and_says_so(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await stops(receiver)

    done = await dismisses(receiver)
    await receiver.run(MINUTE)

    assert [each.reason for each in done.foresight.objections] == [Reason.STOP_REQUESTED]
    assert (await receiver.history())[-1].evidence["warnings"]
    assert world.determined.calls == []


@pytest.mark.parametrize("act", [stops, dismisses, keeps])
async def test_what_is_over_is_left_as_it_is(
    receiver: Receiver, act: Callable[..., object]
) -> None:
    await receiver.warns()
    await dismisses(receiver, Order("ann", "false"))
    history = await receiver.history()

    done = await act(receiver)  # type: ignore[misc] # Each of them returns a coroutine.

    assert done.incident.state is S.DISMISSED
    assert effects(done) == [Effect.NOTHING]
    assert await receiver.history() == history
