"""A backtest as text: a table that fits a terminal, and JSON for programs."""

import json
from dataclasses import replace

import pytest

from app.cli.backtest_forms import _WHY, BacktestForm, written
from app.domain.backtest import Sum
from app.domain.backtest_verdict import Unjudged
from tests.docs.backtest import BACKTEST

NASTY = "eve\x1b[31m\nof \u202emany " + "lines " * 20


def test_table_has_a_row_for_each_name_and_the_sums() -> None:
    lines = written(BACKTEST, BacktestForm.TABLE).splitlines()

    head = next(n for n, line in enumerate(lines) if line.startswith("user"))
    assert [each.split() for each in lines[head : head + 5]] == [
        ["user", "tasks", "held", "warned", "stopped", "reclaimed", "used", "again"],
        ["alice", "41", "1,344", "2", "1", "1.2", "1"],
        ["bob", "112", "612", "19", "11", "210", "1"],
        ["carol", "9", "98.2", "3", "2", "27.0", "0"],
        ["total", "162", "2,055", "24", "14", "239", "2"],
    ]


def test_changes_stand_at_the_top() -> None:
    first, second, third, *_ = written(BACKTEST, BacktestForm.TABLE).splitlines()

    assert first == ("Had reclaim been enforced from 2026-10-25 12:00 UTC to 2026-11-24 12:00 UTC.")
    assert (second, third) == ("Changed:", "  idle.window=45m, now as the rules give it")


def test_mistakes_are_told_the_soonest_first() -> None:
    text = written(BACKTEST, BacktestForm.TABLE)

    assert text.index("used 35m later on the GPU") < text.index("used 3h12m later on its host")
    assert "notebook 9f0c" not in text


def test_of_many_mistakes_ten_are_told_and_the_others_counted() -> None:
    many = replace(BACKTEST, stops=BACKTEST.stops * 6)

    text = written(many, BacktestForm.TABLE)

    assert text.count(" later on ") == 10
    assert "and 2 more" in text


def test_what_was_not_judged_is_told_by_its_reason() -> None:
    lines = written(BACKTEST, BacktestForm.TABLE).splitlines()

    begin = lines.index("Not judged, and so not stopped, in GPU-hours:")
    assert lines[begin + 1 : begin + 5] == [
        "   118  no GPU of the task was ever seen: instances of MIG, say",
        "  40.2  measurements of its GPUs were missing",
        "12 tasks: judged without profiling metrics, by utilization and power.",
        "1 task: exempt, as it is configured now.",
    ]


def test_what_there_is_nothing_of_is_not_mentioned() -> None:
    plain = replace(BACKTEST, changes=(), stops=(), unjudged={}, without_profiling=0, exempted=0)

    text = written(plain, BacktestForm.TABLE)

    for each in ("Changed", "Used again, the", "Not judged", "profiling", "exempt,"):
        assert each not in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("reason", Unjudged)
def test_every_reason_has_words_that_fit(reason: Unjudged) -> None:
    found = written(replace(BACKTEST, unjudged={reason: 1_234.5}), BacktestForm.TABLE)

    [line] = [each for each in found.splitlines() if _WHY[reason] in each]
    assert len(line) <= 80


def test_names_command_no_terminal_and_are_cut_where_it_is_narrow() -> None:
    holder = replace(BACKTEST.stops[0].holder, username=NASTY, task_id=NASTY)
    told = replace(
        BACKTEST,
        rows={NASTY: Sum(1, 1.0)},
        stops=(replace(BACKTEST.stops[0], holder=holder),),
    )

    text = written(told, BacktestForm.TABLE, 80)

    assert not any(each in text for each in ("\x1b", "\u202e", "eve\n"))
    assert max(map(len, text.splitlines())) <= 80


def test_json_has_every_stop_and_names_as_they_are() -> None:
    told = json.loads(written(replace(BACKTEST, rows={NASTY: Sum(1, 1.0)}), BacktestForm.JSON))

    assert told["rows"] == [
        {
            "user": NASTY,
            "tasks": 1,
            "held": 1.0,
            "warned": 0,
            "stopped": 0,
            "reclaimed": 0.0,
            "used_again": 0,
        }
    ]
    assert told["stops"][0] == {
        "allocation_id": "12f0c.1",
        "task_id": "12f0c",
        "task_type": "trial",
        "username": "bob",
        "resource_pool": "a100",
        "slots": 8,
        "warned_at": "2026-11-12T10:00:00Z",
        "stopped_at": "2026-11-12T12:00:00Z",
        "ended_at": "2026-11-12T21:00:00Z",
        "reclaimed": 25.6,
        "used_again_at": "2026-11-12T15:12:00Z",
        "used_again_on": "host",
    }
    assert [each["used_again_at"] for each in told["stops"][1:]] == [None, "2026-11-19T12:35:00Z"]


def test_json_names_everything_else_whether_there_is_any_of_it_or_not() -> None:
    told = json.loads(written(BACKTEST, BacktestForm.JSON))

    assert told["changes"] == [
        {"name": "idle.window", "before": "as the rules give it", "after": "45m"}
    ]
    assert set(told["unjudged_gpu_hours"]) == set(Unjudged)
    assert {name: told[name] for name in ("by", "policy", "since", "until", "unknown")} == {
        "by": "user",
        "policy": "reclaim",
        "since": "2026-10-25T12:00:00Z",
        "until": "2026-11-24T12:00:00Z",
        "unknown": [],
    }
    assert (told["without_profiling"], told["exempt"], told["total"]["stopped"]) == (12, 1, 14)
