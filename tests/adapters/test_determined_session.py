"""Logging in, staying logged in, and handing the token to Prometheus."""

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import respx
from structlog.testing import capture_logs

from app.adapters.determined import Determined
from app.adapters.determined_session import AccessToken, Password, Session
from app.errors import UpstreamRejectedError
from demo.cluster.calls import FaultKind
from demo.cluster.cluster import Cluster
from demo.plain import PLAIN
from tests.adapters.conftest import ManualClock

LOGIN = "/api/v1/auth/login"


def text(path: Path) -> str:
    return path.read_text()


def with_text(path: Path, words: str) -> None:
    path.write_text(words)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def logins(cluster: Cluster) -> int:
    return len(cluster.calls.matching(path=LOGIN))


async def test_one_login_serves_many_calls(cluster: Cluster, determined: Determined) -> None:
    await determined.snapshot()
    await determined.snapshot()

    assert logins(cluster) == 1


async def test_session_that_was_revoked_is_replaced_once_for_all(
    cluster: Cluster, determined: Determined
) -> None:
    await determined.snapshot()
    cluster.accounts.revoke_all("watchdog")

    await asyncio.gather(*(determined.snapshot() for _ in range(3)))

    assert logins(cluster) == 2


async def test_401_again_after_the_login_is_the_answer(
    cluster: Cluster, determined: Determined
) -> None:
    cluster.faults.add("/api/v1/tasks$", FaultKind.ANSWER, status=401)

    with pytest.raises(UpstreamRejectedError, match="Determined answered 401"):
        await determined.read_allocation("x.1")

    assert logins(cluster) == 2
    assert len(cluster.calls.matching(path="/tasks$")) == 2


@pytest.mark.parametrize("password", ["wrong", ""])
async def test_wrong_password_is_named_without_saying_it(
    master: httpx.AsyncClient, password: str
) -> None:
    session = Session(master, Password("watchdog", password))

    with pytest.raises(UpstreamRejectedError) as raised:
        await session.renew()

    assert str(raised.value) == "Determined refuses the login of watchdog"
    assert raised.value.code == "401"


async def test_renewal_waits_until_it_is_due(
    cluster: Cluster, session: Session, clock: ManualClock
) -> None:
    await session.renew()
    clock.pass_(timedelta(hours=23, minutes=59))

    await session.renew()

    assert logins(cluster) == 1


async def test_renewal_comes_long_before_the_seventh_day(
    cluster: Cluster, session: Session, clock: ManualClock, token_path: Path
) -> None:
    await session.renew()
    before = text(token_path)
    clock.pass_(timedelta(days=1))

    await session.renew()

    assert logins(cluster) == 2
    assert text(token_path) != before


async def test_token_of_the_file_opens_the_master(
    cluster: Cluster, determined: Determined, master: httpx.AsyncClient, token_path: Path
) -> None:
    await determined.snapshot()
    cluster.accounts.revoke_all("watchdog")
    await determined.snapshot()

    token = text(token_path)
    reply = await master.get(
        "/prom/det-state-metrics", headers={"Authorization": f"Bearer {token}"}
    )

    assert reply.status_code == 200


async def test_token_file_is_for_owner_and_group(session: Session, token_path: Path) -> None:
    await session.renew()

    assert os.stat(token_path).st_mode & 0o777 == 0o640  # noqa: PTH116 -- asynchronous tests have no Path.stat
    assert names(token_path.parent) == ["token"]


async def test_token_file_is_replaced_not_written_over(session: Session, token_path: Path) -> None:
    old = token_path.with_name("what a reader has open")
    with_text(token_path, "an old token")
    os.link(token_path, old)

    await session.renew()

    assert text(old) == "an old token", "who reads meanwhile sees one of the two, whole"
    assert text(token_path) != "an old token"


async def test_token_file_that_vanished_comes_back(session: Session, token_path: Path) -> None:
    await session.renew()
    token = text(token_path)
    os.rename(token_path, token_path.with_name("elsewhere"))  # noqa: PTH104 -- nor Path.rename

    await session.renew()

    assert text(token_path) == token


async def test_token_file_that_cannot_be_written_keeps_nobody_from_work(
    cluster: Cluster, master: httpx.AsyncClient, tmp_path: Path
) -> None:
    session = Session(
        master, Password("watchdog", "watchdog"), token_path=tmp_path / "missing" / "token"
    )

    with capture_logs() as logs:
        await session.renew()
    await Determined(master, session).snapshot()

    assert logins(cluster) == 1
    [entry] = logs
    assert (entry["event"], entry["error"]) == (
        "token_file_not_written",
        "No such file or directory",
    )


async def test_cookie_of_the_login_is_not_kept(
    master: httpx.AsyncClient, determined: Determined
) -> None:
    await determined.snapshot()

    assert not master.cookies, "it would outlive the token, and be sent beside the next one"


@respx.mock
async def test_access_token_is_used_as_it_is(tmp_path: Path) -> None:
    tasks = respx.get("http://determined/api/v1/tasks").respond(401)
    login = respx.post(f"http://determined{LOGIN}")
    async with httpx.AsyncClient(base_url="http://determined", verify=PLAIN) as client:
        session = Session(client, AccessToken("v2.fixed"), token_path=tmp_path / "token")
        await session.renew()

        with pytest.raises(UpstreamRejectedError):
            await Determined(client, session).read_allocation("x.1")

    assert tasks.calls.last.request.headers["Authorization"] == "Bearer v2.fixed"
    assert (tasks.call_count, login.call_count) == (1, 0)
    assert text(tmp_path / "token") == "v2.fixed"


@respx.mock
async def test_password_goes_unhashed_and_only_to_the_login() -> None:
    login = respx.post(f"http://determined{LOGIN}").respond(json={"token": "t1", "user": {}})
    async with httpx.AsyncClient(base_url="http://determined", verify=PLAIN) as client:
        await Session(client, Password("watchdog", "pässword")).renew()

    assert json.loads(login.calls.last.request.content) == {
        "username": "watchdog",
        "password": "pässword",
        "isHashed": False,
    }
    assert "Authorization" not in login.calls.last.request.headers


@pytest.mark.parametrize("credentials", [Password("watchdog", "s3cret"), AccessToken("s3cret")])
def test_credentials_do_not_show_themselves(credentials: object) -> None:
    assert "s3cret" not in repr(credentials)
