"""Who holds what now: by user and pool, with what is known of it and no more."""

from dataclasses import replace

from app.domain.cluster import Allocation, User
from app.domain.holders import IDLE, USED, Held, Holder, holders
from app.domain.incident import Incident, IncidentState
from app.domain.policy import SlotLimits
from app.domain.readings import Sample
from app.domain.rows import NAME, Rows
from tests.domain.examples import allocation, held, notified, snapshot

LIMITS = SlotLimits(default=4, by_user={"carol": None})
NOTHING = Rows(())


def of(
    task_id: str, username: str | None = "bob", *, pool: str = "a", slots: int = 1
) -> Allocation:
    return allocation(
        username,
        task_id=task_id,
        allocation_id=f"{task_id}.1",
        resource_pool=pool,
        slots=slots,
    )


def row(name: str, username: str, pool: str, value: float) -> Sample:
    return Sample({NAME: name, "username": username, "resource_pool": pool}, value)


def about(username: str, incident: Incident) -> Incident:
    return replace(incident, identity=replace(incident.identity, username=username))


def test_who_holds_most_comes_first_with_each_pool_by_itself() -> None:
    world = replace(
        snapshot(
            of("t1", slots=5),
            of("t2", pool="b"),
            of("t3", "alice", slots=4),
            of("t4", None, slots=8),
        ),
        users={"bob": User("bob", active=False), "alice": User("alice", active=True)},
        queued_slots={"a": {"carol": 8}, "b": {"alice": 2}},
    )
    rows = Rows([row(USED, "bob", "a", 1.0), row(IDLE, "bob", "a", 1.0)])

    found = holders(world, LIMITS, [], rows)

    of_bob = (Held("a", 1, 5, 0, used=1, idle=1), Held("b", 1, 1, 0))
    assert found == [
        Holder("bob", active=False, limit=4, held=of_bob),
        Holder("alice", active=True, limit=4, held=(Held("a", 1, 4, 0), Held("b", 0, 0, 2))),
        Holder("carol", active=None, limit=None, held=(Held("a", 0, 0, 8),)),
    ]


def test_open_incidents_are_counted_of_those_too_who_hold_nothing_any_more() -> None:
    known = [about("bob", notified()), about("bob", notified()), about("bob", held())]

    [bob] = holders(snapshot(), LIMITS, known, NOTHING)

    assert (bob.slots, bob.tasks, bob.held) == (0, 0, ())
    assert bob.incidents == {IncidentState.NOTIFIED: 2, IncidentState.HELD: 1}


def test_what_is_queued_is_held_by_nobody() -> None:
    queued = allocation(containers=())

    assert holders(snapshot(queued), LIMITS, [], NOTHING) == []


def test_two_runs_of_one_task_are_one_task() -> None:
    runs = (allocation(allocation_id="t.1"), allocation(allocation_id="t.2"))

    [bob] = holders(snapshot(*runs), LIMITS, [], NOTHING)

    assert (bob.tasks, bob.slots) == (1, 2)
