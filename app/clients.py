"""The clients of the systems that we ask, made from the settings."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from socket import SO_RCVBUF, SOL_SOCKET

import aiohttp
import httpx
from pydantic import AnyHttpUrl
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.alertmanager import Alertmanager
from app.adapters.determined import Determined
from app.adapters.determined_session import AccessToken, Password, Session
from app.adapters.owner_links import OwnerLinks
from app.adapters.prometheus import Prometheus
from app.adapters.prometheus_past import PrometheusPast
from app.adapters.slack import Addresses, Directory, Links, Person, SlackMessenger
from app.adapters.slack_bulletin import SlackBulletin
from app.adapters.slack_hearing import Hearing
from app.adapters.slack_reception import PrivateAnswers, Reception
from app.adapters.slack_socket import SocketMode, SocketSettings
from app.domain.budget import Budget
from app.domain.outbox import Pace
from app.errors import ConfigurationError
from app.lookout import Systems
from app.ports import Past, PressHandler, RuleFiles, SilenceLists, Trends
from app.sections import DeterminedSection, HttpSection
from app.settings import Settings, is_loopback, read_secret
from app.telemetry import Telemetry

_BROKEN = "broken"
_PATIENCE = timedelta(minutes=2)
_RECEIVED = 2**17
"""How many bytes of an answer may have arrived before they are read. The event loop takes all that
is there at once: of some answers of 20 MiB each that would be many, and a network of a data centre
needs no more than this.
"""
"""For long stretches of the past: as long as Prometheus itself lets a query take."""


@dataclass(frozen=True, slots=True)
class Clients:
    systems: Systems
    slack: AsyncWebClient
    hearing: Hearing
    renew_session: Callable[[], Awaitable[None]]
    """Logs in to Determined before the session ends, and keeps Prometheus's token file fresh."""
    follow: Callable[[Settings], None]
    """Takes over where owners are told, when the configuration has changed."""
    trends: Trends
    rule_files: RuleFiles
    silence_lists: SilenceLists
    bulletin: SlackBulletin


async def open_clients(settings: Settings, telemetry: Telemetry, stack: AsyncExitStack) -> Clients:
    """Open a client for each system, to be closed with the stack. Nothing is asked yet.

    Raises:
        ConfigurationError: a secret or a certificate cannot be read.
    """
    within = settings.request_timeout
    master = await http_client(settings.determined, None, within, stack)
    session = determined_session(settings.determined, master)
    prometheus = await http_client(
        settings.prometheus, basic_auth(settings.prometheus), within, stack
    )
    peers = {
        peer_name(peer.url): await http_client(peer, basic_auth(peer), within, stack)
        for peer in settings.alertmanagers
    }
    slack = await slack_client(settings, stack)
    by_socket = settings.slack.app_token_file is not None
    hearing = Hearing(by_socket=by_socket, shown=telemetry.slack_socket)
    budget = Budget()
    messenger, directory = _messenger(settings, slack, budget)
    rules = Prometheus(prometheus, on_broken=lambda _why: telemetry.webhook(_BROKEN, 1))
    alertmanager = Alertmanager(peers)
    systems = Systems(
        cluster=Determined(master, session),
        rules=rules,
        peers=alertmanager,
        messenger=messenger,
        hears=hearing.hears,
    )
    return Clients(
        systems,
        slack,
        hearing,
        session.renew,
        follow=lambda other: directory.follow(_people(other)),
        trends=rules,
        rule_files=rules,
        silence_lists=alertmanager,
        bulletin=SlackBulletin(slack, settings.slack.admin_channel, budget=budget),
    )


async def open_past(settings: Settings, stack: AsyncExitStack) -> Past:
    """Open a client of Prometheus alone, to be closed with the stack.

    Raises:
        ConfigurationError: a secret or a certificate cannot be read.
    """
    section = settings.prometheus
    within = max(settings.request_timeout, _PATIENCE)
    return PrometheusPast(await http_client(section, basic_auth(section), within, stack))


def reception(
    handler: PressHandler, settings: Settings, slack: AsyncWebClient, telemetry: Telemetry
) -> Reception:
    if slack.session is None:
        raise ValueError("the client of Slack has no session")
    answers = PrivateAnswers(
        slack.session, str(settings.slack.api_url), timeout=settings.request_timeout
    )
    return Reception(handler, answers, counted=telemetry.press, failed=telemetry.step_failed)


def socket_mode(
    received_by: Reception, settings: Settings, clients: Clients, telemetry: Telemetry
) -> SocketMode | None:
    """Return how Slack is listened to; None without a token for it.

    Raises:
        ConfigurationError: the token cannot be read.
    """
    if settings.slack.app_token_file is None:
        return None
    socket = SocketSettings(
        read_secret(settings.slack.app_token_file),
        Pace(settings.message_retry, settings.message_retry_longest),
        patience=settings.request_timeout,
        through_proxy=not is_loopback(settings.slack.api_url),
    )
    return SocketMode(
        clients.slack,
        socket,
        received_by,
        connected=clients.hearing.changed,
        failed=telemetry.step_failed,
    )


async def http_client(
    section: HttpSection, auth: httpx.Auth | None, within: timedelta, stack: AsyncExitStack
) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(
        verify=_certificates(section.ca_file),
        trust_env=False,
        socket_options=[(SOL_SOCKET, SO_RCVBUF, _RECEIVED)],
    )
    client = httpx.AsyncClient(
        base_url=str(section.url),
        timeout=within.total_seconds(),
        auth=auth,
        transport=transport,
        # These systems stand beside us: a proxy for the way out must not come between, and
        # a redirect would carry credentials to who knows where.
        trust_env=False,
        follow_redirects=False,
    )
    return await stack.enter_async_context(client)


def basic_auth(section: HttpSection) -> httpx.BasicAuth | None:
    if section.password_file is None:
        return None
    return httpx.BasicAuth(section.username, read_secret(section.password_file))


def _certificates(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return _usual_certificates()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as exc:
        raise ConfigurationError(f"ca_file {ca_file} holds no certificate in PEM") from exc
    except OSError as exc:
        raise ConfigurationError(f"ca_file {ca_file}: {exc.strerror}") from exc


@cache
def _usual_certificates() -> ssl.SSLContext:
    """Read them once for all clients: it takes longer than everything else about one."""
    return httpx.create_ssl_context(trust_env=False)


def determined_session(section: DeterminedSection, client: httpx.AsyncClient) -> Session:
    return Session(
        client,
        _credentials(section),
        renew_after=section.renew_after,
        token_path=section.prometheus_token_file,
    )


def _credentials(section: DeterminedSection) -> Password | AccessToken:
    if section.token_file is not None:
        return AccessToken(read_secret(section.token_file))
    if section.password_file is None:
        raise ConfigurationError("determined: give password_file or token_file")
    return Password(section.username, read_secret(section.password_file))


async def slack_client(settings: Settings, stack: AsyncExitStack) -> AsyncWebClient:
    slack = settings.slack
    # Slack is outside, and a lab may reach the outside through a proxy alone.
    session = await stack.enter_async_context(
        aiohttp.ClientSession(trust_env=not is_loopback(slack.api_url))
    )
    return AsyncWebClient(
        token=read_secret(slack.bot_token_file),
        base_url=str(slack.api_url),
        timeout=max(round(settings.request_timeout.total_seconds()), 1),
        session=session,
        # The outbox tries again, and knows what may have arrived.
        retry_handlers=[],
    )


def _messenger(
    settings: Settings, client: AsyncWebClient, budget: Budget
) -> tuple[SlackMessenger, Directory]:
    slack = settings.slack
    addresses = Addresses(
        slack.admin_channel, email_domain=slack.email_domain, people=_people(settings)
    )
    directory = Directory(client, addresses, remember=slack.remember)
    return SlackMessenger(client, directory, _links(settings), budget=budget), directory


def _people(settings: Settings) -> dict[str, Person]:
    return {
        name: Person(slack_id=user.slack_id, email=user.email, channel=user.channel)
        for name, user in settings.users.items()
    }


def _links(settings: Settings) -> Links:
    peer, pages = settings.alertmanagers[0], owner_links(settings)
    return Links(
        alertmanager_url=str(peer.external_url or peer.url),
        determined_url=str(settings.determined.external_url or settings.determined.url),
        public_url=str(settings.public_url),
        interactive=settings.slack.hears_buttons,
        page=pages.page if pages else None,
    )


def owner_links(settings: Settings) -> OwnerLinks | None:
    """Return the maker of links to the owner's page. None: there is no such page.

    Raises:
        ConfigurationError: the secret cannot be read, or could be guessed.
    """
    if settings.owner_page is None:
        return None
    return OwnerLinks(read_secret(settings.owner_page.secret_file), str(settings.public_url))


def peer_name(url: AnyHttpUrl) -> str:
    """Return an address without what a person may have written into it: user and password.

    With the path: behind a proxy it alone tells one peer from the other.
    """
    return f"{url.host}:{url.port}{(url.path or '').rstrip('/')}"
