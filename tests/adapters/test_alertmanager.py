"""Every Alertmanager peer: what it reports, and the silences that it is asked for."""

import json
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from app.adapters.alertmanager import Alertmanager
from app.adapters.alertmanager_alerts import AlertLists
from app.domain.incident import Keep
from app.domain.matchers import Matcher
from app.domain.readings import PeerAlertState
from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from demo.plain import PLAIN
from tests.domain.examples import IDENTITY, T0, TASK

ONE, TWO = "http://am-1:9093", "http://am-2:9093"
KEEP = Keep(
    keep_id="k1",
    task_id=TASK,
    policy="reclaim",
    until=T0 + timedelta(hours=8),
    by="carol",
    reason="demo day",
    created_at=T0,
)


@pytest.fixture
async def peers() -> AsyncIterator[Alertmanager]:
    async with (
        httpx.AsyncClient(base_url=ONE, verify=PLAIN) as one,
        httpx.AsyncClient(base_url=TWO, verify=PLAIN) as two,
    ):
        yield Alertmanager({"am-1": one, "am-2": two})


def alert(state: str = "active", labels: dict[str, str] | None = None, **status: list[str]) -> Any:  # noqa: ANN401 -- JSON
    return {
        "annotations": {},
        "endsAt": "2026-11-24T12:04:00.000Z",
        "fingerprint": "9dd4e461268c8034",
        "receivers": [{"name": "gpu-watchdog"}],
        "startsAt": "2026-11-24T11:00:00.123456789Z",
        "status": {"state": state, "silencedBy": [], "inhibitedBy": []} | status,
        "updatedAt": "2026-11-24T12:00:00.000Z",
        "labels": IDENTITY.labels() | (labels or {}),
    }


def silence(state: str = "active", **changes: object) -> Any:  # noqa: ANN401 -- JSON
    return {
        "id": "s1",
        "status": {"state": state},
        "updatedAt": "2026-11-24T12:00:00.000Z",
        "comment": "demo day",
        "createdBy": "carol",
        "startsAt": "2026-11-24T12:00:00.000Z",
        "endsAt": "2026-11-24T20:00:00.000Z",
        "matchers": [
            {"name": "task_id", "value": TASK, "isRegex": False, "isEqual": True},
            {"name": "username", "value": "b.*", "isRegex": True, "isEqual": False},
        ],
    } | changes


def answers(url: str, alerts: object = (), silences: object = ()) -> None:
    respx.get(f"{url}/api/v2/alerts").respond(json=alerts or [])
    respx.get(f"{url}/api/v2/silences").respond(json=silences or [])


@respx.mock
async def test_each_peer_is_asked_twice_whatever_there_is(peers: Alertmanager) -> None:
    for url in (ONE, TWO):
        answers(url, [alert(), alert(labels={"alertname": "Other"})], [silence()])

    await peers.read()

    asked = sorted(str(call.request.url) for call in respx.calls)
    assert asked == [f"{u}/api/v2/{what}" for u in (ONE, TWO) for what in ("alerts", "silences")]


@pytest.mark.parametrize("state", ["active", "suppressed", "unprocessed"])
@respx.mock
async def test_alert_of_every_state_is_read(peers: Alertmanager, state: str) -> None:
    answers(ONE, [alert(state, labels={"cluster": "lab"})])
    answers(TWO)

    one, two = await peers.read()

    found = one.alerts[IDENTITY.key]
    assert found.state is PeerAlertState(state)
    assert found.labels == {"cluster": "lab"}, "what its identity does not say already"
    assert (one.peer, two.peer) == ("am-1", "am-2")
    assert not two.alerts


@respx.mock
async def test_what_suppresses_an_alert_is_read(peers: Alertmanager) -> None:
    why = {"silencedBy": ["s1"], "inhibitedBy": ["f1", "f2"], "mutedBy": ["weekend"]}
    answers(ONE, [alert("suppressed", None, **why)])
    answers(TWO)

    one, _ = await peers.read()

    found = one.alerts[IDENTITY.key]
    assert found.silenced_by == ("s1",)
    assert found.inhibited_by == ("f1", "f2")
    assert found.muted_by == ("weekend",)


@pytest.mark.parametrize("order", [1, -1])
@respx.mock
async def test_of_two_alerts_with_one_identity_the_suppression_counts(
    peers: Alertmanager, order: int
) -> None:
    """Two Prometheus servers send the same alert, each with its own label."""
    free = alert("active", {"replica": "a"})
    held = alert("suppressed", {"replica": "b"}, silencedBy=["s1"])
    answers(ONE, [free, held][::order])
    answers(TWO)

    one, _ = await peers.read()

    found = one.alerts[IDENTITY.key]
    assert (found.state, found.silenced_by) == (PeerAlertState.SUPPRESSED, ("s1",))


@respx.mock
async def test_s4_what_an_alert_was_before_does_not_hide_what_it_is(peers: Alertmanager) -> None:
    answers(TWO)
    seen = []
    for now in (
        alert(),
        alert("suppressed", silencedBy=["s1"]),
        alert("suppressed", labels={"cluster": "lab"}, silencedBy=["s1"]),
        alert(),
    ):
        answers(ONE, [now])
        one, _ = await peers.read()
        found = one.alerts[IDENTITY.key]
        seen.append((found.state, found.silenced_by, found.labels))

    assert seen == [
        (PeerAlertState.ACTIVE, (), {}),
        (PeerAlertState.SUPPRESSED, ("s1",), {}),
        (PeerAlertState.SUPPRESSED, ("s1",), {"cluster": "lab"}),
        (PeerAlertState.ACTIVE, (), {}),
    ]


@respx.mock
async def test_s4_each_peer_says_what_it_says(peers: Alertmanager) -> None:
    answers(ONE, [alert()])
    answers(TWO, [alert("suppressed", silencedBy=["s1"])])

    for _ in range(2):
        one, two = await peers.read()

        assert not one.alerts[IDENTITY.key].is_held
        assert two.alerts[IDENTITY.key].silenced_by == ("s1",)


def test_what_is_said_again_is_read_once_and_what_is_said_no_more_is_forgotten() -> None:
    lists, text = AlertLists(), bytearray(json.dumps([alert()]).encode())

    [first] = lists.read(text)
    lists.begin()
    assert [each is first for each in lists.read(text)] == [True], "also by the next peer"
    lists.begin()
    lists.begin()
    [again] = lists.read(text)

    assert again == first
    assert again is not first


def test_alerts_of_others_are_not_remembered_however_many_they_are() -> None:
    def foreign(count: int) -> bytearray:
        labels = ({"alertname": "DiskFull", "path": f"/{n}/" * 200} for n in range(count))
        return bytearray(json.dumps([alert() | {"labels": each} for each in labels]).encode())

    def remembered(text: bytearray) -> int:
        lists = AlertLists()
        tracemalloc.start()
        assert not list(filter(None, lists.read(text)))
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    assert remembered(foreign(1_000)) < 200 * 1_000


@respx.mock
async def test_alerts_that_are_not_ours_are_passed_over(peers: Alertmanager) -> None:
    foreign = alert()
    foreign["labels"] = {"alertname": "DiskFull"}
    answers(ONE, [foreign, alert(labels={"username": ""})])
    answers(TWO)

    one, _ = await peers.read()

    assert one.readable
    assert not one.alerts


@pytest.mark.parametrize("state", ["active", "pending", "expired"])
@respx.mock
async def test_silence_is_read_whole(peers: Alertmanager, state: str) -> None:
    answers(ONE, silences=[silence(state)])
    answers(TWO)

    one, _ = await peers.read()

    [found] = one.silences
    assert (found.silence_id, found.created_by, found.comment) == ("s1", "carol", "demo day")
    assert found.starts_at == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert found.ends_at == datetime(2026, 11, 24, 20, tzinfo=UTC)
    assert found.matchers == (
        Matcher("task_id", TASK),
        Matcher("username", "b.*", is_regex=True, is_equal=False),
    )


@respx.mock
async def test_matcher_without_is_equal_means_equal(peers: Alertmanager) -> None:
    matcher = {"name": "task_id", "value": TASK, "isRegex": False}
    answers(ONE, silences=[silence(matchers=[matcher])])
    answers(TWO)

    one, _ = await peers.read()

    assert one.silences[0].matchers == (Matcher("task_id", TASK),)


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        pytest.param("b.*", "bob", True, id="a beginning"),
        pytest.param("b", "bob", False, id="the whole value counts"),
        pytest.param("[[:alpha:]]+", "bob", True, id="a class that Python reads otherwise"),
        pytest.param("(b|c)ob", "bob", True, id="one of two"),
        pytest.param("(", "bob", True, id="broken: it must protect"),
        pytest.param("([a-z0-9]+-?)+!", f"{TASK}{TASK}", False, id="endless for Python"),
        pytest.param("(" * 900 + ")" * 900, "bob", False, id="deeper than Python goes"),
    ],
)
@respx.mock
async def test_expression_means_what_alertmanager_means(
    peers: Alertmanager, expression: str, text: str, *, matches: bool
) -> None:
    matcher = {"name": "task_id", "value": expression, "isRegex": True}
    answers(ONE, silences=[silence(matchers=[matcher])])
    answers(TWO)

    one, _ = await peers.read()

    assert one.silences[0].matches({"task_id": text}) is matches


@pytest.mark.parametrize("changes", [{"matchers": []}, {"matchers": None}, {"endsAt": "soon"}])
@respx.mock
async def test_silence_that_cannot_be_read_makes_the_peer_unreadable(
    peers: Alertmanager, changes: dict[str, object]
) -> None:
    """Whom it protects is not known, so nobody may be stopped (S5)."""
    answers(ONE, silences=[silence("active", **changes)])
    answers(TWO)

    one, two = await peers.read()

    assert not one.readable
    assert two.readable


@pytest.mark.parametrize("changes", [{"state": "resting"}, {"silencedBy": "s1"}])
@respx.mock
async def test_alert_in_a_state_that_is_unknown_makes_the_peer_unreadable(
    peers: Alertmanager, changes: dict[str, str]
) -> None:
    """It may be one that forbids a stop (S5). What it says is not quoted."""
    answers(ONE, [alert() | {"status": {"state": "active"} | changes}])
    answers(TWO)

    one, two = await peers.read()

    assert not one.readable
    assert "answer" in one.error
    assert not any(each in one.error for each in changes.values())
    assert two.readable


@pytest.mark.parametrize("path", ["alerts", "silences"])
@respx.mock
async def test_peer_that_fails_tells_nothing_and_the_others_do(
    peers: Alertmanager, path: str
) -> None:
    answers(ONE, [alert()], [silence()])
    answers(TWO, [alert()], [silence()])
    respx.get(f"{ONE}/api/v2/{path}").mock(side_effect=httpx.ConnectError)

    one, two = await peers.read()

    assert one.error == "Alertmanager am-1 cannot be reached (ConnectError)"
    assert (dict(one.alerts), one.silences) == ({}, ())
    assert two.readable
    assert two.alerts


@respx.mock
async def test_keep_becomes_a_silence_of_policy_and_task(peers: Alertmanager) -> None:
    """And of nothing narrower: it outlives the allocation, and leaves other policies alone."""
    route = respx.post(f"{ONE}/api/v2/silences").respond(json={"silenceID": "s9"})

    silence_id = await peers.silence(KEEP)

    assert silence_id == "s9"
    assert json.loads(route.calls.last.request.content) == {
        "matchers": [
            {"name": "policy", "value": "reclaim", "isRegex": False, "isEqual": True},
            {"name": "task_id", "value": TASK, "isRegex": False, "isEqual": True},
        ],
        "startsAt": "2026-11-24T12:00:00+00:00",
        "endsAt": "2026-11-24T20:00:00+00:00",
        "createdBy": "carol",
        "comment": "demo day",
    }


@respx.mock
async def test_silence_goes_to_the_next_peer_when_the_first_does_not_take_it(
    peers: Alertmanager,
) -> None:
    respx.post(f"{ONE}/api/v2/silences").mock(side_effect=httpx.ConnectError)
    respx.post(f"{TWO}/api/v2/silences").respond(json={"silenceID": "s2"})

    assert await peers.silence(KEEP) == "s2"


@respx.mock
async def test_silence_is_made_once(peers: Alertmanager) -> None:
    respx.post(f"{ONE}/api/v2/silences").respond(json={"silenceID": "s1"})
    second = respx.post(f"{TWO}/api/v2/silences").respond(json={"silenceID": "s2"})

    await peers.silence(KEEP)

    assert not second.called


@respx.mock
async def test_silence_that_no_peer_takes_is_an_error(peers: Alertmanager) -> None:
    respx.post(f"{ONE}/api/v2/silences").mock(side_effect=httpx.ConnectError)
    respx.post(f"{TWO}/api/v2/silences").respond(400)

    with pytest.raises(UpstreamRejectedError, match="Alertmanager am-2 answered 400"):
        await peers.silence(KEEP)


async def test_silence_needs_a_peer() -> None:
    with pytest.raises(UpstreamUnavailableError):
        await Alertmanager({}).silence(KEEP)


@pytest.mark.parametrize(("state", "is_active"), [("active", True), ("pending", False)])
@respx.mock
async def test_s4_a_silence_is_active_when_its_peer_says_so_though_its_clock_is_ahead(
    peers: Alertmanager, state: str, *, is_active: bool
) -> None:
    begin = (T0 + timedelta(seconds=3)).isoformat()
    of_the_task = {"name": "task_id", "value": TASK, "isRegex": False, "isEqual": True}
    answers(ONE, [], [silence(state, startsAt=begin, matchers=[of_the_task])])
    answers(TWO)

    one, _ = await peers.read()

    found = one.index.over({"task_id": TASK}, {}, T0)
    assert (found is not None) is is_active
