"""The whole application tells digests: each once, whoever runs beside it or has ended before."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_bulletin import SlackBulletin
from app.domain.budget import Budget
from app.domain.digest_times import DigestKind
from app.domain.observed import DayTally, ObservedDigest
from app.domain.policy import Mode
from app.ports.digests import Letter
from app.settings import Settings
from app.store.digest import SqlDigestBook
from app.store.engine import create_engine, migrate
from demo.simulation import Addresses
from demo.slack.control import SlackControl
from demo.slack.state import BOT_TOKEN
from tests.api.conftest import PROMETHEUS
from tests.api.receiver import metric, running, ticks, until

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
SENDINGS = "watchdog_deliveries_total"
SENT = {"kind": "digest", "outcome": "sent"}
MESSAGE_ID = "7f3f3c40-4a3e-4a51-9d61-3f6d2f0e9b01"


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"mode": "observe", "tick_interval": "300ms"}


@pytest.fixture
async def book(settings: Settings, upstream: respx.MockRouter) -> AsyncIterator[SqlDigestBook]:
    """The digests of a database that is there already; Prometheus sums nothing up."""
    upstream.post(f"{PROMETHEUS}/api/v1/query").respond(503)
    engine = create_engine(settings.database_url)
    await migrate(engine)
    yield SqlDigestBook(engine)
    await engine.dispose()


@pytest.fixture
def slack(simulation: Addresses) -> Iterator[SlackControl]:
    with SlackControl(simulation.slack) as control:
        yield control


def told(slack: SlackControl) -> list[str]:
    return sorted(each.revisions[-1].text[:12] for each in slack.messages("#gpu-admins"))


async def goes_on(client: httpx.AsyncClient) -> None:
    before = await ticks(client)

    async def ticked() -> bool:
        return await ticks(client) > before + 1

    await until(ticked, "two ticks")


async def test_replicas_tell_once_what_is_due_and_not_again_what_one_before_them_has_told(
    settings: Settings, book: SqlDigestBook, slack: SlackControl, simulation: Addresses
) -> None:
    for kind in DigestKind:
        await book.begin(kind, LONG_AGO)
    await tells_a_day_and_ends(settings, book, simulation)
    beside = settings.model_copy(update={"listen_port": settings.listen_port + 1})

    async with running(settings) as one, running(beside) as other:

        async def all_sent() -> bool:
            is_week_there = (await book.last())[DigestKind.WEEKLY] > LONG_AGO
            return is_week_there and not await book.due(datetime.now(UTC) + timedelta(hours=1))

        await until(all_sent, "all digests are noted as sent")
        await goes_on(one)
        sent = sum([await metric(each, SENDINGS, **SENT) for each in (one, other)])

    assert told(slack) == ["GPU Watchdog", "What would h"]
    assert sent == len(DigestKind)


async def tells_a_day_and_ends(
    settings: Settings, book: SqlDigestBook, simulation: Addresses
) -> None:
    """Be a process that ended before it could note that its digest is sent."""
    now = datetime.now(UTC)
    client = AsyncWebClient(BOT_TOKEN, base_url=f"{simulation.slack}/api/")
    bulletin = SlackBulletin(client, settings.slack.admin_channel, budget=Budget())
    tally = DayTally(now - timedelta(days=1), now)
    message = bulletin.observed(ObservedDigest(tally, Mode.OBSERVE))
    letter = Letter(DigestKind.DAILY, now, MESSAGE_ID, message)
    await book.claim(letter)
    await book.attempt(letter, now)
    await bulletin.post(message, message_id=MESSAGE_ID)
