"""Action `pause`: whole experiments by one call, with a proof and an intent for each allocation."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.alert import Identity
from app.domain.by_hand_proof import REQUEST_LIFE
from app.domain.cluster import Allocation, TaskType
from app.domain.incident import Incident, IncidentState, IntentState
from app.domain.policy import Fallback, Mode, StopAction
from app.domain.reasons import Reason
from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from tests.domain.examples import IDENTITY, allocation
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.database import Database
from tests.receiver.world import World

S = IncidentState
K = MessageKind
PAUSE = replace(POLICY, action=StopAction.PAUSE)


def trial(number: int) -> tuple[Identity, Allocation]:
    """Return a trial of bob's experiment 41, and the alert about it."""
    task_id = f"41.{number:08d}-b2f1-4c94-ae05-319acb5c7427"
    allocation_id = f"{task_id}.1"
    identity = replace(IDENTITY, task_type="trial", task_id=task_id, allocation_id=allocation_id)
    return identity, allocation(
        allocation_id=allocation_id,
        task_id=task_id,
        task_type=TaskType.TRIAL,
        experiment_id="41",
        trial_id=str(number),
    )


A, B = trial(1), trial(2)
BOTH = frozenset({A[1].allocation_id, B[1].allocation_id})


@pytest.fixture
async def receiver(world: World, database: Database) -> Receiver:
    rulebook = replace(RULEBOOK, policies={PAUSE.name: PAUSE})
    receiver = Receiver(world, database, rulebook)
    receiver.start()
    world.determined.starts(A[1])
    world.determined.starts(B[1])
    await receiver.settles()
    return receiver


def falls_back(receiver: Receiver, fallback: Fallback) -> None:
    policy = replace(PAUSE, fallback=fallback)
    receiver.context.rulebook = replace(RULEBOOK, policies={policy.name: policy})


async def of(receiver: Receiver, one: tuple[Identity, Allocation]) -> Incident:
    [found] = [each for each in await receiver.incidents() if each.identity == one[0]]
    return found


async def both_idle(receiver: Receiver) -> None:
    await receiver.warns(A[0])
    await receiver.warns(B[0])


async def test_an_experiment_all_of_which_is_due_is_paused_by_one_call_and_seen_to_end(
    world: World, receiver: Receiver
) -> None:
    await both_idle(receiver)

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert world.determined.pauses == [BOTH]
    assert world.determined.calls == []
    for each in (A, B):
        found = await of(receiver, each)
        assert found.state is S.STOPPED
        assert found.targets[0].intent is not None
        assert found.targets[0].intent.action is StopAction.PAUSE
    assert world.slack.told().count(K.CLOSING) == 1, "both in one message"


async def test_s6_every_intent_is_on_record_before_the_call(receiver: Receiver) -> None:
    await both_idle(receiver)
    seen: list[IntentState] = []

    async def look() -> None:
        for each in (A, B):
            intent = (await of(receiver, each)).targets[0].intent
            assert intent is not None
            seen.append(intent.state)

    receiver.calls.before("cluster.pause", look)
    await receiver.run(GRACE)

    assert seen == [IntentState.SENDING] * 2


async def test_a_trial_waits_for_the_others_of_its_experiment_and_the_admins_hear_of_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns(A[0])
    await receiver.run(GRACE)

    await receiver.run(PAUSE.tell_admins_after, every=5 * MINUTE)

    assert (await of(receiver, A)).state is S.NOTIFIED
    assert world.determined.pauses == []
    assert world.determined.calls == []
    [told] = world.slack.told_admins()
    assert "not_pausable" in told
    assert "1 more of its allocations are not due" in told
    await receiver.warns(B[0])
    await receiver.run(GRACE)
    assert world.determined.pauses == [BOTH]


async def test_where_the_policy_says_so_a_trial_of_a_busy_experiment_is_killed_alone(
    world: World, receiver: Receiver
) -> None:
    falls_back(receiver, Fallback.KILL)
    await receiver.warns(A[0])

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert [each.allocation_id for each in world.determined.calls] == [A[1].allocation_id]
    assert world.determined.pauses == []
    assert (await of(receiver, A)).state is S.STOPPED


async def test_s10_a_notebook_that_can_only_be_paused_is_never_threatened(
    world: World, receiver: Receiver
) -> None:
    incident = await receiver.warns()

    await receiver.run(2 * GRACE)

    assert incident.mode is Mode.WARN
    assert world.slack.posts[0].deadlines == {}
    assert world.determined.pauses == []
    assert world.determined.calls == []


async def test_a_notebook_is_killed_where_the_policy_falls_back_to_it(
    world: World, receiver: Receiver
) -> None:
    falls_back(receiver, Fallback.KILL)
    await receiver.warns()

    await receiver.run(GRACE)

    assert len(world.determined.calls) == 1


async def test_s4_a_silence_over_one_trial_in_the_last_second_lets_all_of_them_be(
    world: World, receiver: Receiver
) -> None:
    await both_idle(receiver)

    async def silence() -> None:
        silence = world.alertmanagers.silence_of(B[0].task_id, GRACE)
        world.alertmanagers.first.silences.append(silence)

    receiver.calls.before("peers.read", silence, nth=2)

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert world.determined.pauses == []
    assert (await of(receiver, B)).state is S.HELD
    assert (await of(receiver, A)).state is S.NOTIFIED


async def test_s13_a_keep_between_the_intents_and_the_sending_lets_all_of_them_be(
    world: World, receiver: Receiver
) -> None:
    await both_idle(receiver)
    # Two commits record the intents, and the third notes that the first is being sent.
    receiver.calls.before("store.commit", lambda: receiver.keep(identity=B[0]), nth=4)

    await receiver.run(GRACE)

    assert world.determined.pauses == []
    for each in (A, B):
        intent = (await of(receiver, each)).targets[0].intent
        assert intent is None or (intent.state, intent.attempts) == (IntentState.RECORDED, 0)
    await receiver.run(MINUTE)
    assert world.determined.pauses == []
    assert (await of(receiver, B)).state is S.HELD


CRASHES = [pytest.param("store.commit", nth, id=f"before commit {nth}") for nth in range(1, 7)] + [
    pytest.param("cluster.pause", 1, id="before the call")
]


@pytest.mark.parametrize(("call", "nth"), CRASHES)
async def test_s6_a_crash_anywhere_around_the_call_leads_to_one_pause(
    call: str, nth: int, world: World, receiver: Receiver
) -> None:
    world.determined.latency = 90 * SECOND
    await both_idle(receiver)
    receiver.calls.before(call, crash, nth=nth)
    assert not await receiver.survives(lambda: receiver.run(GRACE))
    rulebook = receiver.context.rulebook
    await receiver.restart()
    receiver.context.rulebook = rulebook

    await receiver.tick()
    await receiver.run(3 * GRACE, every=20 * MINUTE)

    assert len(world.determined.pauses) == 1
    assert world.determined.calls == []
    assert [(await of(receiver, each)).state for each in (A, B)] == [S.STOPPED] * 2


async def test_a_pause_is_given_the_time_that_determined_gives_a_trial_to_save(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = timedelta(minutes=60)
    await both_idle(receiver)
    await receiver.run(GRACE)

    await receiver.run(timedelta(minutes=65), every=5 * MINUTE)

    assert world.determined.pauses == [BOTH]
    assert (await of(receiver, A)).state is S.STOPPED


@pytest.mark.parametrize(
    "failure",
    [
        UpstreamRejectedError("Determined answered 400", code="400"),
        UpstreamUnavailableError("time-out"),
    ],
    ids=["refused", "unanswered"],
)
async def test_a_pause_that_fails_is_proven_again_and_at_last_left_to_a_person(
    failure: UpstreamRejectedError | UpstreamUnavailableError, world: World, receiver: Receiver
) -> None:
    world.determined.refusal = failure
    await both_idle(receiver)
    await receiver.run(GRACE)

    await receiver.run(8 * MINUTE, every=MINUTE)

    assert world.determined.pauses == [BOTH] * PAUSE.attempts
    assert [(await of(receiver, each)).state for each in (A, B)] == [S.ESCALATED] * 2


async def test_s3_what_is_unknown_of_one_trial_prevents_the_pause_of_all(
    world: World, receiver: Receiver
) -> None:
    await both_idle(receiver)
    world.determined.starts(replace(B[1], username=None))

    await receiver.run(GRACE)

    assert world.determined.pauses == []
    reasons = [
        each.reason for each in await receiver.seen.history((await of(receiver, B)).incident_id)
    ]
    assert Reason.OWNER_UNKNOWN in reasons


async def asks(
    receiver: Receiver, one: tuple[Identity, Allocation], action: StopAction = StopAction.PAUSE
) -> None:
    """Let an operator ask for it, whatever the alert says."""
    found = await of(receiver, one)
    await receiver.answers.stop(
        found.incident_id, [one[1].allocation_id], by="ann", reason="maintenance", action=action
    )


async def test_a_pause_that_is_asked_for_is_made_when_it_is_for_the_whole_experiment(
    world: World, receiver: Receiver
) -> None:
    falls_back(receiver, Fallback.KILL)
    await both_idle(receiver)
    await asks(receiver, A)
    await receiver.run(5 * MINUTE, every=MINUTE)
    assert (world.determined.pauses, world.determined.calls) == ([], [])

    await asks(receiver, B)
    await receiver.run(2 * MINUTE, every=MINUTE)

    assert world.determined.pauses == [BOTH]
    assert world.determined.calls == []
    assert [(await of(receiver, each)).state for each in (A, B)] == [S.STOPPED] * 2


async def test_a_pause_that_is_asked_for_lapses_and_becomes_no_kill_while_others_are_in_use(
    world: World, receiver: Receiver
) -> None:
    falls_back(receiver, Fallback.KILL)
    await receiver.warns(A[0])
    await asks(receiver, A)

    await receiver.run(REQUEST_LIFE + 2 * MINUTE, every=MINUTE)

    assert (world.determined.pauses, world.determined.calls) == ([], [])
    [target] = (await of(receiver, A)).targets
    assert target.request is None
    history = await receiver.seen.history((await of(receiver, A)).incident_id)
    [lapsed] = [each for each in history if each.reason is Reason.REQUEST_LAPSED]
    assert "1 more of its allocations" in lapsed.detail


async def test_who_has_waited_for_a_pause_in_vain_may_ask_for_a_kill(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns(A[0])
    await asks(receiver, A)
    await receiver.tick()

    await asks(receiver, A, StopAction.KILL)
    await asks(receiver, A)
    await receiver.tick()

    assert [each.allocation_id for each in world.determined.calls] == [A[1].allocation_id]
    assert world.determined.pauses == []


async def test_s4_a_request_for_one_trial_takes_no_last_look_from_the_others(
    world: World, receiver: Receiver
) -> None:
    await both_idle(receiver)
    await receiver.run(GRACE - MINUTE)
    await asks(receiver, A)

    async def silence() -> None:
        silence = world.alertmanagers.silence_of(B[0].task_id, GRACE)
        world.alertmanagers.first.silences.append(silence)

    receiver.calls.before("peers.read", silence, nth=2)

    await receiver.run(MINUTE)

    assert world.determined.pauses == []
