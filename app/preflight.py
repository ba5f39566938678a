"""Is every system ready for the watchdog? Asked before the first start, and when in doubt."""

from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from app.adapters.slack_socket import socket_address
from app.clients import Clients, open_clients, owner_links
from app.errors import ConfigurationError, StoreUnavailableError, UpstreamError
from app.settings import Settings, read_secret
from app.store.engine import create_engine, migrate
from app.telemetry import Telemetry

_ALERTS = ("GPUAllocationIdle", "WatchdogHeartbeat")


@dataclass(frozen=True, slots=True)
class Finding:
    system: str
    good: bool
    words: str
    """What was found; where something is missing, also what to do about it."""


async def preflight(settings: Settings) -> list[Finding]:
    """Ask everything; a system that does not answer keeps none of the others from being asked."""
    findings = secrets(settings)
    if any(not finding.good for finding in findings):
        return findings
    findings.append(await _database(settings))
    findings += _exemptions(settings)
    async with AsyncExitStack() as stack:
        try:
            clients = await open_clients(settings, Telemetry(CollectorRegistry()), stack)
        except ConfigurationError as exc:
            return [*findings, Finding("certificates", good=False, words=str(exc))]
        findings += [
            await _determined(clients, workspaces=settings.rulebook().asks_for_workspaces),
            *[await _rule(clients, name) for name in _ALERTS],
            *await _alertmanagers(clients),
            await _found("slack", clients.systems.messenger.probe(), "the bot token is accepted"),
            *await _socket_mode(clients, settings),
        ]
    return findings


def secrets(settings: Settings) -> list[Finding]:
    """Read every file that holds a secret."""
    systems = (settings.determined, settings.prometheus, *settings.alertmanagers)
    paths = [
        *(system.password_file for system in systems),
        settings.determined.token_file,
        settings.slack.bot_token_file,
        settings.slack.app_token_file,
        settings.slack.signing_secret_file,
        *(token.file for token in settings.api_tokens),
        settings.owner_page.secret_file if settings.owner_page else None,
    ]
    named = [path for path in paths if path is not None]
    findings = []
    for path in named:
        try:
            read_secret(path)
        except ConfigurationError as exc:
            findings.append(Finding("secrets", good=False, words=str(exc)))
    if not findings:
        try:
            owner_links(settings)
        except ConfigurationError as exc:
            findings.append(Finding("secrets", good=False, words=str(exc)))
    return findings or [Finding("secrets", good=True, words=f"{len(named)} files can be read")]


async def _database(settings: Settings) -> Finding:
    try:
        engine = create_engine(settings.database_url)
    except ConfigurationError as exc:
        return Finding("database", good=False, words=f"{exc}; check database_url")
    try:
        await migrate(engine)
    except StoreUnavailableError as exc:
        # The lines after the first one are for programmers.
        first, *_ = str(exc).splitlines()
        return Finding("database", good=False, words=f"{first}; check database_url")
    finally:
        await engine.dispose()
    return Finding("database", good=True, words="it can be written, its schema is up to date")


def _exemptions(settings: Settings) -> list[Finding]:
    """Whoever is named in an exemption may still rely on it, though it has come to its end."""
    expired = settings.rulebook().expired(datetime.now(UTC))
    return [
        Finding(
            "exempt",
            good=False,
            words=f"“{each.reason}” ended {each.until:%Y-%m-%d %H:%M} UTC; remove or prolong it",
        )
        for each in expired
    ]


async def _determined(clients: Clients, *, workspaces: bool) -> Finding:
    try:
        snapshot = await clients.systems.cluster.snapshot(workspaces=workspaces)
    except UpstreamError as exc:
        words = f"{exc}; check determined.url, username and password_file"
        return Finding("determined", good=False, words=words)
    words = f"{len(snapshot.allocations)} allocations on {len(snapshot.agent_slots)} agents"
    return Finding("determined", good=True, words=words)


async def _rule(clients: Clients, name: str) -> Finding:
    try:
        loaded = await clients.systems.rules.has_alert(name)
    except UpstreamError as exc:
        return Finding("prometheus", good=False, words=f"{exc}; check prometheus.url")
    if loaded:
        return Finding("prometheus", good=True, words=f"the rule {name} is loaded")
    words = f"the rule {name} is not loaded; add alerting-rules/*.rules.yaml to rule_files"
    return Finding("prometheus", good=False, words=words)


async def _alertmanagers(clients: Clients) -> list[Finding]:
    peers = await clients.systems.peers.read()
    return [
        Finding(
            "alertmanager",
            good=peer.readable,
            words=f"{peer.peer}: {peer.error or f'{len(peer.silences)} silences'}",
        )
        for peer in peers
    ]


async def _socket_mode(clients: Clients, settings: Settings) -> list[Finding]:
    path = settings.slack.app_token_file
    if path is None:
        return []
    answer = socket_address(clients.slack, read_secret(path))
    return [await _found("slack", answer, "the app token is accepted, for Socket Mode")]


async def _found(system: str, answer: Awaitable[object], words: str) -> Finding:
    try:
        await answer
    except UpstreamError as exc:
        return Finding(system, good=False, words=str(exc))
    return Finding(system, good=True, words=words)
