"""What is said of the questions: on the page, on a terminal; and which rules are ours."""

import pytest

from app.cli.checks import print_table
from app.preflight import QUESTIONS, Finding, State
from app.preflight.shipped import ALERTS, GROUPS
from tests.docs.pages import code, read, rows
from tests.preflight.parts import groups


def test_every_question_is_explained_in_its_order_and_no_other() -> None:
    asked = [f"{system}.{question}" for system, each in QUESTIONS.items() for question in each]

    explained = rows(read("docs/check.md"), "id", "state if not", "what is asked")

    assert [code(row["id"]) for row in explained] == asked


def test_shipped_rules_are_those_of_the_files() -> None:
    files = groups()

    rules = [rule for group in files for rule in group["rules"]]
    assert {group["name"] for group in files} == GROUPS
    assert {rule["name"] for rule in rules if rule["type"] == "alerting"} == ALERTS


def test_table_is_80_columns_wide_and_obeys_no_other_system(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "\x1b[2J[bold]x[/] " * 20

    print_table(
        [
            Finding("slack.token", State.OK, "accepted"),
            Finding("slack.scopes", State.MISSING, words, "Add the scopes that are named there."),
            Finding("slack.buttons", State.NOT_ASKED, "not known", "Mend that first."),
            Finding("slack.admin_channel", State.NOT_ASKED, "not known", "Mend that first."),
        ]
    )

    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "[bold]x[/]" in printed
    assert "\x1b" not in printed
    assert "→ Add the scopes" in printed
    assert "not asked  slack   buttons, admin channel" in printed
    assert printed.splitlines()[-1] == "1 missing, 2 not asked"


def test_nothing_wrong_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Finding("slack.token", State.OK, "accepted")])

    assert capsys.readouterr().out.splitlines()[-1] == "All is ready."
