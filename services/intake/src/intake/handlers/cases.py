"""Cases from behind the stand: the register's answers, the orders of the office, the clock; and what is shown."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.contracts import RegisterAnswered
from wanderamt.kernel.ids import CaseId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import Sealer

from intake.domain.catalogue.book import Book
from intake.domain.documents import Document
from intake.domain.process import desk, office
from intake.domain.process.case import Case, then
from intake.domain.process.desk import Happenings
from intake.domain.process.happening import FieldValue
from intake.domain.process.intent import Act, follow
from intake.domain.refusals import CONFLICT_DECIDED, NO_CASE, NO_CONFLICT
from intake.handlers.filing import By, Filing, lock
from intake.store import attachments, cases, conflicts, documents
from intake.store.cases import Filed
from intake.store.conflicts import Conflict

LATE_AT_ONCE = 100
CLOCK = By("clock")


class Choice(StrEnum):
    """Which of the two values of a conflict counts."""

    HERE = "here"
    THEIRS = "theirs"


async def on_register_answered(event: RegisterAnswered, work: Work, *, sealer: Sealer, book: Book) -> None:
    filing = await lock([CaseId(event.case_id)], work, sealer=sealer)
    request_id, verdict = RequestId(event.request_id), event.verdict
    await _act(
        filing,
        CaseId(event.case_id),
        lambda case, _: office.hear_register(case, request_id, verdict, now=work.now),
        book,
        By(f"register {event.register_name}"),
    )


async def hand_over(
    case_id: CaseId, work: Work, *, to: str, reason: str, deadline: datetime, officer: str, sealer: Sealer, book: Book
) -> Filed | Refusal:
    def decide(case: Case) -> Happenings | Refusal:
        return office.hand_over(case, to=to, reason=reason, deadline=deadline)

    return await _order(case_id, work, decide, officer, sealer, book)


async def withdraw(case_id: CaseId, work: Work, *, officer: str, sealer: Sealer, book: Book) -> Filed | Refusal:
    return await _order(case_id, work, office.withdraw, officer, sealer, book)


async def close(case_id: CaseId, work: Work, *, officer: str, sealer: Sealer, book: Book) -> Filed | Refusal:
    return await _order(case_id, work, office.close, officer, sealer, book)


async def reopen(
    case_id: CaseId, work: Work, *, reason: str, officer: str, sealer: Sealer, book: Book
) -> Filed | Refusal:
    def decide(case: Case) -> Happenings | Refusal:
        return office.reopen(case, by=officer, reason=reason, now=work.now)

    return await _order(case_id, work, decide, officer, sealer, book)


async def raise_late_cases(work: Work, *, to: str, sealer: Sealer) -> int:
    """Gives cases whose deadline has passed to whoever answers for late ones. How many; call again while there are."""
    late = await cases.lock_late_cases(work, sealer, limit=LATE_AT_ONCE)
    filing = Filing(work, sealer, {filed.case.id: filed for filed in late})
    for filed in late:
        happened = office.raise_overdue(filed.case, to=to, now=work.now)
        filing.turn(then(filed.case, happened), happened, CLOCK)
    await filing.close()
    return len(late)


async def decide_conflict(
    conflict_id: UUID, work: Work, *, choice: Choice, officer: str, sealer: Sealer, book: Book
) -> Refusal | None:
    conflict = await conflicts.lock_conflict(work, conflict_id)
    if not conflict:
        return NO_CONFLICT
    if conflict.taken:
        return CONFLICT_DECIDED
    if choice is Choice.THEIRS:
        filing = await lock([conflict.case_id], work, sealer=sealer)
        theirs = read_clash(conflict, sealer)["theirs"]
        refusal = await _act(
            filing,
            conflict.case_id,
            lambda case, edition: desk.fill(case, edition, desk.read_facts({conflict.name: theirs}, edition)),
            book,
            By(officer),
        )
        if refusal:
            return refusal
    await conflicts.decide_conflict(work, conflict_id, officer=officer, taken=choice)
    return None


def read_clash(conflict: Conflict, sealer: Sealer) -> dict[str, FieldValue]:
    """The values `base`, `here` and `theirs`."""
    values: dict[str, FieldValue] = json.loads(sealer.open(conflict.clash))
    return values


async def show_case(case_id: CaseId, work: Work, *, sealer: Sealer) -> tuple[Filed, Document | None] | Refusal:
    filed = await cases.find_case(work, case_id, sealer)
    return (filed, await documents.find_document_of_case(work, case_id)) if filed else NO_CASE


async def scans_on_devices(work: Work, filed: Iterable[Filed]) -> set[UUID]:
    """Scans of these cases that have not come yet, or not whole."""
    return await attachments.missing_among(work, {scan for one in filed for scan in one.case.attachments})


async def show_conflicts(stand_id: StandId, work: Work, *, limit: int) -> list[Conflict]:
    return await conflicts.open_conflicts(work, stand_id, limit=limit)


async def _order(
    case_id: CaseId,
    work: Work,
    decide: Callable[[Case], Happenings | Refusal],
    officer: str,
    sealer: Sealer,
    book: Book,
) -> Filed | Refusal:
    filing = await lock([case_id], work, sealer=sealer)
    if case_id not in filing.files:
        return NO_CASE
    refusal = await _act(filing, case_id, lambda case, _: decide(case), book, By(officer))
    return refusal or filing.files[case_id]


async def _act(filing: Filing, case_id: CaseId, one: Act, book: Book, by: By) -> Refusal | None:
    """One act on a case that is locked, with what the case does by itself after it. Nothing without a case."""
    filed = filing.files.get(case_id)
    if not filed:
        return None
    pinned = book.pinned(filed.case.edition)
    if isinstance(pinned, Refusal):
        return pinned
    request_id = RequestId(filing.work.new_id())
    done = follow(filed.case, pinned.edition, [one], request_id=request_id, now=filing.work.now)
    if isinstance(done, Refusal):
        return done
    filing.turn(done.case, done.happened, by)
    await filing.close()
    return None
