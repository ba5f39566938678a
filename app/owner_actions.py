"""What an owner does about an incident, told in a sentence. Implements `app.ports.OwnerActions`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from app.answers import Answers
from app.context import Context
from app.domain.by_hand import is_news
from app.domain.incident import Incident, IncidentState, StopRequest
from app.domain.keeping import MORNING
from app.domain.mornings import next_working_morning
from app.domain.press import Once
from app.domain.steps import is_under_way
from app.durations import format_duration, parse_duration
from app.errors import (
    AskedTwiceError,
    KeepTooLongError,
    NothingToKeepError,
    StaleIncidentError,
    StopUnderWayError,
)
from app.ports import IncidentStore, PressBook

AGAIN = "It changed at the same moment, and nothing was done. Please try again."
TWICE = "That was taken before, and counts once."
HOW_IT_ENDED: Mapping[IncidentState, str] = {
    IncidentState.RESOLVED: "It was in order again; nothing was stopped.",
    IncidentState.ENDED: "It ended by itself, or is no longer watched.",
    IncidentState.STOPPED: "It was stopped.",
    IncidentState.DISMISSED: "An admin called it a false alarm; nothing was stopped.",
}
_LONGEST = timedelta(days=365)


class OwnerActions:
    """Nobody is asked here whether they may: that is for whoever calls to know."""

    def __init__(
        self, answers: Answers, store: IncidentStore, presses: PressBook, context: Context
    ) -> None:
        self._answers = answers
        self._store = store
        self._presses = presses
        self._context = context

    async def keep(self, incident_id: str, *, argument: str, by: str, key: str) -> str:
        """Keep its tasks for so long (`2h`), or until the next working morning (`morning`).

        `key`: what was done under it is done once.
        """
        if await self._presses.acted(key):
            return TWICE
        incident = await self._store.incident(incident_id)
        if incident.is_final or incident.is_gone:
            return HOW_IT_ENDED[incident.state if incident.is_final else IncidentState.STOPPED]
        now = self._context.now()
        until = self._until(incident, argument, now)
        if until is None:
            return "It is not clear for how long; nothing was kept."
        try:
            await self._answers.keep(
                incident_id, until - now, by=by, reason="by a button", once=Once(key, now)
            )
        except AskedTwiceError:
            return TWICE
        except KeepTooLongError as exc:
            return _too_long(exc.allowed)
        except NothingToKeepError:
            return "None of it is to be stopped at the moment; nothing had to be kept."
        except StopUnderWayError:
            return "It is too late to keep it: Determined was told to stop it."
        except StaleIncidentError:
            return AGAIN
        return f"Kept until {self._words(incident, until)}. Nothing happens to it before that."

    async def stop(
        self, incident_id: str, allocation_ids: Sequence[str], *, by: str, key: str
    ) -> str:
        """Let these be stopped now. `key` as for `keep`."""
        if await self._presses.acted(key):
            return TWICE
        incident = await self._store.incident(incident_id)
        if incident.is_final:
            return HOW_IT_ENDED[incident.state]
        if incident.state is IncidentState.ESCALATED:
            return "It could not be stopped, though it was tried again and again. The admins know."
        known = [incident.target(each) for each in allocation_ids]
        running = [each for each in known if each is not None and not each.outcome]
        if not running:
            return "It does not run any more."
        request = StopRequest(by, self._context.now())
        if all(is_under_way(each) or not is_news(each, request) for each in running):
            return "It is being stopped already."
        try:
            await self._answers.stop(
                incident_id, allocation_ids, by=by, reason="by a button", once=Once(key, request.at)
            )
        except AskedTwiceError:
            return TWICE
        except StaleIncidentError:
            return AGAIN
        return "It is being stopped, once Determined confirms that it is still the same task."

    def _until(self, incident: Incident, argument: str, now: datetime) -> datetime | None:
        """Return None for what is no time."""
        rulebook = self._context.rulebook
        if argument == MORNING:
            hours = rulebook.policy_for(incident.identity).waking_hours
            return next_working_morning(hours, now, rulebook.zone_of(incident.identity.username))
        try:
            duration = parse_duration(argument)
        except ValueError:
            return None
        if not isinstance(duration, timedelta) or not timedelta() < duration <= _LONGEST:
            return None
        return now + duration

    def _words(self, incident: Incident, at: datetime) -> str:
        zone = self._context.rulebook.zone_of(incident.identity.username)
        return f"{at.astimezone(zone):%A, %d %B, %H:%M} ({zone})"


def _too_long(allowed: timedelta) -> str:
    whole = timedelta(minutes=max(allowed // timedelta(minutes=1), 0))
    if not whole:
        return (
            "It was kept for as long as the rules of this cluster allow, and cannot be kept any "
            "longer. Use its GPUs again, or ask an admin."
        )
    return (
        f"That is longer than the rules of this cluster allow: {format_duration(whole)} are left."
    )
