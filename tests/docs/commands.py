"""Every command, as its own help has it: makes docs/cli.md. Run it after a change of a command."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace

import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from app.cli import backtest_forms, cli
from app.cli.checks import print_findings, print_reaches
from app.cli.report_forms import Form, written
from app.domain.report import By
from app.export import line
from app.preflight import Finding, State
from app.reach import Reach
from tests.api.test_history_export import STORED
from tests.docs import client_commands
from tests.docs.backtest import BACKTEST
from tests.docs.pages import ROOT
from tests.docs.report import REPORT
from tests.domain.examples import IDENTITY, T0

PAGE = ROOT / "docs/cli.md"
COMMAND = ".venv/bin/python -m tests.docs.commands"
_LOCAL = "`serve`, `check`, `users check`, `report`, `backtest` and `history export`"
_ALERT = json.dumps({"identity": asdict(IDENTITY)})
_HEAD = f"""\
# Command line

Every command of `gpu-watchdog`, as `--help` explains it, with an example of what it writes. Answers
go to standard output, all else to standard error. On a terminal a list is a table; to a program it
is lines with tabs, of which nothing is cut off.

{_LOCAL} read the
[configuration](configuration.md): `watchdog.yaml`, or the file that `WATCHDOG_CONFIG` names.

All others ask the receiver over its [HTTP API](api.md), from any machine, with your own token: its
role says what you may do, and its name is what the history shows.

```sh
export WATCHDOG_URL=https://watchdog.lab.example WATCHDOG_TOKEN_FILE=~/.config/watchdog_token
gpu-watchdog incidents list
```

- What does something wants a `--reason`, tells first what would come of it and what speaks against
  it, and asks. `--dry-run` only tells, `--yes` does not ask; without a terminal one is needed.
- An answer that is lost on its way is asked for again under the same key, so nothing is done twice.
- They end with 0 when it is done or shown; with 1 when the receiver refuses it, when what was named
  is not there, or when you say no; with 2 when it cannot be asked: no address, no token, no answer.
- `watch` ends with 0 on Ctrl-C: that is how it ends.

`gpu-watchdog --install-completion` lets your shell complete commands and options, and the ids of
open incidents and of tasks where it finds a token in the environment.

This page is made by `{COMMAND}`, and a test compares.
"""


@dataclass(frozen=True)
class Example:
    shown: str
    """What is typed."""
    output: str
    more: str = ""
    """Where it is explained further."""


def examples() -> Mapping[str, Example]:
    """Return them by command. `serve` has none: it logs, and answers over HTTP."""
    return {
        "version": Example("version", CliRunner().invoke(cli, ["version"]).stdout),
        "check": Example("check | cat", _printed(_findings)),
        "report": Example(
            "report --until 2026-11-24T12:00:00Z | cat",
            written(REPORT[By.USER], Form.TABLE),
            "A `?` stands where no GPU was seen. `--by type` takes longer than the rest: it is\n"
            "summed up a minute at a time. Idle time has short pauses of work in it.",
        ),
        "backtest": Example(
            "backtest --until 2026-11-24T12:00:00Z --set idle.window=45m",
            backtest_forms.written(BACKTEST, backtest_forms.BacktestForm.TABLE),
            "[How to read it, and how to choose limits](backtest.md).",
        ),
        "history export": Example(
            "history export --since 2026-11-24",
            line(replace(STORED, at=T0, incident=_ALERT))[0],
            "[More about it](history.md#taking-it-out).",
        ),
        "users check": Example("users check", _printed(_reaches)),
        **{name: Example(*each) for name, each in client_commands.examples().items()},
    }


def _findings() -> None:
    scopes = "the app lacks im:write"
    print_findings(
        [
            Finding("determined.login", State.OK, "as watchdog"),
            Finding("slack.scopes", State.MISSING, scopes, "Add them, and install the app again."),
        ]
    )


def _reaches() -> None:
    nowhere = "nobody has the address carol@lab.example (users_not_found)"
    print_reaches(
        [
            Reach("carol", 2, reached=False, how=nowhere),
            Reach("alice", 1, reached=True, how="directly, by the e-mail address"),
        ]
    )


def _printed(write: Callable[[], None]) -> str:
    with redirect_stdout(io.StringIO()) as output:
        write()
    # Tables fill their columns up, and pages do not.
    return "\n".join(each.rstrip() for each in output.getvalue().splitlines())


def commands() -> Iterator[tuple[str, ...]]:
    """Yield the names of all commands."""
    top = typer.main.get_command(cli)
    assert isinstance(top, TyperGroup)
    for name, command in top.commands.items():
        if isinstance(command, TyperGroup):
            yield from ((name, each) for each in command.commands)
        else:
            yield (name,)


def page() -> str:
    parts, told = [_HEAD], examples()
    for names in commands():
        name = " ".join(names)
        parts.append(f"## gpu-watchdog {name}\n\n```text\n{_help(names)}\n```\n")
        if example := told.get(name):
            typed = f"$ gpu-watchdog {example.shown}\n{example.output.rstrip()}"
            parts.append(f"```console\n{typed}\n```\n")
            if example.more:
                parts.append(f"{example.more}\n")
    return "\n".join(parts)


def _help(names: tuple[str, ...]) -> str:
    result = CliRunner().invoke(
        cli, [*names, "--help"], prog_name="gpu-watchdog", env={"COLUMNS": "80"}
    )
    return "\n".join(each.rstrip() for each in result.stdout.strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(page())
