"""A report as text: each form says the same, and no name does harm in any of them."""

import csv
import io
import json
import re
from collections import Counter
from datetime import timedelta

import pytest

from app.cli.report_forms import Form, written
from app.domain.digest import Deed
from app.domain.report import By, Report, ReportRow
from tests.docs.report import REPORT
from tests.domain.examples import T0

UNTRUSTED = [
    pytest.param("\x1b[2J\x07\x9b31m", id="commands of a terminal"),
    pytest.param("two\nlines\r\nand a\ttab", id="the end of a line"),
    pytest.param("\u202ereversed\u2028", id="right to left"),
    pytest.param("[bold]x[/]", id="mark-up of rich"),
    pytest.param("a|b\\|c", id="the end of a cell"),
    pytest.param("``x`` <b>@all</b> [x](http://evil.example) www.evil.example", id="markdown"),
    pytest.param("大" * 40, id="wide letters"),
    pytest.param("x" * 500, id="long"),
    pytest.param("", id="empty"),
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", " =1", "\x00=1", "＝1+1"]


def of(name: str) -> Report:
    row = ReportRow(name, 1.0, 0.5, None, 0.25, Counter({Deed.WARNED: 2}))
    return Report(By.USER, T0 - timedelta(days=1), T0, (row,), row, ())


@pytest.mark.parametrize("name", UNTRUSTED)
@pytest.mark.parametrize("form", Form)
def test_no_name_commands_a_terminal_or_ends_a_line(name: str, form: Form) -> None:
    plain, told = written(of("bob"), form), written(of(name), form)

    assert told.replace("\n", "").isprintable()
    assert len(told.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize("name", UNTRUSTED)
def test_on_a_terminal_names_are_cut_to_its_width(name: str) -> None:
    told = written(of(name), Form.TABLE, 80)

    assert all(len(line) + len(re.findall("大", line)) <= 80 for line in told.splitlines())


def test_elsewhere_names_are_whole() -> None:
    assert "x" * 200 in written(of("x" * 200), Form.TABLE)


@pytest.mark.parametrize("name", FORMULAS)
def test_no_name_is_a_formula_of_a_spreadsheet(name: str) -> None:
    [_, [cell, *_]] = list(csv.reader(io.StringIO(written(of(name), Form.CSV))))

    assert cell[0] == "'"


@pytest.mark.parametrize("name", ['a",=1+1,"', "a;=1+1", "a\n=1+1"])
def test_no_name_ends_its_cell_in_csv(name: str) -> None:
    line = written(of(name), Form.CSV).splitlines()[1]

    assert line.startswith('"a')
    assert line.endswith('",1.0,0.5,"?",2,0,0,0,0.25')
    assert len(next(csv.reader([line]))) == 9


@pytest.mark.parametrize("name", UNTRUSTED)
def test_a_name_is_one_cell_of_code_in_markdown(name: str) -> None:
    row = written(of(name), Form.MARKDOWN).splitlines()[4]

    assert re.fullmatch(r"\| `[^`|\\]+` \| 1\.0 \| 0\.5 \| \? \| 2 \| 0 \| 0 \| 0 \| 0\.2 \|", row)


@pytest.mark.parametrize("name", UNTRUSTED)
def test_in_json_a_name_comes_out_as_it_is(name: str) -> None:
    told = written(of(name), Form.JSON)

    assert told.isascii()
    assert json.loads(told)["rows"][0]["user"] == name


def test_what_is_not_known_is_null_in_json_and_a_question_mark_elsewhere() -> None:
    unknown = ReportRow("bob", None, None, None, None, None)
    report = Report(By.USER, T0 - timedelta(days=1), T0, (unknown,), unknown, ("Why.",))

    told = json.loads(written(report, Form.JSON))

    assert set(told["total"].values()) == {None}
    assert told["unknown"] == ["Why."]
    for form in (Form.TABLE, Form.CSV, Form.MARKDOWN):
        assert written(report, form).count("?") in {8, 16}, form
        assert "0.0" not in written(report, form)


@pytest.mark.parametrize("by", By)
def test_a_table_of_usual_names_is_no_wider_than_80_columns(by: By) -> None:
    told = written(REPORT[by], Form.TABLE)

    assert max(map(len, told.splitlines())) <= 80
