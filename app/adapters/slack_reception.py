"""Between Slack and who does what a press asks for: acknowledged in time, whatever that takes."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

import aiohttp
import structlog

from app.adapters.slack_interactions import read_interaction
from app.domain.press import Press
from app.loops import contained
from app.ports import PressHandler

log = structlog.get_logger()
UNKNOWN = "unknown"
"""For the metric: what was told is no press of ours."""
_WITHIN = timedelta(seconds=2)
"""Slack waits for 3 s, the way there and back included."""
_DRAIN = 10.0  # seconds that what was begun has to end when the process is asked to stop
_OK = 200
_SORRY = (
    "Sorry, that could not be noted: the watchdog could not reach its database. "
    "Please press again in a minute."
)


class PressOutcome(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    FAILED = "failed"


class PrivateAnswers:
    """Sends what the presser alone sees, to the address that came with the press."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str, *, timeout: timedelta) -> None:
        self._session = session
        self._api = urlsplit(api_url)
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())

    async def send(self, response_url: str, text: str) -> None:
        """Send it once. One that is lost is no harm: the message itself shows what happened."""
        if not self._is_slacks(response_url):
            log.warning("private_answer_not_sent", why="its address is not Slack's")
            return
        answer = {"response_type": "ephemeral", "replace_original": False, "text": text}
        try:
            async with self._session.post(
                response_url, json=answer, timeout=self._timeout, allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            # The kind alone: the words of some of these hold the address, which is a secret.
            log.warning("private_answer_not_sent", why=type(exc).__name__)
            return
        if status != _OK:
            log.warning("private_answer_not_sent", why=f"Slack answered {status}")

    def _is_slacks(self, url: str) -> bool:
        """Answer only where the API is, or below: `hooks.slack.com`."""
        try:
            there = urlsplit(url)
            host, own = there.hostname or "", self._api.hostname or ""
        except ValueError:
            return False
        return there.scheme == self._api.scheme and (host == own or host.endswith(f".{own}"))


class Reception:
    def __init__(
        self,
        handler: PressHandler,
        answers: PrivateAnswers,
        *,
        counted: Callable[[str, str], None],
        failed: Callable[[str], None],
        within: timedelta = _WITHIN,
    ) -> None:
        """`counted` is told verb and outcome of each press, `failed` of each error."""
        self._handler = handler
        self._answers = answers
        self._counted = counted
        self._failed = failed
        self._within = within.total_seconds()
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, payload: object) -> None:
        """Return when Slack may be told that it was taken: when all was done, or in time.

        What takes longer goes on, and is never cancelled.
        """
        interaction = read_interaction(payload)
        for why in interaction.unknown:
            self.refuse(why)
        begun = [self._begin(self._take(press)) for press in interaction.presses]
        if begun:
            await asyncio.wait(begun, timeout=self._within)

    def refuse(self, why: str) -> None:
        """Count and log what is not taken at all."""
        log.warning("press_refused", why=why)
        self._counted(UNKNOWN, PressOutcome.REFUSED)

    async def end(self) -> None:
        """Let what was begun come to its end, and give up what does not."""
        clock = asyncio.get_running_loop()
        ends = clock.time() + _DRAIN
        while self._tasks and clock.time() < ends:
            await asyncio.wait(self._tasks, timeout=ends - clock.time())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _take(self, press: Press) -> None:
        answer, outcome = _SORRY, PressOutcome.FAILED
        with contained("presses", self._failed, through=()):
            answer, outcome = await self._handler(press), PressOutcome.TAKEN
        self._counted(press.verb, outcome)
        log.info("press", outcome=outcome, press_id=press.press_id, subjects=press.subjects)
        if answer and press.response_url:
            # Slack need not wait for it.
            self._begin(self._answers.send(press.response_url, answer))
