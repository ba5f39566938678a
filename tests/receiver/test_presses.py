"""Buttons: who may press which, and that each acts once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.authority import Authority
from app.domain.incident import Incident, IncidentState
from app.domain.policy import StopAction
from app.domain.press import Press, Verb
from app.domain.reasons import Reason
from app.owner_actions import TWICE, OwnerActions
from app.presses import Presses
from app.store.people import SqlPressBook
from tests.domain.examples import ALLOCATION, IDENTITY
from tests.receiver.calls import Crash, crash
from tests.receiver.conftest import BOTH_DATABASES, GRACE, MINUTE, Receiver
from tests.receiver.world import World

S = IncidentState
BOB = IDENTITY.username
OWN = f"D-{BOB}"
ELSEWHERE = "C-team"
AUTHORITY = Authority(
    admins=frozenset({"UADMIN"}), stand_ins={BOB: frozenset({"UBOB", "UDELEGATE"})}
)


def press(
    incident: Incident,
    verb: Verb = Verb.KEEP,
    argument: str = "2h",
    *,
    by: str = "UBOB",
    channel: str = OWN,
    press_id: str = "p1",
    subjects: Sequence[str] = (),
) -> Press:
    subject = incident.incident_id
    if verb in {Verb.STOP, Verb.ALLOW}:
        subject = f"{subject}/{ALLOCATION}"
    return Press(press_id, by, channel, "1.0", verb, argument, tuple(subjects) or (subject,))


def presses_of(receiver: Receiver) -> Presses:
    receiver.context.rulebook = replace(receiver.context.rulebook, authority=AUTHORITY)
    book = SqlPressBook(receiver.database.engine)
    owner_actions = OwnerActions(receiver.answers, receiver.seen, book, receiver.context)
    return Presses(
        owner_actions,
        receiver.answers,
        receiver.seen,
        book,
        receiver.recorder,
        receiver.world.slack,
        receiver.context,
    )


@pytest.fixture
def presses(receiver: Receiver) -> Presses:
    return presses_of(receiver)


@BOTH_DATABASES
async def test_an_owner_keeps_a_task_by_a_button_and_reads_until_when(
    receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, by="U-found-by-e-mail"))

    assert said.startswith("Kept until ")
    kept = await receiver.incident()
    assert (kept.state, kept.holds[0].by) == (S.HELD, BOB)


@BOTH_DATABASES
async def test_the_same_press_acts_once_however_often_it_is_delivered(
    receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()
    await presses.handle(press(incident))

    said = await presses.handle(press(incident))

    assert said == TWICE
    assert len(await receiver.seen.keeps(receiver.world.time.now())) == 1


@BOTH_DATABASES
async def test_of_two_deliveries_at_the_same_moment_one_acts(
    receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()
    both = (presses.handle(press(incident)), presses_of(receiver).handle(press(incident)))

    said = await asyncio.gather(*both)

    assert TWICE in said
    assert len(await receiver.seen.keeps(receiver.world.time.now())) == 1


@BOTH_DATABASES
@pytest.mark.parametrize(
    ("verb", "call", "answer"),
    [(Verb.KEEP, "add_keeps", "Kept until"), (Verb.STOP, "commit", "It is being stopped")],
)
async def test_s13_a_press_that_a_crash_met_is_not_forgotten_with_it(
    receiver: Receiver, verb: Verb, call: str, answer: str
) -> None:
    incident = await receiver.warns()
    receiver.calls.before(f"store.{call}", crash)
    with pytest.raises(Crash):
        await presses_of(receiver).handle(press(incident, verb))
    await receiver.restart()

    said = await presses_of(receiver).handle(press(incident, verb))

    assert said.startswith(answer)


async def test_stop_now_is_more_than_the_pause_that_an_operator_waits_for(
    world: World, receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()
    await receiver.answers.stop(
        incident.incident_id, [ALLOCATION], by="operator", reason="", action=StopAction.PAUSE
    )

    said = await presses.handle(press(incident, Verb.STOP))

    assert said.startswith("It is being stopped, once Determined confirms")
    await receiver.run(MINUTE)
    assert [call.allocation_id for call in world.determined.calls] == [ALLOCATION]


@pytest.mark.parametrize(
    ("by", "channel", "may"),
    [
        ("U-anybody", OWN, True),
        ("UBOB", ELSEWHERE, True),
        ("UDELEGATE", ELSEWHERE, True),
        ("UADMIN", ELSEWHERE, True),
        ("U-anybody", ELSEWHERE, False),
        ("", ELSEWHERE, False),
    ],
    ids=[
        "in their own messages",
        "their own id",
        "a delegate",
        "an admin",
        "a passer-by",
        "nobody",
    ],
)
async def test_who_may_answer_for_the_owner(
    receiver: Receiver, presses: Presses, by: str, channel: str, *, may: bool
) -> None:
    incident = await receiver.warns()

    await presses.handle(press(incident, by=by, channel=channel))

    assert ((await receiver.incident()).state is S.HELD) is may


async def test_in_a_team_s_channel_nobody_answers_by_merely_being_there(
    world: World, receiver: Receiver, presses: Presses
) -> None:
    world.slack.delegates[BOB] = ELSEWHERE
    incident = await receiver.warns()

    await presses.handle(press(incident, by="U-anybody", channel=ELSEWHERE))

    assert (await receiver.incident()).state is S.NOTIFIED


async def test_s12_a_press_by_who_may_not_is_answered_and_in_the_history(
    receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, by="UEVE", channel=ELSEWHERE))

    assert said.startswith("Only its owner")
    entry = (await receiver.history())[-1]
    assert (entry.reason, entry.actor) == (Reason.PRESS_REFUSED, "UEVE (Slack)")


@pytest.mark.parametrize("verb", [Verb.DISMISS, Verb.ALLOW, Verb.RESET])
async def test_what_is_for_admins_is_refused_to_the_owner(
    world: World, receiver: Receiver, presses: Presses, verb: Verb
) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, verb, ""))
    await receiver.tick()

    assert said.startswith("Only an admin")
    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.determined.calls == []


async def test_an_admin_dismisses_a_false_alarm(receiver: Receiver, presses: Presses) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, Verb.DISMISS, "", by="UADMIN", channel=ELSEWHERE))

    assert said.startswith("Closed as a false alarm")
    assert (await receiver.incident()).state is S.DISMISSED


async def test_stop_now_stops_at_the_next_tick(
    world: World, receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, Verb.STOP, ""))
    again = await presses.handle(press(incident, Verb.STOP, "", press_id="p2"))
    await receiver.tick()

    assert said.startswith("It is being stopped, once")
    assert again == "It is being stopped already."
    assert len(world.determined.kills) == 1


async def test_s2_a_button_of_another_allocation_stops_nothing(
    world: World, receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()
    subjects = [f"{incident.incident_id}/another.1", f"{incident.incident_id}/"]

    said = await presses.handle(press(incident, Verb.STOP, "", subjects=subjects))
    await receiver.run(MINUTE)

    assert said == "It does not run any more."
    assert world.determined.calls == []


async def test_a_press_on_what_is_over_says_how_it_ended(
    world: World, receiver: Receiver, presses: Presses
) -> None:
    incident = await receiver.warns()
    world.recovers()
    await receiver.tick()

    said = await presses.handle(press(incident))

    assert said == "It was in order again; nothing was stopped."


async def test_a_press_on_what_nobody_knows_says_so(receiver: Receiver, presses: Presses) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, subjects=["of-last-year"]))

    assert said.startswith("Nothing is known of it any more")


@pytest.mark.parametrize("argument", ["25h", "1w"])
async def test_nobody_keeps_longer_than_the_policy_allows(
    receiver: Receiver, presses: Presses, argument: str
) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, argument=argument))

    assert said == "That is longer than the rules of this cluster allow: 1d are left."
    assert (await receiver.incident()).state is S.NOTIFIED


@pytest.mark.parametrize("argument", ["", "0s", "for ever", "-2h", "9" * 12 + "w"])
async def test_what_is_no_time_keeps_nothing(
    receiver: Receiver, presses: Presses, argument: str
) -> None:
    incident = await receiver.warns()

    said = await presses.handle(press(incident, argument=argument))

    assert said == "It is not clear for how long; nothing was kept."
    assert (await receiver.incident()).state is S.NOTIFIED


async def test_it_is_too_late_to_keep_what_determined_was_told_to_stop(
    world: World, receiver: Receiver, presses: Presses
) -> None:
    world.determined.latency = timedelta(minutes=5)
    incident = await receiver.warns()
    await receiver.run(GRACE)

    said = await presses.handle(press(incident))

    assert said.startswith("It is too late to keep it")


async def test_an_admin_resets_the_breaker_once(receiver: Receiver, presses: Presses) -> None:
    incident = await receiver.warns()
    now = receiver.world.time.now()
    await receiver.seen.switch_breaker(tripped=True, by="ann", reason="odd", at=now)

    said = await presses.handle(press(incident, Verb.RESET, "", by="UADMIN"))
    again = await presses.handle(press(incident, Verb.RESET, "", by="UADMIN", press_id="p2"))

    assert said.startswith("The breaker is reset")
    assert again.startswith("The breaker is not tripped")
    assert not (await receiver.seen.breaker()).tripped
