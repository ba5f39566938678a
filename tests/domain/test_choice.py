"""Which tasks are to make room: idle ones first, then the newest, and only as many as needed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.choice import Choice, Holding, Pool, choose
from app.domain.cluster import QueuedJob, Room
from app.domain.reasons import Reason
from tests.domain.examples import T0

FULL = {"agent-a": Room(8, 0), "agent-b": Room(8, 0)}


def holds(
    name: str, slots: int = 1, *, age: int = 0, idle: bool = False, on: str = "agent-a"
) -> Holding:
    """Return a task of bob's that began so many minutes ago."""
    started = T0 - timedelta(minutes=age)
    return Holding(name, slots, started, idle=idle, on_agents={on: slots})


def waits(slots: int | None = 1, *, of: str | None = "carol", **more: object) -> QueuedJob:
    known = {"job_id": f"{of}-{slots}", "username": of, "slots": slots, "least": slots}
    return QueuedJob(**(known | more))  # type: ignore[arg-type] # The words of the test.


def chosen(
    *holdings: Holding,
    limit: int | None = 0,
    queue: tuple[QueuedJob, ...] = (waits(),),
    rooms: Mapping[str, Room] | None = FULL,
    going: frozenset[str] = frozenset(),
) -> Choice:
    return choose("bob", holdings, Pool(queue, rooms), limit=limit, going=going)


def test_an_idle_task_goes_before_a_newer_one() -> None:
    found = chosen(holds("new", age=1), holds("idle", age=90, idle=True))

    assert found == Choice(("idle",))


def test_among_equals_the_newest_goes_first() -> None:
    old, new = holds("old", age=90), holds("new", age=1)

    assert chosen(old, new).allocation_ids == ("new",)
    assert chosen(replace(old, idle=True), replace(new, idle=True)).allocation_ids == ("new",)


def test_what_began_nobody_knows_when_goes_last() -> None:
    unknown = replace(holds("unknown"), started=None)

    assert chosen(unknown, holds("old", age=9_999)).allocation_ids == ("old",)


def test_no_more_are_chosen_than_let_a_job_begin() -> None:
    found = chosen(*(holds(str(n), age=n) for n in range(4)), queue=(waits(2),))

    assert found.allocation_ids == ("0", "1")


def test_who_would_be_stopped_in_vain_is_left_out() -> None:
    """The idle one makes room on another agent than the job needs it on."""
    idle = holds("idle", idle=True, on="agent-b")

    found = chosen(idle, holds("big", 4), queue=(waits(4),))

    assert found.allocation_ids == ("big",)


def test_slots_that_are_free_already_count() -> None:
    rooms = {"agent-a": Room(8, 3)}

    found = chosen(holds("one"), holds("two", age=1), queue=(waits(4),), rooms=rooms)

    assert found.allocation_ids == ("one",)


def test_nobody_is_chosen_where_no_job_could_begin() -> None:
    found = chosen(holds("one"), holds("two", on="agent-b"), queue=(waits(2),))

    assert (found.allocation_ids, found.reason) == ((), Reason.NO_USE)
    assert "could begin" in found.detail


def test_nobody_is_chosen_where_more_would_be_taken_than_is_over_the_limit() -> None:
    tasks = [holds(str(n), age=n) for n in range(4)]

    found = chosen(*tasks, limit=2, queue=(waits(4),))

    assert found.reason is Reason.NO_USE
    assert chosen(*tasks, limit=2, queue=(waits(2),)).allocation_ids == ("0", "1")


def test_a_single_task_that_is_over_the_limit_by_itself_may_be_chosen() -> None:
    assert chosen(holds("big", 8), limit=4).allocation_ids == ("big",)


@pytest.mark.parametrize("limit", [2, 3, None], ids=["at it", "below it", "none"])
def test_who_is_within_the_limit_gives_nothing(limit: int | None) -> None:
    assert chosen(holds("one"), holds("two"), limit=limit).reason is Reason.NO_NEED


@pytest.mark.parametrize(
    "queue",
    [(), (waits(of="bob"),), (waits(of=None),), (waits(0),)],
    ids=["nobody", "the user", "nobody knows who", "without a GPU"],
)
def test_where_nobody_else_waits_nothing_is_given(queue: tuple[QueuedJob, ...]) -> None:
    found = chosen(holds("one"), queue=queue)

    assert found.reason is Reason.NO_NEED
    assert "waits" in found.detail


def test_a_job_that_finds_room_already_needs_none() -> None:
    found = chosen(holds("one"), rooms={"agent-a": Room(8, 1)})

    assert found.reason is Reason.NO_NEED


def test_a_job_that_finds_room_already_has_it() -> None:
    rooms = {"agent-a": Room(8, 1)}
    small, big = waits(1, ahead=1), waits(2, ahead=2)

    found = chosen(*(holds(str(n), age=n) for n in range(3)), queue=(small, big), rooms=rooms)

    assert found.allocation_ids == ("0", "1"), "the slot that is free is the small one's"


def test_where_room_is_unknown_nobody_is_chosen() -> None:
    assert chosen(holds("one"), rooms=None).reason is Reason.ROOM_UNKNOWN


def test_a_protected_task_is_never_chosen() -> None:
    found = chosen(replace(holds("idle", idle=True), protected=True), holds("busy"))

    assert found.allocation_ids == ("busy",)


def test_slots_that_the_user_would_take_again_are_not_asked_for() -> None:
    mine = waits(1, of="bob", ahead=1)

    assert chosen(holds("one"), queue=(mine, waits(1, ahead=2))).reason is Reason.NO_USE
    assert chosen(holds("one"), queue=(waits(1, ahead=0), mine)).allocation_ids == ("one",)


def test_all_parts_of_a_job_of_the_user_take_room_before_others_get_any() -> None:
    mine = waits(2, of="bob", least=1)
    tasks = [holds(str(n), age=n) for n in range(3)]

    assert chosen(*tasks, queue=(mine, waits(1, ahead=1))).allocation_ids == ("0", "1", "2")


def test_where_nobody_knows_who_is_in_front_it_is_the_user() -> None:
    """A fair-share scheduler keeps no order."""
    queue = (waits(1, ahead=-1), waits(1, of="bob", ahead=-1))

    assert chosen(holds("one"), queue=queue).reason is Reason.NO_USE


def test_a_job_that_nobody_may_see_may_be_the_users() -> None:
    assert chosen(holds("one"), queue=(waits(of=None), waits(ahead=1))).reason is Reason.NO_USE


def test_behind_a_job_of_unknown_size_nothing_can_be_told() -> None:
    hidden = waits(of=None, slots=None, least=None)

    assert chosen(holds("one"), queue=(hidden, waits(ahead=1))).reason is Reason.NO_USE


def test_a_job_waits_for_those_of_a_higher_priority() -> None:
    first, second = waits(8, of="dave", priority=10), waits(1, priority=42, ahead=1)

    assert chosen(holds("one"), queue=(first, second)).reason is Reason.NO_USE
    same = replace(first, priority=42)
    assert chosen(holds("one"), queue=(same, second)).allocation_ids == ("one",)


def test_an_experiment_begins_with_one_of_its_trials() -> None:
    assert chosen(holds("one"), queue=(waits(10, least=1),)).allocation_ids == ("one",)


def test_only_an_experiment_spreads_and_only_over_agents_that_are_wholly_free() -> None:
    rooms = {"agent-a": Room(8, 8), "agent-b": Room(8, 6), "agent-c": Room(4, 4)}
    task = holds("one", 2, on="agent-b")

    assert chosen(task, queue=(waits(16, spreads=True),), rooms=rooms).allocation_ids == ("one",)
    assert chosen(task, queue=(waits(16),), rooms=rooms).reason is Reason.NO_USE
    odd = waits(12, spreads=True)
    assert chosen(task, queue=(odd,), rooms=rooms).reason is Reason.NO_USE, "8 and 4 differ"


def test_an_agent_that_takes_no_new_work_makes_no_room() -> None:
    rooms = {"agent-a": Room(0, 0)}

    assert chosen(holds("one"), rooms=rooms).reason is Reason.NO_USE


def test_what_is_being_stopped_counts_as_given() -> None:
    tasks = [holds("going"), holds("next", age=1)]
    going = frozenset({"going"})

    assert chosen(*tasks, going=going).reason is Reason.NO_NEED
    assert chosen(*tasks, queue=(waits(2),), going=going).allocation_ids == ("next",)
    assert chosen(*tasks, queue=(waits(2),), limit=1, going=going).reason is Reason.NO_NEED


AGENTS = ("agent-a", "agent-b")
HOLDINGS = st.lists(
    st.builds(
        lambda slots, age, on, idle, protected: replace(
            holds("", slots, age=age, on=on, idle=idle), protected=protected
        ),
        st.integers(0, 4),
        st.integers(0, 3),
        st.sampled_from(AGENTS),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
).map(lambda found: [replace(each, allocation_id=str(n)) for n, each in enumerate(found)])
JOBS = st.lists(
    st.builds(
        lambda of, slots, ahead, spreads: waits(slots, of=of, ahead=ahead, spreads=spreads),
        st.sampled_from(["carol", "dave", "bob", None]),
        st.integers(0, 9),
        st.integers(-1, 3),
        st.booleans(),
    ),
    max_size=4,
).map(lambda found: tuple(replace(each, job_id=str(n)) for n, each in enumerate(found)))
ROOMS = st.fixed_dictionaries(
    {agent: st.integers(0, 8).map(lambda free: Room(8, free)) for agent in AGENTS}
)
LIMITS = st.integers(0, 6)


@given(HOLDINGS, JOBS, ROOMS, LIMITS)
@settings(max_examples=150, deadline=None)
def test_whatever_runs_and_waits_the_choice_is_minimal_and_touches_nothing_protected(
    tasks: list[Holding], queue: tuple[QueuedJob, ...], rooms: dict[str, Room], limit: int
) -> None:
    found = chosen(*tasks, limit=limit, queue=queue, rooms=rooms)

    by_id = {each.allocation_id: each for each in tasks}
    picked = [by_id[each] for each in found.allocation_ids]
    assert bool(picked) == (found.reason is Reason.TARGETS_CHOSEN)
    assert not any(each.protected or not each.slots for each in picked)
    excess = sum(each.slots for each in tasks) - limit
    for each in picked:
        others = frozenset(found.allocation_ids) - {each.allocation_id}
        left = sum(by_id[one].slots for one in others)
        assert left < excess, "fewer bring the user to the limit"
        again = chosen(*tasks, limit=limit, queue=queue, rooms=rooms, going=others)
        assert again.reason is not Reason.NO_NEED, "fewer let a job begin"


@given(HOLDINGS.flatmap(lambda tasks: st.tuples(st.just(tasks), st.permutations(tasks))), JOBS)
@settings(max_examples=75, deadline=None)
def test_the_choice_does_not_hang_on_the_order_of_what_was_read(
    orders: tuple[list[Holding], list[Holding]], queue: tuple[QueuedJob, ...]
) -> None:
    first, second = orders

    assert chosen(*first, queue=queue) == chosen(*second, queue=queue)
