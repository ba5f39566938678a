"""Commands that ask the receiver, against the whole of it: what they write, and how they end."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import structlog
from anyio.from_thread import start_blocking_portal

from app.cli.access import TOKEN_FILE_VARIABLE, URL_VARIABLE, find_access
from app.cli.client import AwayError, Client
from app.cli.watch import Watch
from app.domain.access import Role
from app.settings import Settings
from tests.api.at_work import HOST, URL, Lab, lines, parsed, run, run_at_terminal
from tests.api.receiver import TOKENS, deliver, labels, listed, posted, read, running

WHY = ("--reason", "rack 3 is switched off")


@pytest.fixture
def lab(
    settings: Settings,
    upstream: respx.MockRouter,
    determined_is_down: None,  # noqa: ARG001 -- before the app starts
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Lab]:
    """The receiver with two incidents, and an operator's token."""
    # Where nothing else is said, logs go where the answers of commands are looked for.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    monkeypatch.setenv(URL_VARIABLE, URL)
    token_in(tmp_path, monkeypatch, Role.OPERATOR)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running(settings)) as client,
    ):
        route = upstream.route(host=HOST)
        lab = Lab(client, portal, route)
        route.mock(side_effect=lab.pass_on)
        alice = labels(username="alice", task_id="a", allocation_id="a.1")
        for one in (posted(), posted(alice)):
            lab.do(deliver, one)
        yield lab
    structlog.reset_defaults()


def token_in(folder: Path, patch: pytest.MonkeyPatch, role: Role) -> Path:
    path = folder / f"my_{role}_token"
    path.write_text(TOKENS[role])
    path.chmod(0o600)
    patch.setenv(TOKEN_FILE_VARIABLE, str(path))
    return path


def bobs(lab: Lab) -> dict[str, Any]:
    [found] = [each for each in lab.do(listed) if each["username"] == "bob"]
    whole: dict[str, Any] = lab.do(read, found["incident_id"])
    return whole


def test_incidents_are_listed_and_shown_as_the_api_has_them(lab: Lab) -> None:
    bob = bobs(lab)

    table = lines(run("incidents", "list"))
    as_json = run("incidents", "list", "--user", "bob", "--json")
    history = lines(run("incidents", "show", bob["incident_id"][:8]))
    whole = run("incidents", "show", bob["incident_id"], "--json")
    none = run("incidents", "list", "--state", "stopped")

    assert [row[2] for row in table] == ["alice", "bob"]
    assert table[1][:5] == [bob["incident_id"], "firing", "bob", "default", "GPUAllocationIdle"]
    assert [each["incident_id"] for each in parsed(as_json)] == [bob["incident_id"]]
    assert [row[1] for row in history] == [each["reason"] for each in bob["history"]]
    assert parsed(whole) == bob
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "")


def test_kill_is_done_only_when_it_is_meant(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = bobs(lab)
    kill = ("kill", bob["incident_id"][:8], *WHY)

    nobody_there = run(*kill)
    dry = run(*kill, "--dry-run")
    refused = run_at_terminal(monkeypatch, "n\n", *kill)

    assert (nobody_there.exit_code, nobody_there.stdout) == (2, "")
    assert (dry.exit_code, {row[0] for row in lines(dry)}) == (0, {"waits", "warning"})
    assert refused[0] == 1
    assert "it is not known" in refused[1] or "waits" in refused[1]
    assert bobs(lab) == bob

    agreed = run_at_terminal(monkeypatch, "y\n", *kill)

    assert agreed[0] == 0
    [entry] = [each for each in bobs(lab)["history"] if each["reason"] == "stop_requested"]
    assert entry["actor"] == "the operator"
    assert "rack 3 is switched off" in json.dumps(entry)


def test_an_action_whose_answer_was_lost_is_done_once(lab: Lab) -> None:
    """The second attempt is answered as the first one would have been."""
    bob = bobs(lab)
    lost: list[httpx.Request] = []

    def lose_the_first(request: httpx.Request) -> httpx.Response:
        answer = lab.pass_on(request)
        if not lost:
            lost.append(request)
            raise httpx.ReadTimeout("lost", request=request)
        return answer

    lab.route.mock(side_effect=lose_the_first)

    result = run("keep", bob["incident_id"], "--for", "2h", *WHY, "--yes", "--json")

    assert (result.exit_code, parsed(result)["state"]) == (0, "held")
    assert len(lab.asked) == 2
    assert len({request.headers["Idempotency-Key"] for request in lab.asked}) == 1
    assert len([each for each in bobs(lab)["history"] if each["reason"] == "hold_began"]) == 1


def test_what_is_refused_says_what_to_do(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident_id = bobs(lab)["incident_id"]
    ends = {
        "too long": run("keep", incident_id, "--for", "99d", *WHY, "--yes"),
        "no pause": run("pause", incident_id, *WHY, "--yes"),
        "no role": run("dismiss", incident_id, *WHY, "--yes"),
        "nowhere": run("incidents", "show", "0" * 36),
        "no such id": run("incidents", "show", "0000"),
        "no breaker": run("breaker", "trip", *WHY, "--yes"),
    }
    token_in(tmp_path, monkeypatch, Role.VIEWER).write_text("another token")
    ends["no token"] = run("incidents", "list")

    assert {each: (end.exit_code, end.stdout) for each, end in ends.items()} == dict.fromkeys(
        ends, (1, "")
    ) | {"no token": (2, "")}
    assert ends["too long"].stderr.startswith("duration: ")
    assert "it can be killed" in ends["no pause"].stderr
    assert "needs a token with the role admin; " in ends["no role"].stderr
    assert "0000" in ends["no such id"].stderr
    assert "my_viewer_token" in ends["no token"].stderr


def test_breaker_is_tripped_shown_and_reset(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_in(tmp_path, monkeypatch, Role.ADMIN)
    asked = len(lab.asked)

    dry = run("breaker", "trip", *WHY, "--dry-run")
    tripped = run_at_terminal(monkeypatch, "yes\n", "breaker", "trip", *WHY)
    shown = run("breaker", "show")
    reset = run("breaker", "reset", *WHY, "--yes", "--json")

    assert lines(dry)[0] == ["state", "closed"]
    assert tripped[0] == 0
    assert lines(shown)[0] == ["state", "tripped"]
    assert ["by", "the admin"] in lines(shown)
    assert parsed(reset)["state"] == "closed"
    assert [each.method for each in lab.asked[asked:]] == ["GET", "GET", "POST", "GET", "POST"]


def test_watch_tells_what_changes_and_survives_a_receiver_that_is_away(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_in(tmp_path, monkeypatch, Role.VIEWER)
    watch = Watch(Client(find_access(URL, token, None)))
    bob = bobs(lab)["incident_id"]

    first, second = watch.look(), watch.look()
    run("keep", bob, "--for", "2h", *WHY, "--yes")
    token_in(tmp_path, monkeypatch, Role.OPERATOR)
    run("keep", bob, "--for", "2h", *WHY, "--yes")
    lab.route.mock(side_effect=httpx.ConnectError)
    with pytest.raises(AwayError):
        watch.look()
    lab.route.mock(side_effect=lab.pass_on)
    third = watch.look()
    token_in(tmp_path, monkeypatch, Role.ADMIN)
    run("dismiss", bob, *WHY, "--yes")
    fourth = watch.look()

    changes = [
        [(each.before, each.incident["state"], each.incident["username"]) for each in look]
        for look in (first, second, third, fourth)
    ]
    assert changes == [
        [("", "firing", "bob"), ("", "firing", "alice")],
        [],
        [("firing", "held", "bob")],
        [("held", "dismissed", "bob")],
    ]
