"""Which silences are asked about a target, where there are many."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.matchers import Matcher, Silence, silence_ended_over, silence_over
from app.domain.silences import Reach, SilenceIndex
from tests.domain.examples import T0

NAMES = ("task_id", "username", "cluster")
VALUES = ("", "a", "b")
HOUR = timedelta(hours=1)
matchers = st.builds(
    Matcher,
    st.sampled_from(NAMES),
    st.sampled_from(VALUES),
    is_regex=st.booleans(),
    is_equal=st.booleans(),
)
silences = st.builds(
    Silence,
    silence_id=st.uuids().map(str),
    matchers=st.lists(matchers, min_size=1, max_size=3).map(tuple),
    starts_at=st.just(T0 - HOUR),
    ends_at=st.integers(-2, 2).map(lambda hours: T0 + hours * HOUR),
    created_by=st.just("carol"),
    comment=st.just(""),
)
labels_of_targets = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES))


@settings(max_examples=150, deadline=None)
@given(st.lists(silences, max_size=6), labels_of_targets, labels_of_targets)
def test_s4_no_silence_is_overlooked_because_it_is_not_near(
    found: list[Silence], own: dict[str, str], common: dict[str, str]
) -> None:
    labels, since = common | own, T0 - 3 * HOUR
    of_all = silence_over(labels, found, T0)
    ended_of_all = silence_ended_over(labels, found, since=since, now=T0)

    index = SilenceIndex(found)

    of_near = index.over(own, common, T0)
    assert (of_all and of_all.ends_at) == (of_near and of_near.ends_at)
    ended = index.ended_over(own, common, since=since, now=T0)
    assert (ended is None) == (ended_of_all is None)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(silences, max_size=3), max_size=3), labels_of_targets, labels_of_targets)
def test_s4_what_is_far_from_all_silences_is_near_to_none_on_any_peer(
    of_peers: list[list[Silence]], own: dict[str, str], common: dict[str, str]
) -> None:
    indices = [SilenceIndex(found) for found in of_peers]

    if Reach(indices).is_far_from(own):
        assert [index.near(own, common) for index in indices] == [[] for _ in indices]


def test_a_target_is_far_from_silences_over_others_on_every_peer() -> None:
    def over(name: str, value: str) -> SilenceIndex:
        return SilenceIndex([Silence("s", (Matcher(name, value),), T0, T0 + HOUR, "carol", "")])

    reach = Reach([over("task_id", "a"), over("username", "bob"), over("task_id", "b")])

    assert reach.is_far_from({"task_id": "c", "username": "carol"})
    assert not reach.is_far_from({"task_id": "a", "username": "carol"})
    assert not reach.is_far_from({"task_id": "b", "username": "carol"})
    assert not reach.is_far_from({"task_id": "c", "username": "bob"})
    assert not reach.is_far_from({"task_id": "c"}), "its alert may say whose it is"
    assert not Reach([over("task_id", "a"), over("task_id", "")]).is_far_from({"task_id": "c"})
    assert Reach([]).is_far_from({})


def test_a_silence_over_one_task_is_asked_about_that_task_alone() -> None:
    one = Silence("s1", (Matcher("task_id", "a"),), T0, T0 + HOUR, "carol", "")
    index = SilenceIndex([one, replace(one, silence_id="s2", matchers=(Matcher("task_id", "b"),))])

    assert index.near({"task_id": "a"}, {}) == [one]
    assert index.near({}, {"task_id": "a"}) == [one]
    assert index.near({}, {}) == []


def test_a_silence_is_found_by_the_label_that_the_fewest_tasks_share() -> None:
    demands = (Matcher("policy", "reclaim"), Matcher("task_id", "a"))
    index = SilenceIndex([Silence("s1", demands, T0, T0 + HOUR, "carol", "")])

    assert index.near({"policy": "reclaim", "task_id": "b"}, {}) == []
