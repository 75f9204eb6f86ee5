"""Changes at a stand, for the crew's app, by long poll."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, JsonValue
from service_catalogue.models import Titles
from wanderamt.backbone.supervision import wait_for_signal
from wanderamt.contracts import Language
from wanderamt.shell.problems import or_refuse

from intake.api.cases import CaseOut, case_out
from intake.api.dependencies import ChangesReader, ClerkAtStand, Context
from intake.domain.answer_review import reviewed_answers
from intake.domain.case.case_events import FieldValue
from intake.domain.case.explanations import explanation_of
from intake.domain.catalogue.catalogue import PinnedEdition
from intake.handlers.change_waits import ChangeWait
from intake.handlers.changes import Changes, changes_since
from intake.handlers.context import IntakeContext
from intake.store.case_statements import CaseRecord

MAX_WAIT_S = 25
FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 1.0  # until a change that an older transaction hides is visible

router = APIRouter(tags=["field"])


class ReviewedValueOut(BaseModel):
    titles: dict[Language, str]
    value: str = Field(description="As printed, in the language of the case.")


class RegisterAnswerOut(BaseModel):
    """What a register answered to a call. `facts`: proposals for answers of the form, by code."""

    call: str
    titles: dict[Language, str]
    rows: list[ReviewedValueOut]
    facts: dict[str, JsonValue]


class ChangedCaseOut(CaseOut):
    """A case with its form, so that another device of the stand can continue it.

    `version` is the base version of what that device adds. `explanation`: the sentence for the citizen, by language, if
    the case cannot go on as it is.
    """

    form: dict[str, FieldValue]
    answers: list[RegisterAnswerOut]
    explanation: dict[str, str] | None = None


class ChangesOut(BaseModel):
    """Cases as they are now, each once. Store the whole page, then `cursor`, and send it with the next request.

    `durable_through`: the server keeps every entry of the device up to this sequence; the device may delete them
    after 14 days. `reset`: the server was restored from a backup. Forget its earlier answers, and send the entries of
    the last 14 days again.
    """

    cases: list[ChangedCaseOut]
    cursor: str
    more: bool
    reset: bool
    durable_through: int
    server_epoch: str
    server_time: datetime = Field(description="Shows how far the device's clock is off. It orders nothing.")


@router.get(
    "/changes",
    response_model=ChangesOut,
    responses={204: {"description": "Nothing changed, and the wait was ended. Ask again."}},
)
async def show_changes(
    caller: ChangesReader,
    context: Context,
    cursor: Annotated[str, Query(max_length=200)] = "",
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="How long to wait for a change.")] = 0,
    acked: Annotated[int, Query(ge=0, le=2**53, description="The highest device_seq ever answered.")] = 0,
) -> Any:
    """What changed since `cursor` at the stand that the token names. No cases: nothing changed while we waited.

    One request of a device waits: a newer one ends it with 204, and so does a service that stops.
    """
    question = (cursor, acked)
    if not wait_s:
        return _changes_out(*await _look(question, caller, context), context)
    until = asyncio.get_running_loop().time() + wait_s
    with context.change_waits.waiting(caller.device_id, caller.stand_id) as waiting:
        return await _wait_for_changes(question, caller, context, wait=or_refuse(waiting), until=until)


async def _wait_for_changes(
    question: tuple[str, int], caller: ClerkAtStand, context: IntakeContext, *, wait: ChangeWait, until: float
) -> ChangesOut | Response:
    """Looks at the beginning, after each notification, and at the end, in case that one was lost."""
    loop = asyncio.get_running_loop()
    pause_s = FIRST_PAUSE_S
    while True:
        wait.signal.clear()
        changes, now = await _look(question, caller, context)
        remaining = until - loop.time()
        if changes.cases or changes.reset or remaining <= 0:
            return _changes_out(changes, now, context)
        if not wait.ended:
            await wait_for_signal(wait.signal, min(remaining, pause_s if changes.unsettled else remaining))
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
        if wait.ended:
            return Response(status_code=204)


async def _look(question: tuple[str, int], caller: ClerkAtStand, context: IntakeContext) -> tuple[Changes, datetime]:
    """In a transaction of its own: none is open while a request waits."""
    cursor, acked = question
    async with context.database.unit_of_work() as uow:
        changes = await changes_since(
            cursor,
            uow,
            device_id=caller.device_id,
            stand_id=caller.stand_id,
            officer=caller.officer,
            session_id=caller.session_id,
            acked=acked,
            cipher=context.cipher,
        )
        return or_refuse(changes), uow.now


def titles_out(titles: Titles) -> dict[Language, str]:
    return {language: titles.in_language(language) for language in Language}


def _changed_case_out(record: CaseRecord, changes: Changes, context: IntakeContext) -> ChangedCaseOut:
    case = record.case
    pinned = context.catalogue.pinned_edition(case.edition)
    answers, sentence = [], None
    if isinstance(pinned, PinnedEdition):
        sentence = explanation_of(pinned.edition, case.because)
        answers = [
            RegisterAnswerOut(
                call=answer.call,
                titles=titles_out(answer.titles),
                rows=[ReviewedValueOut(titles=titles_out(row.titles), value=row.value) for row in answer.rows],
                facts=answer.facts,
            )
            for answer in reviewed_answers(case, pinned.edition)
        ]
    return ChangedCaseOut(
        **case_out(record, context.catalogue, missing=changes.missing_scans).model_dump(),
        form=dict(case.form),
        answers=answers,
        explanation={"de": sentence.de, "en": sentence.en} if sentence else None,
    )


def _changes_out(changes: Changes, now: datetime, context: IntakeContext) -> ChangesOut:
    return ChangesOut(
        cases=[_changed_case_out(record, changes, context) for record in changes.cases],
        cursor=str(changes.cursor),
        more=changes.more,
        reset=changes.reset,
        durable_through=changes.durable_through,
        server_epoch=changes.cursor.epoch,
        server_time=now,
    )
