"""Policies that stop only while somebody waits: what is stopped, or due, beside one stop counts."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain import events as e
from app.domain.beside import Beside, Offer
from app.domain.cluster import Allocation, Container, QueuedJob, Room
from app.domain.incident import Block, Incident, IncidentState
from app.domain.policy import Mode, Policy, Rulebook
from app.domain.reasons import Reason
from app.domain.together import Due, arrange, being_stopped, beside
from app.domain.waiting import moves, timely_reminders
from tests.domain.examples import GRACE, POLICY, T0, after, allocation, notified
from tests.domain.test_wanted import ASKING, MINUTE, NOW, answer, asking, job, queue_of


def running(number: int, *, agent: str = "agent-a", **changes: object) -> Allocation:
    """Return a task of bob's that holds one GPU."""
    held = Container(f"c{number}", agent, (f"GPU-{number}",))
    task_id = f"{number:08d}-b2f1-4c94-ae05-319acb5c7427"
    known = {"task_id": task_id, "allocation_id": f"{task_id}.1", "containers": (held,)}
    return allocation(**(known | changes))  # type: ignore[arg-type] # The words of the test.


TASKS = tuple(running(number) for number in range(4))
"""Tasks of bob's, each with one GPU of the same agent."""
A, B, C, D = (each.allocation_id for each in TASKS)
TAKEN = {"agent-a": Room(slots=4, free=0), "agent-b": Room(slots=4, free=0)}


def offer(*allocation_ids: str, queued_for: timedelta = timedelta()) -> Offer:
    return Offer(frozenset(allocation_ids), queued_for)


def call(
    *own: str, others: Sequence[Offer] = (), going: Collection[str] = (), jobs: Sequence[QueuedJob]
) -> bool:
    """Tell whether a call about these tasks, of which the first is asked about, is wanted."""
    target = replace(notified().targets[0], allocation_id=own[0])
    around = Beside(frozenset(own), tuple(others), frozenset(going))
    seen = queue_of(*jobs, rooms=TAKEN, held=TASKS)
    return answer(seen, beside=around, target=target) is None


def test_what_is_being_stopped_already_serves_the_job() -> None:
    assert call(A, jobs=[job()])
    assert not call(A, going=[B], jobs=[job()])
    assert call(A, going=[B], jobs=[job(), job(job_id="j2")])
    assert call(A, going=[B], jobs=[job(slots=2, least=2)])


def test_its_own_call_is_not_counted_against_it() -> None:
    assert call(A, going=[A], jobs=[job()])


def test_a_job_takes_as_many_of_what_is_due_at_once_as_it_needs() -> None:
    two, four = [job(slots=2, least=2)], [job(slots=4, least=4)]

    assert not call(A, jobs=two)
    assert call(A, others=[offer(B)], jobs=two)
    assert call(A, others=[offer(B), offer(C)], jobs=two)
    assert not call(A, others=[offer(B), offer(C)], jobs=four)
    assert call(A, others=[offer(B), offer(C, D)], jobs=four)
    assert call(A, others=[offer(B)], going=[C, D], jobs=four)


def test_what_one_call_gives_back_counts_together() -> None:
    assert call(A, B, jobs=[job(slots=2, least=2)])
    assert call(A, B, jobs=[job()]), "a pause of less is not to be had"


def test_what_the_others_would_do_without_is_not_wanted() -> None:
    """The others are on the agent that the job needs, and this one is not."""
    elsewhere = running(0, agent="agent-b")
    held = (elsewhere, *TASKS[1:])
    seen = queue_of(job(slots=3, least=3), rooms=TAKEN, held=held)

    found = answer(
        seen,
        beside=Beside(frozenset({A}), (offer(B), offer(C), offer(D))),
        target=replace(notified().targets[0], allocation_id=A),
    )

    assert found is Reason.NOBODY_WAITS


def test_a_task_serves_its_own_owner_neither_alone_nor_with_others() -> None:
    alices = running(1, username="alice")
    seen = queue_of(job(slots=2, least=2), rooms=TAKEN, held=(TASKS[0], alices, *TASKS[2:]))
    target = replace(notified().targets[0], allocation_id=A)

    assert answer(seen, beside=Beside(frozenset({A}), (offer(B),)), target=target)
    assert not answer(seen, beside=Beside(frozenset({A}), (offer(B), offer(C))), target=target)


def test_others_count_for_a_job_that_has_waited_as_long_as_their_policy_says() -> None:
    two = [job(slots=2, least=2)]

    assert call(A, others=[offer(B, queued_for=10 * MINUTE)], jobs=two)
    assert not call(A, others=[offer(B, queued_for=11 * MINUTE)], jobs=two)


def of(one: Allocation, *, warned_at: datetime = T0) -> Incident:
    """Return the incident about a task, of which its owner was warned then."""
    base = notified()
    [target] = base.targets
    assert target.warning
    warning = replace(
        target.warning, delivered_at=warned_at, clock=warned_at - T0, deadline=warned_at + GRACE
    )
    target = replace(target, allocation_id=one.allocation_id, task_id=one.task_id, warning=warning)
    return replace(base, incident_id=one.allocation_id, targets=(target,))


@pytest.mark.parametrize(
    ("later", "moved"), [(MINUTE, set()), (MINUTE + timedelta(seconds=1), {A})]
)
def test_a_deadline_waits_for_one_that_is_over_a_moment_later(
    later: timedelta, moved: set[str]
) -> None:
    """Messages to two owners are seconds apart, and a job may need what both give back."""
    seen = queue_of(job(slots=2, least=2), rooms=TAKEN, held=TASKS)
    incidents = [of(TASKS[0]), of(TASKS[1], warned_at=T0 + later)]

    assert moves(incidents, asking(NOW, seen)).keys() == moved


def test_what_has_been_in_its_way_for_long_is_not_waited_for() -> None:
    seen = queue_of(job(slots=2, least=2), rooms=TAKEN, held=TASKS)
    block = Block(Reason.EVIDENCE_MISSING, since=T0, admins_told=True)
    stuck = replace(of(TASKS[1]), block=block)

    assert moves([of(TASKS[0]), stuck], asking(NOW, seen)).keys() == {A}


def test_what_was_proven_and_not_sent_yet_is_waited_for() -> None:
    seen = queue_of(job(slots=2, least=2), rooms=TAKEN, held=TASKS)
    proven = after(of(TASKS[1]), e.StopProven(B, "n1", {}))

    assert moves([of(TASKS[0]), proven], asking(NOW, seen)) == {}


def test_what_is_being_stopped_gives_nothing_back_a_second_time() -> None:
    """It is due again, since nothing has come of the first call yet."""
    called = after(of(TASKS[1]), e.StopProven(B, "n1", {}), e.StopSending(B))
    rulebook = Rulebook(Mode.ENFORCE, {ASKING.name: ASKING})
    one, again = arrange([pair(of(TASKS[0])), pair(called)], rulebook, None)
    going = being_stopped([called])

    found = beside(one, [one, again], rulebook, going)

    assert found == Beside(frozenset({A}), (), frozenset({B}))


def test_whoever_is_not_tried_any_more_is_not_being_stopped() -> None:
    called = after(of(TASKS[1]), e.StopProven(B, "n1", {}), e.StopSending(B))

    assert being_stopped([called]) == {B}
    assert being_stopped([replace(called, state=IncidentState.ESCALATED)]) == set()
    assert being_stopped([after(of(TASKS[1]), e.StopProven(B, "n1", {}))]) == set(), "no call yet"


def pair(incident: Incident) -> Due:
    return incident, incident.targets[0]


def reminded_of(
    *incidents: Incident, jobs: Sequence[QueuedJob], policy: Policy = ASKING
) -> list[str]:
    seen = queue_of(*jobs, rooms=TAKEN, held=TASKS)
    look = replace(
        asking(NOW - 10 * MINUTE, seen), rulebook=Rulebook(Mode.ENFORCE, {policy.name: policy})
    )
    return [incident.incident_id for incident, _ in timely_reminders(incidents, look)]


LONG_AGO = T0 - GRACE


def test_reminded_are_those_whose_stop_would_serve_somebody_at_their_deadline() -> None:
    now, later = of(TASKS[0]), of(TASKS[1], warned_at=T0 + MINUTE)
    much_later = of(TASKS[2], warned_at=T0 + 5 * MINUTE)
    two = [job(slots=2, least=2, since=LONG_AGO)]

    assert reminded_of(now, jobs=[]) == []
    assert reminded_of(now, jobs=[job(since=LONG_AGO)]) == [A]
    assert reminded_of(now, much_later, jobs=two) == []
    assert reminded_of(now, later, much_later, jobs=two) == [A, B]
    assert reminded_of(now, jobs=[], policy=POLICY) == [A], "it does not ask who waits"
