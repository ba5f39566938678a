"""Asks every system, all at once. Each question has a time of its own, and fails by itself."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from app.adapters import slack_status
from app.adapters.alertmanager_status import is_open, peer_status
from app.adapters.determined import Determined
from app.adapters.determined_status import DeterminedStatus
from app.adapters.prometheus import Prometheus
from app.adapters.prometheus_status import PrometheusStatus
from app.adapters.slack_socket import socket_address
from app.clients import (
    basic_auth,
    determined_session,
    http_client,
    peer_name,
    slack_client,
)
from app.errors import ConfigurationError, UpstreamUnavailableError, WatchdogError
from app.preflight.answers import (
    Answer,
    Answers,
    ByAgent,
    DeterminedAnswers,
    PeerAnswers,
    PrometheusAnswers,
    Samples,
    SlackAnswers,
)
from app.preflight.secrets import read_secrets
from app.sections import AlertmanagerSection
from app.settings import Settings, is_loopback, read_secret
from app.store.inspection import inspect

T = TypeVar("T")
_REQUESTS = 3
"""A question is answered by so many requests, one after the other."""
_AGENT = "det_agent_id"
GPUS = f"count by ({_AGENT}) (group by ({_AGENT}, gpu_uuid, GPU_I_ID) (DCGM_FI_DEV_FB_USED))"
MIG = f'count by ({_AGENT}) (DCGM_FI_DEV_FB_USED{{GPU_I_ID!=""}})'
UTILIZATION = (
    f"count by ({_AGENT}) (group by ({_AGENT}, gpu_uuid, GPU_I_ID) (DCGM_FI_DEV_GPU_UTIL or "
    'DCGM_FI_DEV_FB_USED{GPU_I_ID!=""}))'
)
PROFILING = f"count by ({_AGENT}) (DCGM_FI_PROF_GR_ENGINE_ACTIVE)"
CONTAINERS = f"count by ({_AGENT}) (machine_cpu_cores)"
NODES = f"count by ({_AGENT}) (node_memory_MemAvailable_bytes)"
NAMELESS = f'count by ({_AGENT}) (DCGM_FI_DEV_FB_USED{{gpu_uuid=""}})'


async def ask(settings: Settings) -> Answers:
    asked = Asked(settings.request_timeout * _REQUESTS)
    async with asyncio.TaskGroup() as group:
        database = group.create_task(asked(inspect(settings.database_url)))
        determined = group.create_task(_determined(settings, asked))
        prometheus = group.create_task(_prometheus(settings, asked))
        slack = group.create_task(_slack(settings, asked))
        peers = [
            group.create_task(_peer(section, settings, asked)) for section in settings.alertmanagers
        ]
    return Answers(
        at=datetime.now(UTC),
        settings=settings,
        secrets=read_secrets(settings),
        database=database.result(),
        determined=determined.result(),
        prometheus=prometheus.result(),
        alertmanagers=[peer.result() for peer in peers],
        slack=slack.result(),
    )


class Asked:
    """Waits for an answer no longer than it may take, and takes an error for the answer."""

    def __init__(self, within: timedelta) -> None:
        self._within = within.total_seconds()

    async def __call__(self, answer: Awaitable[T]) -> Answer[T]:
        try:
            async with asyncio.timeout(self._within):
                return await answer
        except TimeoutError:
            return UpstreamUnavailableError(f"no answer within {self._within:g} s")
        except WatchdogError as exc:
            return exc


class _Clock:
    """Compares another machine's time with ours in the middle of the request."""

    def __init__(self) -> None:
        self._begin = datetime.now(UTC)

    def ahead(self, theirs: datetime) -> timedelta:
        now = datetime.now(UTC)
        return theirs - (self._begin + (now - self._begin) / 2)


async def _determined(settings: Settings, asked: Asked) -> DeterminedAnswers:
    # Without the token's file: that is the receiver's to write, under the receiver's account.
    section = settings.determined.model_copy(update={"prometheus_token_file": None})
    try:
        async with AsyncExitStack() as stack:
            client = await http_client(section, None, settings.request_timeout, stack)
            session = determined_session(section, client)
            status = DeterminedStatus(client, session)
            clock = _Clock()
            master = await asked(status.master())
            if isinstance(master, WatchdogError):
                return DeterminedAnswers.none(master)
            ahead = clock.ahead(master.clock) if master.clock else None
            # One login, then all the rest: a wrong password is tried once.
            account = await asked(status.account())
            if isinstance(account, WatchdogError):
                return DeterminedAnswers(master, ahead, account, account, account, account)
            workspaces = settings.rulebook().asks_for_workspaces
            cluster = Determined(client, session)
            permissions, metrics, snapshot = await asyncio.gather(
                asked(_permissions(status, wanted=master.has_roles)),
                asked(status.state_metrics()),
                asked(cluster.snapshot(workspaces=workspaces)),
            )
            return DeterminedAnswers(master, ahead, account, permissions, metrics, snapshot)
    except WatchdogError as exc:
        return DeterminedAnswers.none(exc)


async def _permissions(status: DeterminedStatus, *, wanted: bool) -> Sequence[str]:
    return await status.permissions() if wanted else ()


async def _prometheus(settings: Settings, asked: Asked) -> PrometheusAnswers:
    section = settings.prometheus
    try:
        async with AsyncExitStack() as stack:
            auth = basic_auth(section)
            client = await http_client(section, auth, settings.request_timeout, stack)
            status, rules = PrometheusStatus(client), Prometheus(client)
            version = await asked(status.version())
            if isinstance(version, WatchdogError):
                return PrometheusAnswers.none(version)
            ahead, groups, targets, peers, samples = await asyncio.gather(
                asked(_ahead(rules)),
                asked(status.groups()),
                asked(status.targets()),
                asked(status.peers()),
                _samples(rules, asked),
            )
            return PrometheusAnswers(version, ahead, groups, targets, peers, samples)
    except WatchdogError as exc:
        return PrometheusAnswers.none(exc)


async def _ahead(prometheus: Prometheus) -> timedelta:
    clock = _Clock()
    [sample] = await prometheus.query("time()")
    return clock.ahead(datetime.fromtimestamp(sample.value, UTC))


async def _samples(prometheus: Prometheus, asked: Asked) -> Samples:
    expressions = (GPUS, UTILIZATION, MIG, PROFILING, CONTAINERS, NODES, NAMELESS)
    found = await asyncio.gather(*(asked(_by_agent(prometheus, each)) for each in expressions))
    return Samples(*found)


async def _by_agent(prometheus: Prometheus, expression: str) -> ByAgent:
    found: Mapping[str, float] = {
        sample.labels.get(_AGENT, ""): sample.value for sample in await prometheus.query(expression)
    }
    return found


async def _peer(section: AlertmanagerSection, settings: Settings, asked: Asked) -> PeerAnswers:
    name, within = peer_name(section.url), settings.request_timeout
    ahead, is_local = None, is_loopback(section.url)
    try:
        async with AsyncExitStack() as stack:
            client = await http_client(section, basic_auth(section), within, stack)
            clock = _Clock()
            answer = await asked(peer_status(client, name))
            if isinstance(answer, WatchdogError):
                return PeerAnswers(name, answer, None, answer, is_local)
            status, theirs = answer
            if theirs is not None:
                ahead = clock.ahead(theirs)
            stranger = await http_client(section, None, within, stack)
            return PeerAnswers(name, status, ahead, await asked(is_open(stranger, name)), is_local)
    except WatchdogError as exc:
        return PeerAnswers(name, exc, ahead, exc, is_local)


async def _slack(settings: Settings, asked: Asked) -> SlackAnswers:
    section = settings.slack
    try:
        async with AsyncExitStack() as stack:
            client = await slack_client(settings, stack)
            scopes, channel, address = await asyncio.gather(
                asked(slack_status.scopes(client)),
                asked(slack_status.read_channel(client, section.admin_channel)),
                _socket(client, section.app_token_file, asked),
            )
            return SlackAnswers(scopes, address, channel)
    except WatchdogError as exc:
        return SlackAnswers(exc, exc if section.app_token_file else None, exc)


async def _socket(client: AsyncWebClient, path: Path | None, asked: Asked) -> Answer[str] | None:
    if path is None:
        return None
    try:
        token = read_secret(path)
    except ConfigurationError as exc:
        return exc
    return await asked(socket_address(client, token))
