"""The digests in words: within Slack's limits whatever the names and figures, and read as meant."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.slack_blocks import MOST_CHARACTERS, size
from app.adapters.slack_digest import weekly
from app.adapters.slack_messages import Message
from app.adapters.slack_observed import observed
from app.adapters.slack_tables import NAME_WIDTH, figure, table
from app.domain.digest import Deed, Usage, WeeklyDigest, WeekTally
from app.domain.exceptions import Exceptions, Protection
from app.domain.matchers import Matcher
from app.domain.observed import DayTally, ObservedDigest, WouldBeStop
from app.domain.policy import Mode
from demo.slack.block_kit import check_blocks
from tests.domain.examples import T0

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
HOSTILE = (
    "<!channel>",
    "*bold* _it_ ~no~",
    "</a><script>alert(1)</script>",
    "&" * 400,
    "```\n<@U1>\n```",
    "`code`",
    "a\u202eb\u200b",
    "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 40,
    "e\N{COMBINING ACUTE ACCENT}" * 40,
    "\0\n\r\t",
    "",
)
MOST = 14
names = st.sampled_from(HOSTILE) | st.text(max_size=60)
many_names = st.lists(names, max_size=MOST)
figures = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
counts = st.integers(min_value=1, max_value=10**30)


@st.composite
def week_digests(draw: st.DrawFn) -> WeeklyDigest:
    found, number, hours = draw(many_names), draw(counts), draw(figures)
    tally = WeekTally(T0 - 7 * DAY, T0, gpus=number, by_hand=number)
    tally.deeds.update({(each, draw(st.sampled_from(Deed))): number for each in found})
    tally.reclaimed.update({(each, each[::-1]): 10**9 * HOUR for each in found[:4]})
    held = {(each, each[::-1]): hours for each in found}
    is_equal, is_regex = draw(st.booleans()), draw(st.booleans())
    told = tuple(
        Protection((Matcher(each, each, is_regex, is_equal),) * 2, each, each, T0, True, number)  # noqa: FBT003 -- all of a row
        for each in found
    )
    usage = draw(names | st.just(Usage(held, held, {}, draw(st.floats(0, 1)))))
    return WeeklyDigest(tally, usage, Exceptions(told, tuple(found), draw(st.booleans())))


@st.composite
def day_digests(draw: st.DrawFn) -> ObservedDigest:
    found, number = draw(many_names), draw(counts)
    tally = DayTally(T0 - DAY, T0, only_when_queued=draw(st.booleans()), unseen=number)
    tally.warned.update(dict.fromkeys(found, number))
    tally.reviewed.update(dict.fromkeys(found, number))
    for each in found:
        tally.stops[each] = WouldBeStop(T0 - HOUR, each, each[::-1], number, T0)
    return ObservedDigest(tally, draw(st.sampled_from(Mode)))


def demand_harmless(message: Message) -> None:
    """Slack takes it, and nothing in it but our own dates and fences means anything to Slack."""
    check_blocks(message.blocks)
    assert size(message.blocks) <= MOST_CHARACTERS
    parts = [*(text_of(block) for block in message.blocks), message.text]
    for text in parts:
        bare = Counter(text)
        dates = text.count("<!date^")
        assert bare["<"] == bare[">"] == dates, "a mention or a link of somebody else's"
        assert text.count("```") in {0, 2}, "a fence of somebody else's"
        assert "``" not in text.replace("```", ""), "code of somebody else's in ours"
        assert "\u202e" not in text
    assert len(message.text) <= 4_000


def text_of(block: dict[str, Any]) -> str:
    found: str = (block.get("text") or block["elements"][0])["text"]
    return found


@settings(max_examples=15, deadline=None)
@given(week_digests())
def test_a_weekly_digest_is_within_slacks_limits_whatever_is_in_it(digest: WeeklyDigest) -> None:
    demand_harmless(weekly(digest))


@settings(max_examples=15, deadline=None)
@given(day_digests())
def test_a_daily_digest_is_within_slacks_limits_whatever_is_in_it(digest: ObservedDigest) -> None:
    demand_harmless(observed(digest))


@settings(max_examples=30, deadline=None)
@given(st.lists(names, min_size=1, max_size=5))
def test_columns_stand_below_each_other_whatever_the_names(found: list[str]) -> None:
    lines = table(("user", "held"), [(name, "1.0") for name in found]).split("\n")[1:-1]

    assert len(lines) == len(found) + 1
    assert all(line.endswith("1.0") for line in lines[1:])


def test_a_name_of_wide_letters_is_as_wide_as_any_other() -> None:
    [_, _, wide, narrow, _] = table(
        ("user", "held"), [("\N{CJK UNIFIED IDEOGRAPH-6F22}" * 30, "1"), ("a" * 30, "1")]
    ).split("\n")

    assert len(wide) <= NAME_WIDTH / 2 + 10
    assert len(narrow) == NAME_WIDTH + len("  held")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "?"),
        (0.0, "0.0"),
        (99.94, "99.9"),
        (100.4, "100"),
        (12345.6, "12,346"),
        (1e12, "1.00e+12"),
    ],
)
def test_figures_are_as_exact_as_anybody_reads_them(value: float | None, words: str) -> None:
    assert figure(value) == words


def week(
    usage: Usage | str = "Prometheus could not be read: it answered 503",
    exceptions: Exceptions | None = None,
    **deeds: int,
) -> str:
    """Return all that a weekly digest says."""
    tally = WeekTally(T0 - 7 * DAY, T0)
    for name, count in deeds.items():
        tally.deeds["GPUAllocationIdle", Deed(name)] = count
    message = weekly(WeeklyDigest(tally, usage, exceptions or Exceptions()))
    return "\n".join(text_of(block) for block in message.blocks)


USAGE = Usage({("alice", "a100"): 120.0}, {("alice", "a100"): 100.0}, {}, covered=1.0)


def test_a_week_is_told_in_figures() -> None:
    text = week(USAGE, found=31, warned=23, kept=5, dismissed=2, stopped=12)

    assert "120 GPU-hours were held: 100 used, ? idle" in text
    assert "Warnings: 23; keeps: 5; dismissed as false alarms: 2; stops: 12; failed" in text
    assert "alice   120   100     ?        0.0" in text
    assert "GPUAllocationIdle     31      23     5          2       12       0" in text


def test_what_prometheus_does_not_tell_is_said_in_the_place_of_the_figure() -> None:
    text = week(warned=1)

    assert (
        "held, used and idle is not known. Prometheus could not be read: it answered 503." in text
    )
    assert "0.0" not in text


def test_a_part_of_a_week_is_told_to_be_one() -> None:
    assert "figures for 93 % of this time" in week(Usage({}, {}, {}, covered=0.93))
    assert "% of this time" not in week(USAGE)


def test_a_week_in_which_nothing_happened_is_a_sentence() -> None:
    text = week(USAGE)

    assert "No alert began, nobody was warned, and nothing was stopped." in text
    assert "What the rules found" not in text
    assert "There are none." in text


@pytest.mark.parametrize(
    ("deed", "help_"), [("failed", "state=escalated"), ("unreachable", "gpu-watchdog users check")]
)
def test_what_a_person_has_to_do_is_said_with_how(deed: str, help_: str) -> None:
    assert help_ in week(USAGE, None, **{deed: 1})
    assert help_ not in week(USAGE, warned=1)


PROTECTION = Protection(
    (Matcher("policy", "reclaim"), Matcher("username", "a.*", True)),  # noqa: FBT003 -- a pattern
    "carol",
    "demo day",
    T0 + DAY,
    is_long=True,
    owners=4,
)


def test_what_protects_much_is_named_with_its_end_and_its_author() -> None:
    text = week(exceptions=Exceptions((PROTECTION,)))

    assert "Silence by carol, until <!date^" in text
    assert 'covers 4 owners: `policy="reclaim", username=~"a.*"` (“demo day”)' in text


@pytest.mark.parametrize(
    ("exceptions", "words"),
    [
        (Exceptions(unread=("am-1: 503",)), "What is silenced on a peer is not known. am-1: 503"),
        (Exceptions(owners_known=False), "which cover several owners is not known"),
    ],
    ids=["a peer", "Determined"],
)
def test_who_cannot_be_read_is_said_and_nothing_is_said_to_be_none(
    exceptions: Exceptions, words: str
) -> None:
    text = week(exceptions=exceptions)

    assert words in text
    assert "There are none" not in text


def test_lists_and_tables_of_the_longest_names_are_within_slacks_limits() -> None:
    long = "&" * 400
    worst = replace(PROTECTION, matchers=(Matcher(long, long),), by=long, reason=long)
    tally = WeekTally(T0 - 7 * DAY, T0)
    held = {(f"{n}{long}", f"{n}{long}"): 1e300 for n in range(MOST)}
    for n in range(MOST):
        tally.deeds[f"{n}{long}", Deed.FAILED] = 10**30
    exceptions = Exceptions((worst,) * MOST, (long,) * MOST, owners_known=False)
    observing = DayTally(T0 - DAY, T0, Counter({f"{n}{long}": 1 for n in range(MOST)}))
    observing.reviewed.update({f"{n}{long}": 1 for n in range(MOST)})
    for n in range(MOST):
        observing.stops[str(n)] = WouldBeStop(T0 - HOUR, long, f"{n}{long}", 8, T0)

    demand_harmless(weekly(WeeklyDigest(tally, Usage(held, held, held, 0.5), exceptions)))
    demand_harmless(weekly(WeeklyDigest(tally, long, exceptions)))
    demand_harmless(observed(ObservedDigest(observing, Mode.OBSERVE)))


def day(tally: DayTally, mode: Mode = Mode.OBSERVE) -> str:
    message = observed(ObservedDigest(tally, mode))
    return "\n".join(text_of(block) for block in message.blocks)


def test_a_day_is_told_as_what_would_have_happened() -> None:
    tally = DayTally(T0 - DAY, T0, Counter(alice=2))
    tally.stops["a.1"] = WouldBeStop(T0 - 9 * HOUR, "notebook a of alice", "alice", 2, T0)

    text = day(tally)

    assert "1 owner would have had 2 warnings, 1 task would have been stopped, and 18.0" in text
    assert "alice         2      1       18.0" in text
    assert "notebook a of alice, 2 GPUs" in text
    assert "nobody was told, and nothing was stopped" in text
    assert "`mode: warn` tells owners" in text


def test_a_quiet_day_is_a_sentence() -> None:
    message = observed(ObservedDigest(DayTally(T0 - DAY, T0), Mode.OBSERVE))

    assert len(message.blocks) == 1
    assert "Nothing was found that somebody would have been told of." in message.text


def test_what_only_a_person_can_judge_is_counted_by_alert() -> None:
    text = day(DayTally(T0 - DAY, T0, reviewed=Counter(GPUAllocationFakeLoad=2)), Mode.ENFORCE)

    assert "GPUAllocationFakeLoad      2" in text
    assert "`mode: warn`" not in text
