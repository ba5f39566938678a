"""The adapters, and what they talk to: simulated systems, and answers that the test writes."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.determined import Determined
from app.adapters.determined_session import Password, Session
from app.adapters.slack import Addresses, Directory, Links, Person, SlackMessenger
from demo.cluster.cluster import Cluster, Options
from demo.cluster.rest.app import create_app
from demo.slack.control import SlackControl
from demo.slack.server import listening_aside
from demo.slack.state import SlackState
from tests.domain.examples import T0

LINKS = Links(
    alertmanager_url="http://alertmanager:9093",
    determined_url="http://determined:8080",
    public_url="http://watchdog:8090",
)
PEOPLE = {
    "erin": Person(slack_id="U01ALICE"),
    "frank": Person(email="bob@lab.example"),
    "robot": Person(channel="C01ROBOTS"),
    "gone": Person(slack_id="U01NOBODY"),
}


class ManualClock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def pass_(self, time: timedelta) -> None:
        self.seconds += time.total_seconds()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(Options(mig_agent=True))


@pytest.fixture
async def master(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(cluster))
    async with httpx.AsyncClient(transport=transport, base_url="http://master/") as client:
        yield client


@pytest.fixture
def token_path(tmp_path: Path) -> Path:
    return tmp_path / "token"


@pytest.fixture
def session(master: httpx.AsyncClient, clock: ManualClock, token_path: Path) -> Session:
    credentials = Password("watchdog", "watchdog")
    return Session(master, credentials, token_path=token_path, monotonic=clock)


@pytest.fixture
def determined(master: httpx.AsyncClient, session: Session) -> Determined:
    return Determined(master, session, now=lambda: T0)


@pytest.fixture
def slack_url() -> Iterator[str]:
    with listening_aside(SlackState()) as url:
        yield url


@pytest.fixture
def slack_control(slack_url: str) -> Iterator[SlackControl]:
    with SlackControl(slack_url) as control:
        yield control


@pytest.fixture
def slack_client(slack_url: str) -> AsyncWebClient:
    return AsyncWebClient("xoxb-demo", base_url=f"{slack_url}/api/", timeout=5, retry_handlers=[])


@pytest.fixture
def directory(slack_client: AsyncWebClient, clock: ManualClock) -> Directory:
    addresses = Addresses("C01GPUADMINS", email_domain="lab.example", people=PEOPLE)
    return Directory(slack_client, addresses, remember=timedelta(minutes=5), monotonic=clock)


@pytest.fixture
def messenger(slack_client: AsyncWebClient, directory: Directory) -> SlackMessenger:
    return SlackMessenger(slack_client, directory, LINKS)
