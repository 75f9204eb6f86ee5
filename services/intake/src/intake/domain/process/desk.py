"""What the crew at the stand does to a case: open, fill, identify, see papers, take the fee, give a receipt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from wanderamt.contracts import Language
from wanderamt.kernel.ids import DeviceId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.book import Book
from intake.domain.catalogue.due import application_day
from intake.domain.catalogue.offer import Edition, Identification, Step, facts_wrong
from intake.domain.catalogue.words import FactKind
from intake.domain.names import is_latin
from intake.domain.process.case import BPK, Case, CaseState
from intake.domain.process.happening import (
    FieldValue,
    Filled,
    Finished,
    Form,
    Happening,
    Identified,
    Opened,
    Paid,
    PaperSeen,
    Payment,
    ReceiptGiven,
    RegisterAsked,
)
from intake.domain.process.steps import FACT, SATISFIED_BY, Waiting, before, bill_of, papers_of, waiting_for
from intake.domain.refusals import (
    ALREADY_PAID,
    CASE_ENDED,
    CASE_EXISTS,
    IDENTIFICATION_TOO_WEAK,
    PAPER_HANDLING,
    PAPER_UNKNOWN,
    QUESTION_ASKED,
    RECEIPT_GIVEN,
    RECEIPT_NOT_NEEDED,
    STEP_NOT_TAKEN,
    field_wrong,
    step_too_early,
    wrong_amount,
)

Happenings = tuple[Happening, ...]

APPLICANT = "applicant."
FIELDS: dict[str, type] = {
    "applicant.given_name": str,
    "applicant.family_name": str,
    "applicant.birth_date": date,
    "applicant.birth_year": int,  # where the day or month is not known: never invented
    BPK: str,
    "contact.phone": str,
    "contact.email": str,
    "contact.prefer": str,
    "contact.language": str,
    "contact.consent": str,
}
NAMES = ("applicant.given_name", "applicant.family_name")
BORN = ("applicant.birth_date", "applicant.birth_year")
OPEN_FOR = timedelta(days=1)  # by the end of that the owner has acted, or the clock raises it


@dataclass(frozen=True, slots=True)
class Opening:
    service: str
    language: Language
    stand_id: StandId
    device_id: DeviceId
    officer: str
    captured_at: datetime
    number: str | None
    form: Mapping[str, FieldValue]
    appointment_id: UUID | None = None


def open_case(case: Case | None, opening: Opening, book: Book, *, now: datetime) -> Happenings | Refusal:
    if case:
        return CASE_EXISTS
    day = application_day(opening.captured_at, now=now)
    pinned = book.on(opening.service, day)
    if isinstance(pinned, Refusal):
        return pinned
    form = read_facts(opening.form, pinned.edition)
    if wrong := next(_wrong(form, pinned.edition), None):
        return field_wrong(wrong)
    opened = Opened(
        service=pinned.service,
        edition=pinned.version,
        stand_id=opening.stand_id,
        device_id=opening.device_id,
        language=opening.language,
        owner=opening.officer,
        captured_at=opening.captured_at,
        application_day=day,
        number=opening.number,
        deadline=now + OPEN_FOR,
        appointment_id=opening.appointment_id,
    )
    return (opened, Filled(form)) if form else (opened,)


def read_facts(form: Form, edition: Edition) -> dict[str, FieldValue]:
    """With dates where facts of kind date came as text. What is no date stays, and is refused as what it is."""
    dates = {FACT + fact.code for fact in edition.facts if fact.kind is FactKind.DATE}
    return {name: _date(value) if name in dates else value for name, value in form.items()}


def fill(case: Case, edition: Edition, fields: Mapping[str, FieldValue]) -> Happenings | Refusal:
    """The applicant stays as the register was asked about them, and what a paid fee was priced by stays too."""
    if case.ended:
        return CASE_ENDED
    if wrong := next(_wrong(fields, edition), None):
        return field_wrong(wrong)
    changed = {name: value for name, value in fields.items() if case.form.get(name) != value}
    if not changed:
        return ()
    if (case.request_id or case.confirmed) and any(name.startswith(APPLICANT) for name in changed):
        return QUESTION_ASKED
    if case.settled and any(name.startswith(FACT) for name in changed):
        return ALREADY_PAID
    return (Filled(changed),)


def identify(case: Case, edition: Edition, level: Identification) -> Happenings | Refusal:
    if refusal := _not_now(case, edition, Step.IDENTIFY):
        return refusal
    if level not in SATISFIED_BY[edition.identification]:
        return IDENTIFICATION_TOO_WEAK
    return () if case.identified is level else (Identified(level),)


def see_paper(case: Case, edition: Edition, seen: PaperSeen) -> Happenings | Refusal:
    if refusal := _not_now(case, edition, Step.PAPERS):
        return refusal
    paper = next((one for one in edition.papers if one.code == seen.code), None)
    if not paper or paper not in papers_of(case, edition)[0]:
        return PAPER_UNKNOWN
    if paper.handling is not seen.handling:
        return PAPER_HANDLING
    known = seen.code in case.papers and (not seen.attachment_id or seen.attachment_id in case.attachments)
    return () if known else (seen,)


def pay(case: Case, edition: Edition, paid: Paid) -> Happenings | Refusal:
    """What the device charged must be what the pinned edition says, or nothing where it is waived."""
    if case.settled:
        return ALREADY_PAID
    if refusal := _not_now(case, edition, Step.FEE):
        return refusal
    bill = bill_of(case, edition)
    if isinstance(bill, Refusal):
        return bill
    owed = 0 if paid.payment is Payment.WAIVED else bill.total_cents
    return (paid,) if paid.cents == owed else wrong_amount(owed)


def give_receipt(case: Case, receipt: ReceiptGiven) -> Happenings | Refusal:
    """The citizen has this paper in hand, whatever was heard meanwhile: it is kept, and counts if the case does.

    Before the steps at the desk are done there is nothing to give.
    """
    if case.receipt:
        return RECEIPT_GIVEN
    return RECEIPT_NOT_NEEDED if case.state is CaseState.OPEN else (receipt,)


def proceed(case: Case, edition: Edition, *, request_id: RequestId, now: datetime) -> Happenings:
    """What the case does by itself once a step is done: it asks its register, or it is finished."""
    if case.state is not CaseState.OPEN:
        return ()
    waiting = waiting_for(case, edition, leaving_out=Step.FEE)
    if waiting and waiting.step is Step.REGISTER:
        if not _known(case):
            return ()  # nobody to ask about yet
        return tuple(
            RegisterAsked(
                request_id=request_id,
                register_name=call.register_name,
                operation=call.operation,
                purpose=call.purpose,
                deadline=now + timedelta(seconds=call.deadline_s),
            )
            for call in edition.calls
        )
    return () if waiting_for(case, edition) else (Finished(),)


def _known(case: Case) -> bool:
    """Whether there is somebody to ask a register about."""
    named = all(case.form.get(name) for name in NAMES)
    return named and any(case.form.get(name) for name in BORN)


def _not_now(case: Case, edition: Edition, step: Step) -> Refusal | None:
    if case.ended:
        return CASE_ENDED
    if step not in edition.steps:
        return STEP_NOT_TAKEN
    earlier: Waiting | None = before(case, edition, step)
    return step_too_early(step, earlier.step) if earlier else None


def _date(value: FieldValue) -> FieldValue:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _wrong(fields: Mapping[str, FieldValue], edition: Edition) -> Iterator[str]:
    facts = {}
    for name, value in fields.items():
        if name.startswith(FACT):
            facts[name.removeprefix(FACT)] = value
        elif name not in FIELDS:
            yield f"{name}: there is no such field"
        elif value is not None and type(value) is not FIELDS[name]:
            yield f"{name}: expected {FIELDS[name].__name__}"
        elif name in NAMES and (edition.calls or edition.outputs) and not is_latin(str(value or "")):
            yield f"{name}: registers and papers take Latin letters alone; write it as the passport does"
    yield from facts_wrong(edition, facts)
