"""docs/cli.md is what the commands say of themselves."""

from tests.docs import client_commands
from tests.docs.commands import COMMAND, PAGE, commands, examples, page

WIDEST = 80


def test_page_shows_what_the_commands_are_now() -> None:
    assert PAGE.read_text() == page(), f"run `{COMMAND}`"


def test_every_command_but_the_receiver_has_an_example() -> None:
    assert {" ".join(each) for each in commands()} - set(examples()) == {"serve"}


def test_examples_of_tables_fit_a_terminal() -> None:
    ours = set(client_commands.examples()) - {"incidents watch"}
    names = ("report", "backtest", "users check", *ours)
    tables = [examples()[name].output for name in names]

    assert max(len(line) for table in tables for line in table.splitlines()) <= WIDEST
