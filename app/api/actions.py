"""What operators do about an incident by hand: keep, kill, pause, dismiss."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from app.api.dependencies import ADMINS, OPERATORS, Caller, ManualActionsDep, allow
from app.api.incidents import IncidentView
from app.api.parameters import true_or_false
from app.api.problems import PROBLEMS
from app.domain.by_hand_words import Objection
from app.domain.foresight import Effect, Outlook
from app.domain.policy import StopAction
from app.domain.reasons import Reason
from app.durations import parse_duration
from app.manual_actions import Done, Order

router = APIRouter(
    prefix="/api/v1/incidents",
    tags=["incidents"],
    responses=PROBLEMS,
    # Bodies are read before it is known who sends them.
    max_body_size=64 * 2**10,
)
_ALLOCATION = "c7a2ea20-b2f1-4c94-ae05-319acb5c7427.1"


class WarningView(BaseModel):
    rule: str = Field(
        description="The safety rule that speaks against it; empty: it is none of them.",
        examples=["S4"],
    )
    reason: Reason
    allocation_id: str = Field(description="Empty: it is about the incident as a whole.")
    words: str = Field(
        description="Partly written by users: escape it wherever it is shown.",
        examples=["A silence covers it: by carol."],
    )

    @classmethod
    def of(cls, one: Objection) -> "WarningView":
        return cls(
            rule=one.rule, reason=one.reason, allocation_id=one.allocation_id, words=one.words
        )


class EffectView(BaseModel):
    effect: Effect = Field(
        description=(
            "`acts`: it is done, a stop by the next tick. `waits`: for what is not known or not "
            "possible now, 15 minutes at most. `nothing`."
        )
    )
    allocation_id: str = Field(description="Empty: it is about the incident as a whole.")
    words: str = Field(examples=["The next tick kills it, with all that it has not saved."])

    @classmethod
    def of(cls, one: Outlook) -> "EffectView":
        return cls(effect=one.effect, allocation_id=one.allocation_id, words=one.words)


class ActionView(IncidentView):
    """The incident as it is now, with what comes of the action."""

    dry_run: bool = Field(description="Nothing was done.")
    effects: list[EffectView] = Field(description="What comes of it, or would come of it.")
    warnings: list[WarningView] = Field(
        description="What speaks against it, and does not forbid it to a person."
    )

    @classmethod
    def after(cls, done: Done, order: Order) -> "ActionView":
        return cls(
            **IncidentView.of(done.incident).model_dump(),
            dry_run=order.dry_run,
            effects=[EffectView.of(each) for each in done.foresight.outlooks],
            warnings=[WarningView.of(each) for each in done.foresight.objections],
        )


class DismissRequest(BaseModel):
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)
    ] = Field(description="For the history.", examples=["a benchmark that is to idle"])


class StopOrder(DismissRequest):
    allocation_ids: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Which of the incident's targets. Left out: all that are open.",
        examples=[[_ALLOCATION]],
    )


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta():
        raise ValueError("a keep lasts longer than nothing")
    return duration


class KeepRequest(DismissRequest):
    duration: Annotated[
        timedelta,
        BeforeValidator(parse_duration),
        AfterValidator(_positive),
        WithJsonSchema({"type": "string", "pattern": r"^([0-9]+(ms|[smhdw]))+$"}),
    ] = Field(description="For example 2h; at most what the policy allows.", examples=["2h"])


class Manner(BaseModel):
    """How an action is meant."""

    dry_run: Annotated[bool, BeforeValidator(true_or_false)] = Field(
        default=False, description="Tell what would happen, and do nothing."
    )


Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,200}$",
        description="What is done under a key is done once: a repetition has the same answer.",
    ),
]
MannerDep = Annotated[Manner, Query()]
Operator = Annotated[Caller, Depends(allow(*OPERATORS))]
Admin = Annotated[Caller, Depends(allow(*ADMINS))]


def order_of(caller: Caller, request: DismissRequest, manner: Manner, key: str | None) -> Order:
    return Order(caller.name, request.reason, key or "", manner.dry_run)


@router.post("/{incident_id}/keep", summary="Keep the incident's task for a while")
async def keep_incident(
    incident_id: str,
    request: KeepRequest,
    actions: ManualActionsDep,
    caller: Operator,
    manner: MannerDep,
    key: Key = None,
) -> ActionView:
    """Hold the incident from this moment on, and show it in Alertmanager as a silence.

    The keep and the hold are one transaction, which no stop can pass (S13): whoever comes second
    finds another version of the incident.
    """
    order = order_of(caller, request, manner, key)
    return ActionView.after(await actions.keep(incident_id, order, request.duration), order)


@router.post("/{incident_id}/kill", summary="Kill the incident's tasks now")
async def kill_incident(
    incident_id: str,
    request: StopOrder,
    actions: ManualActionsDep,
    caller: Operator,
    manner: MannerDep,
    key: Key = None,
) -> ActionView:
    """Let the next tick kill them, once Determined confirms the allocation and its owner (S2, S5).

    What else speaks against it is told as a warning, and forbids nothing.
    """
    order = order_of(caller, request, manner, key)
    done = await actions.stop(incident_id, order, StopAction.KILL, request.allocation_ids)
    return ActionView.after(done, order)


@router.post("/{incident_id}/pause", summary="Pause the incident's tasks now")
async def pause_incident(
    incident_id: str,
    request: StopOrder,
    actions: ManualActionsDep,
    caller: Operator,
    manner: MannerDep,
    key: Key = None,
) -> ActionView:
    """As a kill, for trials and generic tasks; they keep their checkpoint.

    Determined pauses an experiment as a whole: a pause waits until it is asked for, or due, of all
    that runs of the experiment. It never becomes a kill.
    """
    order = order_of(caller, request, manner, key)
    done = await actions.stop(incident_id, order, StopAction.PAUSE, request.allocation_ids)
    return ActionView.after(done, order)


@router.post("/{incident_id}/dismiss", summary="Close the incident as a false alarm")
async def dismiss_incident(
    incident_id: str,
    request: DismissRequest,
    actions: ManualActionsDep,
    caller: Admin,
    manner: MannerDep,
    key: Key = None,
) -> ActionView:
    """Its alert opens another incident only after its condition was seen to be over."""
    order = order_of(caller, request, manner, key)
    return ActionView.after(await actions.dismiss(incident_id, order), order)
