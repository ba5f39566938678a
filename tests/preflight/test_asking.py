"""Each question ends by itself, whatever becomes of the others."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from app.preflight import State, judge
from app.preflight.asking import Asked
from tests.preflight.sound import Setup


async def test_question_that_hangs_ends_and_the_others_are_answered() -> None:
    refused = UpstreamRejectedError("no")

    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    async def refuse() -> str:
        raise refused

    async def answer() -> str:
        return "here"

    asked = Asked(timedelta(milliseconds=10))
    found = await asyncio.gather(asked(hang()), asked(refuse()), asked(answer()))

    assert [str(found[0]), *found[1:]] == ["no answer within 0.01 s", refused, "here"]
    assert isinstance(found[0], UpstreamUnavailableError)


def test_answer_that_is_lacking_costs_its_own_question_alone() -> None:
    answers = Setup().answers()
    late = UpstreamUnavailableError("no answer within 30 s")

    findings = judge(
        replace(answers, prometheus=replace(answers.prometheus, targets=late)),
    )

    assert {each.id: each.state for each in findings if each.state is not State.OK} == {
        "prometheus.receiver": State.MISSING,
        "prometheus.determined": State.NOT_ASKED,
        "prometheus.interval": State.NOT_ASKED,
    }
