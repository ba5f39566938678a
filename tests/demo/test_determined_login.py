from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from demo.cluster.auth import client_hash
from demo.cluster.cluster import Cluster

LOGIN = "/api/v1/auth/login"


async def log_in(client: httpx.AsyncClient, **body: object) -> httpx.Response:
    return await client.post(LOGIN, json=body)


@pytest.mark.parametrize(
    "secret",
    [
        {"password": "bob", "isHashed": False},
        {"password": client_hash("bob"), "isHashed": True},
    ],
    ids=["clear", "hashed"],
)
async def test_login_takes_the_password_clear_or_hashed(
    anonymous: httpx.AsyncClient, secret: dict[str, object]
) -> None:
    response = await log_in(anonymous, username="bob", **secret)

    assert response.status_code == 200
    assert response.json()["user"]["username"] == "bob"
    assert response.json()["token"].startswith("v2.public.")
    assert "auth=" in response.headers["set-cookie"]


async def test_wrong_password_is_401(anonymous: httpx.AsyncClient) -> None:
    response = await log_in(anonymous, username="bob", password="guess", isHashed=False)

    assert response.status_code == 401
    assert response.json() == {
        "error": {"code": 16, "reason": "Unauthenticated", "error": "invalid credentials"}
    }


async def test_missing_username_is_400(anonymous: httpx.AsyncClient) -> None:
    response = await log_in(anonymous, password="bob")

    assert response.status_code == 400
    assert response.json()["error"]["reason"] == "InvalidArgument"


async def test_inactive_user_is_403(cluster: Cluster, anonymous: httpx.AsyncClient) -> None:
    cluster.accounts.users[4].active = False

    response = await log_in(anonymous, username="bob", password="bob", isHashed=False)

    assert response.status_code == 403


async def test_account_of_an_identity_provider_is_401(
    cluster: Cluster, anonymous: httpx.AsyncClient
) -> None:
    cluster.accounts.users[4].remote = True

    response = await log_in(anonymous, username="bob", password="bob", isHashed=False)

    assert response.status_code == 401


async def test_session_ends_after_seven_days_however_often_it_is_used(
    master: httpx.AsyncClient, pass_time: Callable[[timedelta], None]
) -> None:
    pass_time(timedelta(days=6, hours=23))
    assert (await master.get("/api/v1/me")).status_code == 200
    pass_time(timedelta(hours=1))

    response = await master.get("/api/v1/me")

    assert response.status_code == 401
    assert response.json()["error"]["error"] == "invalid credentials"


async def test_speed_divides_the_life_of_a_session(cluster: Cluster) -> None:
    cluster.timeline.speed = 100

    token, _ = cluster.accounts.login("bob", "bob", is_hashed=False)

    ends_at = cluster.accounts._sessions[token].expires_at
    assert ends_at == cluster.timeline.now() + timedelta(days=7) / 100


async def test_missing_token_is_told_from_a_bad_one(anonymous: httpx.AsyncClient) -> None:
    missing = await anonymous.get("/api/v1/tasks")
    bad = await anonymous.get("/api/v1/tasks", headers={"Authorization": "Bearer x"})

    assert missing.json()["error"]["error"] == "token missing"
    assert bad.json()["error"]["error"] == "invalid credentials"
    assert {missing.status_code, bad.status_code} == {401}


async def test_token_of_a_user_who_was_deactivated_is_403(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    cluster.accounts.users[3].active = False

    assert (await master.get("/api/v1/tasks")).status_code == 403
    assert (await master.get("/prom/det-state-metrics")).json() == {"message": "user not active"}


@pytest.mark.parametrize("path", ["/info", "/api/v1/master"])
async def test_health_probes_need_no_token(anonymous: httpx.AsyncClient, path: str) -> None:
    response = await anonymous.get(path)

    assert response.json()["version"] == "0.38.1"


async def test_access_token_works_until_it_is_revoked(master: httpx.AsyncClient) -> None:
    created = (await master.post("/api/v1/tokens", json={"userId": 7, "lifespan": "-1"})).json()
    bearer = {"Authorization": f"Bearer {created['token']}"}
    me = (await master.get("/api/v1/me", headers=bearer)).json()

    await master.patch(f"/api/v1/tokens/{created['tokenId']}", json={"setRevoked": True})

    assert me["user"]["username"] == "watchdog"
    assert (await master.get("/api/v1/me", headers=bearer)).status_code == 401
    listed = (await master.get("/api/v1/tokens")).json()["tokenInfo"]
    assert [(token["userId"], token["revoked"]) for token in listed] == [(7, True)]


async def test_access_token_lasts_30_days_unless_told_otherwise(
    master: httpx.AsyncClient, pass_time: Callable[[timedelta], None]
) -> None:
    created = (await master.post("/api/v1/tokens", json={"userId": 7})).json()
    bearer = {"Authorization": f"Bearer {created['token']}"}

    pass_time(timedelta(days=29))
    before = await master.get("/api/v1/me", headers=bearer)
    pass_time(timedelta(days=1))
    after = await master.get("/api/v1/me", headers=bearer)

    assert (before.status_code, after.status_code) == (200, 401)


@pytest.mark.parametrize("lifespan", ["721h", "soon"])
async def test_access_token_that_lasts_too_long_is_400(
    master: httpx.AsyncClient, lifespan: str
) -> None:
    response = await master.post("/api/v1/tokens", json={"userId": 7, "lifespan": lifespan})

    assert response.status_code == 400


async def test_users_have_no_e_mail_address(master: httpx.AsyncClient) -> None:
    users = (await master.get("/api/v1/users?limit=0&active=true")).json()["users"]

    names = [user["username"] for user in users]
    assert names == ["admin", "determined", "alice", "bob", "carol", "dan", "watchdog"]
    assert "email" not in {key.lower() for key in users[0]}
