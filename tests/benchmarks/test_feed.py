from collections.abc import Mapping

import pytest

from benchmarks.rules.feed import Feed
from benchmarks.rules.reach import Window
from benchmarks.rules.series import INTERVAL, ONE, ORIGIN, Course, Series
from tests.benchmarks.wire import Written, read_request

NOW = ORIGIN + 100 * 86_400
DAY = 86_400


class Sink:
    """Takes requests, and shows the moments of the samples, in seconds before now."""

    def __init__(self) -> None:
        self.written: list[Written] = []

    def __call__(self, request: bytes) -> None:
        self.written += read_request(request)

    def ages(self, name: str) -> list[int]:
        return [
            NOW - moment // 1_000
            for labels, samples in self.written
            if labels["__name__"] == name
            for moment, _ in samples
        ]


@pytest.fixture
def sink() -> Sink:
    return Sink()


def feed(*names: str, reach: Mapping[str, set[Window]] | None = None) -> Feed:
    return Feed([Series(name, {}, ONE) for name in names], reach or {}, now=NOW)


def test_past_is_as_long_as_the_longest_window(sink: Sink) -> None:
    feed("up", reach={"up": {Window(0, 300), Window(0, 1_800)}}).write(sink, until=NOW)

    assert sink.ages("up") == list(range(1_800, -1, -INTERVAL))


def test_series_that_no_rule_reads_has_a_short_past(sink: Sink) -> None:
    feed("up").write(sink, until=NOW)

    assert sink.ages("up") == list(range(120, -1, -INTERVAL))


def test_rows_of_a_slower_group_are_farther_apart(sink: Sink) -> None:
    series, windows = [Series("l:a:max", {}, ONE)], {"l:a:max": {Window(0, 1_800)}}
    one = Feed(series, windows, now=NOW, interval=60)

    one.write(sink, until=NOW)
    one.write(sink, until=NOW + 119)

    assert sink.ages("l:a:max") == list(range(1_800, -61, -60))


def test_window_far_back_is_filled_and_what_lies_between_is_not(sink: Sink) -> None:
    feed("up", reach={"up": {Window(7 * DAY, 600)}}).write(sink, until=NOW)

    ages = sink.ages("up")
    assert max(ages) == 7 * DAY + 600
    assert not [age for age in ages if 120 < age < 6 * DAY]


def test_window_far_back_stays_filled_while_time_goes_on(sink: Sink) -> None:
    feed("up", reach={"up": {Window(7 * DAY, 600)}}).write(sink, until=NOW)

    assert 7 * DAY - 1_800 in sink.ages("up")


def test_second_write_goes_on_where_the_first_ended(sink: Sink) -> None:
    one = feed("up", reach={"up": {Window(7 * DAY, 600), Window(0, 300)}})
    one.write(sink, until=NOW + 7)
    sink.written.clear()

    one.write(sink, until=NOW + 40)

    assert sink.ages("up") == [-15, -30]


def test_only_names_that_are_asked_for_are_written_on(sink: Sink) -> None:
    windows = {"up": {Window(0, 300)}, "down": {Window(0, 300)}}
    one = feed("up", "down", reach=windows)
    one.write(sink, until=NOW)
    sink.written.clear()

    one.write(sink, until=NOW + INTERVAL, names={"up", "elsewhere"})

    assert (sink.ages("up"), sink.ages("down")) == ([-INTERVAL], [])
    assert one.ends_before(NOW + INTERVAL, {"up", "down"})
    assert not one.ends_before(NOW + INTERVAL, {"up", "elsewhere"})


def test_name_that_waited_has_no_gap(sink: Sink) -> None:
    one = feed("up", "down", reach={"up": {Window(0, 300)}, "down": {Window(0, 300)}})
    one.write(sink, until=NOW)
    one.write(sink, until=NOW + 3 * INTERVAL, names={"up"})

    one.write(sink, until=NOW + 4 * INTERVAL, names={"up", "down"})

    assert sink.ages("up") == sink.ages("down") == list(range(300, -4 * INTERVAL - 1, -INTERVAL))


def test_nothing_is_written_twice(sink: Sink) -> None:
    one = feed("up", reach={"up": {Window(0, 300)}})
    one.write(sink, until=NOW)

    assert one.write(sink, until=NOW + INTERVAL - 1) == 0


def test_series_that_no_rule_reads_is_not_written_on(sink: Sink) -> None:
    one = feed("read", "unread", reach={"read": {Window(0, 300)}})
    one.write(sink, until=NOW)

    assert one.write(sink, until=NOW + INTERVAL) == 1


def test_samples_are_counted(sink: Sink) -> None:
    count = feed("up", "down").write(sink, until=NOW)

    assert count == sum(len(samples) for _, samples in sink.written) == 18


def test_every_series_follows_its_own_course(sink: Sink) -> None:
    courses = [Course(5), Course(0, per_second=2), Course(5)]
    series = [Series("x", {"n": str(n)}, course) for n, course in enumerate(courses)]

    Feed(series, {}, now=NOW).write(sink, until=NOW)

    last = {labels["n"]: samples[-1][1] for labels, samples in sink.written}
    assert last == {"0": 5, "1": 2 * (NOW - ORIGIN), "2": 5}


def test_too_long_a_past_loses_its_beginning_and_says_so(sink: Sink) -> None:
    windows = {"up": {Window(0, 1_800)}}
    one = Feed([Series("up", {"n": n}, ONE) for n in "ab"], windows, now=NOW, budget=20)

    one.write(sink, until=NOW)

    assert sink.ages("up") == 2 * list(range(135, -1, -INTERVAL))
    assert [(cut.name, cut.samples, cut.wanted) for cut in one.shortened] == [("up", 10, 121)]


@pytest.mark.parametrize(
    ("size", "requests"), [(1, 3), (10**9, 1)], ids=["small requests", "large ones"]
)
def test_request_is_sent_when_it_is_large_enough(size: int, requests: int, sink: Sink) -> None:
    sent: list[bytes] = []
    series = [Series(name, {}, ONE) for name in ("a", "b", "c")]

    Feed(series, {}, now=NOW, request=size).write(sent.append, until=NOW)

    assert len(sent) == requests
    sink(b"".join(sent))
    assert [labels["__name__"] for labels, _ in sink.written] == ["a", "b", "c"]
