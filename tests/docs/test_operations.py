"""docs/operations.md and docs/security.md, held to the code: what they tell to type works."""

import json
import re
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app.adapters.determined_session import _TOKEN_FILE_MODE
from app.api.breaker import BreakerRequest
from app.api.dependencies import ADMINS, OPERATORS, READERS, SENDERS
from app.domain.access import Role
from app.domain.matchers import parse_matcher
from app.preflight.determined import _KILLS
from app.store.inspection import inspect
from tests.docs.commands import commands
from tests.docs.pages import blocks, code, codes, read, rows, section
from tests.sqlite import Prepare

OPERATIONS, SECURITY = read("docs/operations.md"), read("docs/security.md")


def shell(heading: str) -> list[list[str]]:
    """Return the commands of a section, each cut into words as a shell does."""
    text = "\n".join(blocks(section(OPERATIONS, heading), "sh"))
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line]


async def test_backup_is_a_database_that_can_be_started_with(
    tmp_path: Path, prepare_database: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_database(tmp_path / "state/watchdog.db")
    monkeypatch.chdir(tmp_path)
    [[_, database, statement]] = [
        words for words in shell("## Backup and restore") if words[0] == "sqlite3"
    ]

    with sqlite3.connect(database, isolation_level=None) as receiver:
        receiver.execute("PRAGMA journal_mode=WAL")
        receiver.execute("INSERT INTO heartbeats VALUES ('heartbeat', '2026-11-26T12:00:00+00:00')")
        with sqlite3.connect(database) as backup:
            backup.execute(statement)
        backup.close()
    receiver.close()

    found = await inspect(f"sqlite+aiosqlite:///{tmp_path}/watchdog-backup.db")
    assert found.revision == found.newest
    assert found.heartbeat_at is not None


def test_panic_button_is_what_the_endpoint_takes() -> None:
    [curl] = [words for words in shell("## Stopping everything at once") if words[0] == "curl"]

    body = json.loads(curl[curl.index("-d") + 1])

    assert BreakerRequest.model_validate(body).action == "trip"
    assert "$WATCHDOG/api/v1/breaker" in curl


def test_silence_is_over_everything_that_the_receiver_acts_on(
    alerts: dict[str, dict[str, Any]],
) -> None:
    [amtool] = [words for words in shell("## Stopping everything at once") if words[0] == "amtool"]

    matcher = parse_matcher(amtool[-1])

    scopes = {rule["labels"].get("scope") for rule in alerts.values()}
    assert matcher.name == "scope"
    assert {scope for scope in scopes if scope and re.fullmatch(matcher.value, scope)} == {
        "allocation",
        "user",
    }


def test_every_secret_has_its_way_to_be_replaced_and_no_other() -> None:
    named = [code(row["secret"]) for row in rows(OPERATIONS, "secret")]

    fields = rows(read("docs/configuration.md"), "field", "type")
    files = {code(row["field"]) for row in fields if row["type"] == "file"}
    no_secrets = ("ca_file", "prometheus_token_file")
    assert set(named) == {each for each in files if not each.endswith(no_secrets)}


def test_every_alert_about_the_watchdog_is_among_those_to_watch(
    alerts: dict[str, dict[str, Any]],
) -> None:
    watched = {name for row in rows(OPERATIONS, "alert") for name in codes(row["alert"])}

    own = {name for name, rule in alerts.items() if rule["labels"].get("policy") == "self"}
    assert watched == own | {"WatchdogHeartbeat"}


@pytest.mark.parametrize("page", [OPERATIONS, SECURITY], ids=["operations", "security"])
def test_commands_that_are_named_exist(page: str) -> None:
    known = {" ".join(names) for names in commands()}
    named = set(re.findall(r"gpu-watchdog ((?:[a-z]+ ?)+)", "\n".join(codes(page))))

    assert {name.strip() for name in named} <= known


def test_roles_are_those_of_the_api() -> None:
    told = [code(row["role"]) for row in rows(SECURITY, "role", "may")]

    assert told == [str(role) for role in Role]
    assert set(READERS) - set(OPERATORS) == {Role.VIEWER}
    assert set(OPERATORS) - set(ADMINS) == {Role.OPERATOR}
    assert set(SENDERS) - set(ADMINS) == {Role.ALERTMANAGER}


def test_rights_in_determined_are_those_that_check_asks_for() -> None:
    rights = section(SECURITY, "## The account in Determined")

    assert set(_KILLS) <= set(codes(rights))
    assert f"mode 0{_TOKEN_FILE_MODE:o}" in rights
