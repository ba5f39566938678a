"""Which silences and exemptions protect much."""

from datetime import timedelta

import pytest

from app.adapters.patterns import compiled
from app.domain.cluster import Snapshot, User
from app.domain.exceptions import Names, Protection, owners_in, protections
from app.domain.exemption import Exemption
from app.domain.matchers import Matcher, Silence
from tests.domain.examples import ALLOCATION, T0, TASK, allocation, snapshot

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NAMES = Names(
    alerts=frozenset({"GPUAllocationIdle"}),
    policies=frozenset({"reclaim", "advise"}),
    users=frozenset({"alice", "bob", "carol"}),
    running=(allocation(), allocation("alice", allocation_id="t.1", task_id="t")),
    others={"cluster": {"lab"}},
)


def regex(name: str, value: str, *, is_equal: bool = True) -> Matcher:
    return Matcher(name, value, is_regex=True, is_equal=is_equal, pattern=compiled(value))


def silence(*matchers: Matcher, lasts: timedelta = HOUR, silence_id: str = "s") -> Silence:
    return Silence(silence_id, matchers, T0 - HOUR, T0 - HOUR + lasts, "carol", "demo")


def told(*silences: Silence, names: Names = NAMES) -> tuple[Protection, ...]:
    return protections(silences, (), names, T0)


@pytest.mark.parametrize(
    ("matchers", "owners"),
    [
        pytest.param([Matcher("username", "alice")], None, id="one"),
        pytest.param([Matcher("task_id", TASK)], None, id="one task"),
        pytest.param([Matcher("allocation_id", ALLOCATION)], None, id="one allocation"),
        pytest.param([Matcher("username", "alice", is_equal=False)], 2, id="all but one"),
        pytest.param([regex("username", "alice|bob")], 2, id="two by a pattern"),
        pytest.param([regex("username", "alice|dave")], None, id="one of them is unknown"),
        pytest.param([Matcher("policy", "reclaim")], 3, id="a policy"),
        pytest.param([Matcher("policy", "other")], None, id="a policy of somebody else"),
        pytest.param([Matcher("alertname", "GPUAllocationIdle")], 3, id="an alert"),
        pytest.param([Matcher("alertname", "ExporterDown")], None, id="no alert of an owner"),
        pytest.param([Matcher("resource_pool", "a100")], 3, id="a pool: whoever comes there"),
        pytest.param([regex("task_id", ".*")], 2, id="the owners of all tasks"),
        pytest.param(
            [regex("task_id", ".*"), Matcher("username", "bob")], None, id="all tasks of one"
        ),
        pytest.param([Matcher("instance", "node7")], None, id="a label that no alert has"),
        pytest.param([Matcher("cluster", "lab")], 3, id="a label that some alerts have"),
        pytest.param([Matcher("cluster", "other")], None, id="with another value"),
        pytest.param([Matcher("username", "(", is_regex=True)], 3, id="no pattern: it protects"),
    ],
)
def test_a_silence_covers_whoever_it_does_not_leave_out(
    matchers: list[Matcher], owners: int | None
) -> None:
    found = told(silence(*matchers, lasts=2 * HOUR))

    assert [each.owners for each in found] == ([owners] if owners else [])


@pytest.mark.parametrize(
    ("lasts", "is_told"), [(7 * DAY, False), (7 * DAY + timedelta(seconds=1), True)]
)
def test_a_silence_of_more_than_a_week_is_told_whomever_it_covers(
    lasts: timedelta, *, is_told: bool
) -> None:
    found = told(silence(Matcher("username", "alice"), lasts=lasts))

    assert [(each.is_long, each.by, each.reason) for each in found] == (
        [(True, "carol", "demo")] if is_told else []
    )


def test_a_silence_that_is_over_or_has_not_begun_is_not_told() -> None:
    over = silence(Matcher("policy", "reclaim"), lasts=HOUR)
    early = Silence("e", (), T0 + HOUR, T0 + 30 * DAY, "carol", "")

    assert told(over, early) == ()


def test_copies_of_a_silence_on_several_peers_are_one() -> None:
    copy = silence(Matcher("policy", "reclaim"), lasts=9 * DAY)

    assert len(told(copy, copy)) == 1


def test_where_determined_is_not_read_the_long_ones_are_told_and_nobody_is_counted() -> None:
    unknown = Names(NAMES.alerts, NAMES.policies, users=None)
    long = silence(Matcher("policy", "reclaim"), lasts=9 * DAY, silence_id="long")

    found = told(long, silence(Matcher("policy", "reclaim"), lasts=3 * HOUR), names=unknown)

    assert [(each.is_long, each.owners) for each in found] == [(True, None)]


@pytest.mark.parametrize(
    ("matchers", "span", "found"),
    [
        ((Matcher("username", "alice"),), 7 * DAY, []),
        ((Matcher("username", "alice"),), 7 * DAY + HOUR, [(True, 1)]),
        ((Matcher("resource_pool", "a100"),), DAY, [(False, 3)]),
        ((regex("username", "a.*|b.*"), Matcher("task_type", "trial")), DAY, [(False, 2)]),
        ((Matcher("resource_pool", "a100"),), -DAY, []),
    ],
    ids=["a week for one", "longer", "for all", "for two", "over"],
)
def test_exemptions_are_told_likewise(
    matchers: tuple[Matcher, ...], span: timedelta, found: list[tuple[bool, int]]
) -> None:
    exempt = [Exemption(matchers, "thesis", T0 + span)]

    told = protections((), exempt, NAMES, T0)

    assert [(each.is_long, each.owners) for each in told] == found
    assert {each.by for each in told} <= {""}


def test_what_lasts_longest_comes_first() -> None:
    exempt = [Exemption((), "short", T0 + DAY), Exemption((), "long", T0 + 9 * DAY)]

    found = protections([silence(lasts=5 * DAY)], exempt, NAMES, T0)

    assert [each.reason for each in found] == ["long", "demo", "short"]


def test_owners_are_those_with_an_account_that_is_active_and_those_who_run_something() -> None:
    read = snapshot(allocation("gone"), allocation(None, allocation_id="x.1"))
    users = {"alice": User("alice", active=True), "old": User("old", active=False)}

    found = owners_in(Snapshot(read.at, read.allocations, users=users))

    assert found == {"alice", "gone"}
