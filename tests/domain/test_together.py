"""Which stops one call makes: a pause of a whole experiment, or its fall-back."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from app.domain.cluster import Allocation, TaskType
from app.domain.incident import IncidentState, Intent, IntentState
from app.domain.policy import Fallback, Mode, Policy, Rulebook, StopAction
from app.domain.reasons import Reason
from app.domain.together import Due, Stop, arrange
from tests.domain.examples import IDENTITY, T0, allocation, notified, snapshot
from tests.domain.test_targets import OVER

POLICY = Policy("reclaim", action=StopAction.PAUSE)
A, B = "41.a.1", "41.b.1"


def trial(allocation_id: str, **changes: object) -> Allocation:
    experiment = allocation_id.partition(".")[0]
    values: dict[str, object] = {
        "allocation_id": allocation_id,
        "task_id": allocation_id.rpartition(".")[0],
        "task_type": TaskType.TRIAL,
        "experiment_id": experiment,
    }
    return allocation(**(values | changes))  # type: ignore[arg-type] # Changes are words of the test.


def due(one: Allocation, alertname: str = "GPUAllocationIdle") -> Due:
    identity = replace(
        IDENTITY,
        alertname=alertname,
        allocation_id=one.allocation_id,
        task_id=one.task_id,
        task_type=str(one.task_type),
    )
    base = notified()
    target = replace(
        base.targets[0],
        allocation_id=one.allocation_id,
        task_id=one.task_id,
        task_type=str(one.task_type),
    )
    incident = replace(
        base, incident_id=f"{alertname}-{one.allocation_id}", identity=identity, targets=(target,)
    )
    return incident, target


def stops(*pairs: Due, running: tuple[Allocation, ...], policy: Policy = POLICY) -> list[Stop]:
    rulebook = Rulebook(Mode.ENFORCE, {policy.name: policy})
    return arrange(pairs, rulebook, snapshot(*running))


def test_an_experiment_of_which_all_that_runs_is_due_is_paused_by_one_call() -> None:
    a, b = trial(A), trial(B)

    assert stops(due(a), due(b), running=(a, b)) == [Stop(StopAction.PAUSE, (due(a), due(b)))]


@pytest.mark.parametrize(
    ("fallback", "action", "no"),
    [
        (Fallback.KILL, StopAction.KILL, None),
        (Fallback.NONE, StopAction.PAUSE, Reason.NOT_PAUSABLE),
    ],
)
def test_an_experiment_that_is_partly_in_use_is_not_paused(
    fallback: Fallback, action: StopAction, no: Reason | None
) -> None:
    a, b = trial(A), trial(B)

    [stop] = stops(due(a), running=(a, b), policy=replace(POLICY, fallback=fallback))

    assert (stop.action, stop.no, stop.due) == (action, no, (due(a),))


UNREACHED: Mapping[str, Allocation] = {
    "another experiment": trial("42.c.1"),
    "checkpoint clean-up": trial("41.gc.1", task_type=TaskType.CHECKPOINT_GC),
    "waits in the queue": trial(B, containers=()),
}


@pytest.mark.parametrize("other", UNREACHED.values(), ids=UNREACHED.keys())
def test_what_a_pause_takes_nothing_from_does_not_prevent_it(other: Allocation) -> None:
    a = trial(A)

    assert stops(due(a), running=(a, other)) == [Stop(StopAction.PAUSE, (due(a),))]


def test_s5_what_runs_of_an_experiment_and_is_of_unknown_type_prevents_a_pause() -> None:
    a, unknown = trial(A), trial(B, task_type=None)

    [stop] = stops(due(a), running=(a, unknown))

    assert stop.no is Reason.NOT_PAUSABLE


def test_a_generic_task_is_paused_by_itself() -> None:
    one = allocation(task_type=TaskType.GENERIC)

    assert stops(due(one), running=(one,)) == [Stop(StopAction.PAUSE, (due(one),))]


def test_of_two_incidents_about_one_allocation_one_is_paused() -> None:
    a = trial(A)
    twice = due(a), due(a, "GPUAllocationPartlyIdle")

    first, second = stops(*twice, running=(a,))

    assert (first.no, second.no) == (None, Reason.STOP_ELSEWHERE)


def test_without_a_reading_of_determined_nothing_is_paused() -> None:
    a = trial(A)

    [stop] = arrange([due(a)], Rulebook(Mode.ENFORCE, {POLICY.name: POLICY}), None)

    assert stop.no is Reason.DETERMINED_UNAVAILABLE


@pytest.mark.parametrize(
    ("state", "killed"), [(IntentState.SENDING, False), (IntentState.RECORDED, True)]
)
def test_what_may_be_writing_a_checkpoint_at_our_word_is_not_killed(
    state: IntentState, *, killed: bool
) -> None:
    a, b = trial(A), trial(B)
    incident, target = due(a)
    intent = Intent("n1", state, T0, {}, action=StopAction.PAUSE)
    pair = incident, replace(target, intent=intent)

    [stop] = stops(pair, running=(a, b), policy=replace(POLICY, fallback=Fallback.KILL))

    assert (stop.action is StopAction.KILL) == killed


@pytest.mark.parametrize(
    ("task_type", "fallback", "action", "mode"),
    [
        ("notebook", Fallback.NONE, StopAction.NONE, Mode.WARN),
        ("notebook", Fallback.KILL, StopAction.KILL, Mode.ENFORCE),
        ("trial", Fallback.NONE, StopAction.PAUSE, Mode.ENFORCE),
        ("", Fallback.NONE, StopAction.PAUSE, Mode.ENFORCE),
    ],
)
def test_s10_a_type_that_cannot_be_paused_has_the_fallback_from_its_warning_on(
    task_type: str, fallback: Fallback, action: StopAction, mode: Mode
) -> None:
    policy = replace(POLICY, fallback=fallback)
    rulebook = Rulebook(Mode.ENFORCE, {policy.name: policy})

    found = rulebook.policy_for(replace(IDENTITY, task_type=task_type))

    assert (found.action, found.ceiling(Mode.ENFORCE)) == (action, mode)


def about_a_user(one: Allocation) -> Due:
    """Return the same of an alert about its owner, which says nothing of any type."""
    incident, target = due(one)
    return replace(incident, identity=OVER), target


@pytest.mark.parametrize("of", [due, about_a_user], ids=["the task", "its owner"])
@pytest.mark.parametrize("action", [StopAction.PAUSE, StopAction.NONE])
def test_s10_what_the_policy_stops_by_no_call_is_left_to_a_person(
    of: Callable[[Allocation], Due], action: StopAction
) -> None:
    notebook = allocation()

    [stop] = stops(of(notebook), running=(notebook,), policy=replace(POLICY, action=action))

    assert (stop.action, stop.no) == (StopAction.NONE, Reason.NOT_PAUSABLE)


@pytest.mark.parametrize("of", [due, about_a_user], ids=["the task", "its owner"])
def test_what_cannot_be_paused_is_killed_where_the_fallback_says_so(
    of: Callable[[Allocation], Due],
) -> None:
    notebook = allocation()
    killing = replace(POLICY, fallback=Fallback.KILL)

    [stop] = stops(of(notebook), running=(notebook,), policy=killing)

    assert (stop.action, stop.no) == (StopAction.KILL, None)


def test_what_is_killed_is_killed_one_by_one() -> None:
    a, b = trial(A), trial(B)
    killing = replace(POLICY, action=StopAction.KILL)

    found = stops(due(a), due(b), running=(a, b), policy=killing)

    assert found == [Stop(StopAction.KILL, (each,)) for each in (due(a), due(b))]


def test_a_stop_goes_on_from_what_was_stored_since_it_was_arranged() -> None:
    a = trial(A)
    incident, target = due(a)
    warned_again = replace(target, name="new")
    stored = replace(incident.with_target(warned_again), version=7)

    stop = Stop(StopAction.KILL, ((incident, target),)).as_stored({incident.incident_id: stored})

    assert stop.due == ((stored, warned_again),)
    assert stop.may_be_made


@pytest.mark.parametrize("state", [IncidentState.HELD, IncidentState.RESOLVED])
def test_s9_a_stop_whose_round_has_ended_with_another_target_is_not_made(
    state: IncidentState,
) -> None:
    incident, target = due(trial(A))
    ended = replace(incident, state=state)

    stop = Stop(StopAction.KILL, ((incident, target),)).as_stored({incident.incident_id: ended})

    assert not stop.may_be_made
