"""Prints a letter for each citizen who must come again. The printer is slow and sometimes off: that is a job's work.

The event is handled when the job is stored, in one transaction. The job runs until the letter is printed or a person
must decide.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from pydantic import Field
from wanderamt.backbone.jobs.handler import JobHandler, JobResult, complete_each, prepare_each
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import CaseNeedsVisit, VisitReason, case_code
from wanderamt.kernel.decision import Attempt, DeadlineExceeded, Job, NeedsOperator
from wanderamt.shell.service import Service, ServiceContext
from wanderamt.shell.settings import ServiceSettings

consumer = EventConsumer("letter-printer")


class LetterSettings(ServiceSettings):
    letter_folder: Path = Field(description="folder from which the printer takes its letters")


class PrintLetter(Job):
    QUEUE: ClassVar[str] = "letters"
    KEY: ClassVar[str] = "case_id"  # letters about one case are printed in order
    DEADLINE_S: ClassVar[int] = 24 * 3600

    case_id: UUID
    reason: VisitReason


@consumer.on(CaseNeedsVisit)
async def on_case_needs_visit(event: CaseNeedsVisit, uow: UnitOfWork) -> None:
    uow.enqueue(PrintLetter(case_id=event.case_id, reason=event.reason))


async def prepare(job: PrintLetter, _attempt: Attempt, _uow: UnitOfWork) -> PrintLetter:
    """In a transaction: what `execute` needs. A real service would read the address here."""
    return job


async def execute(letter: PrintLetter, *, folder: Path) -> str:
    """Outside of any transaction. After an error it runs again, so it must be harmless twice: the file is the same."""
    file = f"{case_code(letter.case_id)}.txt"
    await asyncio.to_thread((folder / file).write_text, f"Please come to us again. Reason: {letter.reason}\n")
    return file


async def complete(job: PrintLetter, outcome: str | DeadlineExceeded, uow: UnitOfWork) -> JobResult:
    """In a transaction: records the outcome, and says what becomes of the job. None: it is done."""
    if isinstance(outcome, DeadlineExceeded):
        return NeedsOperator(outcome.reason)
    uow.log_outcome("letter.printed", case_id=str(job.case_id), file=outcome)
    return None


def build() -> Service:
    settings = LetterSettings()
    context = ServiceContext.create("letter-printer", settings)
    letters = JobHandler(
        job=PrintLetter,
        prepare=prepare_each(prepare),
        execute=partial(execute, folder=settings.letter_folder),
        complete=complete_each(complete),
    )
    return Service(context, {"jobs": context.jobs([letters]), "inbox": context.inbox(consumer)})
