"""Buttons in Slack: whether who pressed one may, what was done, and a sentence for them to read."""

from collections import defaultdict
from contextlib import suppress

import structlog

from app.answers import Answers
from app.context import Context
from app.domain.actions import Audience
from app.domain.events import PressRefused
from app.domain.incident import Incident, IncidentState, RecipientKind
from app.domain.press import Once, Press, Verb
from app.errors import (
    AskedTwiceError,
    IncidentNotFoundError,
    StaleIncidentError,
    UpstreamError,
)
from app.owner_actions import AGAIN, HOW_IT_ENDED, TWICE, OwnerActions
from app.ports import IncidentStore, Messenger, PressBook
from app.recorder import Recorder

log = structlog.get_logger()
_NOT_YOURS = "Only its owner, who stands in for the owner, or an admin can do that. It was noted."
_FOR_ADMINS = "Only an admin of the watchdog can do that. It was noted."
_GONE = "Nothing is known of it any more: it was over long ago."
_OF_ADMINS = frozenset({Verb.DISMISS, Verb.ALLOW, Verb.RESET})


class Presses:
    def __init__(
        self,
        owner_actions: OwnerActions,
        answers: Answers,
        store: IncidentStore,
        book: PressBook,
        recorder: Recorder,
        messenger: Messenger,
        context: Context,
    ) -> None:
        self._owner_actions = owner_actions
        self._answers = answers
        self._store = store
        self._book = book
        self._recorder = recorder
        self._messenger = messenger
        self._context = context

    async def handle(self, press: Press) -> str:
        """Commit what was asked for, and say in a sentence or two what came of it.

        What is refused is in the history of the incident (S12).

        Raises:
            StoreUnavailableError: nothing, or not all of it, was committed.
        """
        by_incident: dict[str, list[str]] = defaultdict(list)
        for subject in press.subjects:
            incident_id, _, allocation_id = subject.partition("/")
            by_incident[incident_id].append(allocation_id)
        said = [
            await self._about(press, incident_id, list(filter(None, allocations)))
            for incident_id, allocations in by_incident.items()
        ]
        return "\n".join(dict.fromkeys(said)) or _GONE

    async def _about(self, press: Press, incident_id: str, allocation_ids: list[str]) -> str:
        try:
            incident = await self._store.incident(incident_id)
        except IncidentNotFoundError:
            return _GONE
        is_owner = await self._is_owner(press, incident)
        refusal = self._refusal(press, incident, is_owner=is_owner)
        if refusal:
            await self._note(incident, press)
            return refusal
        if incident.is_final and press.verb is not Verb.RESET:
            return HOW_IT_ENDED[incident.state]
        by = incident.identity.username if is_owner else _of(press)
        key = f"{press.press_id}/{incident_id}"
        match press.verb:
            case Verb.KEEP:
                return await self._owner_actions.keep(
                    incident_id, argument=press.argument, by=by, key=key
                )
            case Verb.STOP | Verb.ALLOW:
                return await self._owner_actions.stop(incident_id, allocation_ids, by=by, key=key)
            case Verb.DISMISS:
                return await self._dismiss(incident, by, key)
            case Verb.RESET:
                return await self._reset(by, key)

    async def _is_owner(self, press: Press, incident: Incident) -> bool:
        """Tell whether it was pressed in the owner's direct messages, where nobody else can do so.

        So an owner who was found by an e-mail address is known. It is the owner's by what is known
        now: a message to somebody whom the configuration took for the owner by mistake stays there.
        Where Slack does not tell, it is believed for what protects the task alone.
        """
        message = incident.message
        if message is None or message.recipient is not RecipientKind.OWNER:
            return False
        if message.channel != press.channel:
            return False
        try:
            now = await self._messenger.recipient(Audience.OWNER, incident.identity.username)
        except UpstreamError as exc:
            log.warning("press_not_confirmed", incident_id=incident.incident_id, error=str(exc))
            return press.verb is Verb.KEEP
        return now.kind is RecipientKind.OWNER and now.channel == press.channel

    def _refusal(self, press: Press, incident: Incident, *, is_owner: bool) -> str:
        """Return why it is not for this person to say. Empty: it is."""
        authority = self._context.rulebook.authority
        if press.verb in _OF_ADMINS:
            return "" if authority.is_admin(press.user_id) else _FOR_ADMINS
        may = authority.may_answer_for(incident.identity.username, press.user_id)
        return "" if may or is_owner else _NOT_YOURS

    async def _note(self, incident: Incident, press: Press) -> None:
        log.warning(
            "press_refused",
            incident_id=incident.incident_id,
            verb=press.verb,
            user_id=press.user_id,
        )
        # Where the incident changed at the same moment, the log has it.
        with suppress(StaleIncidentError):
            await self._recorder.record(incident, PressRefused(_of(press), press.verb))

    async def _dismiss(self, incident: Incident, by: str, key: str) -> str:
        now = self._context.now()
        if incident.is_gone:
            return HOW_IT_ENDED[IncidentState.STOPPED]
        if incident.state is IncidentState.STOPPING:
            return "It is too late: it is being stopped already."
        try:
            after = await self._answers.dismiss(
                incident.incident_id, by=by, reason="by a button", once=Once(key, now)
            )
        except AskedTwiceError:
            return TWICE
        except StaleIncidentError:
            return AGAIN
        if after.state is not IncidentState.DISMISSED:
            return HOW_IT_ENDED.get(after.state, AGAIN)
        return "Closed as a false alarm. The same alert counts again once it was seen to be over."

    async def _reset(self, by: str, key: str) -> str:
        if await self._book.acted(key):
            return TWICE
        if not (await self._store.breaker()).tripped:
            return "The breaker is not tripped: it was reset already."
        now = self._context.now()
        try:
            await self._store.switch_breaker(
                tripped=False, by=by, reason="by a button", at=now, once=Once(key, now)
            )
        except AskedTwiceError:
            return TWICE
        return "The breaker is reset. Every owner is warned anew, with a whole grace period."


def _of(press: Press) -> str:
    return f"{press.user_id} (Slack)"
