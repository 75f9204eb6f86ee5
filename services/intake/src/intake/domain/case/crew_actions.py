"""Actions of the crew: open, fill in, identify, see documents, take the fee, give a provisional document."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from service_catalogue.latin_letters import is_latin
from wanderamt.contracts import Language
from wanderamt.kernel.ids import DeviceId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.case_events import (
    CaseHistoryEvent,
    Compensated,
    FieldValue,
    Filled,
    Finished,
    Form,
    Identified,
    Opened,
    Paid,
    PaymentMethod,
    ProvisionalDocumentGiven,
    RegisterAsked,
    RequiredDocumentSeen,
)
from intake.domain.case.state import BIRTH_DATE, BIRTH_YEAR, BPK, NAME_FIELDS, Case, CaseState
from intake.domain.case.steps import (
    FACT_PREFIX,
    SATISFIED_BY,
    bill_of,
    blocking_step,
    next_pending_step,
    required_documents,
)
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import application_day
from intake.domain.catalogue.service_definition import Edition, Identification, Step, invalid_facts
from intake.domain.refusals import (
    ALREADY_PAID,
    CASE_ENDED,
    CASE_EXISTS,
    DOCUMENT_NOT_REQUIRED,
    IDENTIFICATION_TOO_WEAK,
    PROVISIONAL_ALREADY_GIVEN,
    PROVISIONAL_NOT_NEEDED,
    REGISTER_ALREADY_ASKED,
    STEP_NOT_IN_SERVICE,
    WRONG_DOCUMENT_HANDLING,
    invalid_field,
    step_too_early,
    wrong_amount,
)

NewEvents = tuple[CaseHistoryEvent, ...]

APPLICANT = "applicant."
FORM_FIELDS: dict[str, type] = {
    "applicant.given_name": str,
    "applicant.family_name": str,
    "applicant.birth_date": date,
    "applicant.birth_year": int,  # if day or month are unknown; nobody invents a date
    BPK: str,
    "contact.phone": str,
    "contact.email": str,
    "contact.prefer": str,
    "contact.language": str,
    "contact.consent": str,
}
OWNER_DEADLINE = timedelta(days=1)  # after that the case escalates as overdue


class NewCase(NamedTuple):
    service: str
    language: Language
    stand_id: StandId
    device_id: DeviceId
    officer: str
    captured_at: datetime
    number: str | None
    form: Mapping[str, FieldValue]
    appointment_id: UUID | None = None


def open_case(case: Case | None, new: NewCase, catalogue: Catalogue, *, now: datetime) -> NewEvents | Refusal:
    if case:
        return CASE_EXISTS
    day = application_day(new.captured_at, now=now)
    pinned = catalogue.edition_on(new.service, day)
    if isinstance(pinned, Refusal):
        return pinned
    form = parse_facts(new.form, pinned.edition)
    if fault := next(_invalid_fields(form, pinned.edition), None):
        return invalid_field(fault)
    opened = Opened(
        service=pinned.service,
        edition=pinned.version,
        stand_id=new.stand_id,
        device_id=new.device_id,
        language=new.language,
        owner=new.officer,
        captured_at=new.captured_at,
        application_day=day,
        number=new.number,
        deadline=now + OWNER_DEADLINE,
        appointment_id=new.appointment_id,
    )
    return (opened, Filled(form)) if form else (opened,)


def parse_facts(form: Form, edition: Edition) -> Form:
    """Parses what is of kind date. A text that is no date stays as it is; the check of the fields refuses it."""
    dates = [name for code in edition.dates if (name := FACT_PREFIX + code) in form]
    if isinstance(form.get(BIRTH_DATE), str):  # of a conflict; an entry has it parsed
        dates.append(BIRTH_DATE)
    return {**form, **{name: _parse_date(form[name]) for name in dates}} if dates else form


def fill(case: Case, edition: Edition, fields: Mapping[str, FieldValue]) -> NewEvents | Refusal:
    """Refuses changes of the applicant after a register query, and of facts after the fee is settled."""
    if case.ended:
        return CASE_ENDED
    if fault := next(_invalid_fields(fields, edition), None):
        return invalid_field(fault)
    changed = {name: value for name, value in fields.items() if case.form.get(name) != value}
    if not changed:
        return ()
    if (case.request_id or case.confirmed) and any(name.startswith(APPLICANT) for name in changed):
        return REGISTER_ALREADY_ASKED
    if case.settled and any(name.startswith(FACT_PREFIX) for name in changed):
        return ALREADY_PAID
    return (Filled(changed),)


def identify(case: Case, edition: Edition, level: Identification) -> NewEvents | Refusal:
    if refusal := _refuse_step(case, edition, Step.IDENTIFY):
        return refusal
    if level not in SATISFIED_BY[edition.identification]:
        return IDENTIFICATION_TOO_WEAK
    return () if case.identified is level else (Identified(level),)


def record_document_seen(case: Case, edition: Edition, seen: RequiredDocumentSeen) -> NewEvents | Refusal:
    if refusal := _refuse_step(case, edition, Step.PAPERS):
        return refusal
    document = next((document for document in edition.papers if document.code == seen.code), None)
    if not document or document not in required_documents(case, edition)[0]:
        return DOCUMENT_NOT_REQUIRED
    if document.handling is not seen.handling:
        return WRONG_DOCUMENT_HANDLING
    known = seen.code in case.documents_seen and (not seen.attachment_id or seen.attachment_id in case.attachments)
    return () if known else (seen,)


def pay(case: Case, edition: Edition, paid: Paid) -> NewEvents | Refusal:
    """The charged amount must be the fee of the pinned edition, or zero if the fee is waived."""
    if case.settled:
        return ALREADY_PAID
    if refusal := _refuse_step(case, edition, Step.FEE):
        return refusal
    bill = bill_of(case, edition)
    if isinstance(bill, Refusal):
        return bill
    owed = 0 if paid.payment is PaymentMethod.WAIVED else bill.total_cents
    return (paid,) if paid.cents == owed else wrong_amount(owed)


def give_provisional_document(case: Case, document: ProvisionalDocumentGiven) -> NewEvents | Refusal:
    """Recorded even if the case has ended meanwhile: the citizen holds it. It is valid if the case is.

    If the register has denied the applicant meanwhile, the case ends as it does when that answer comes later. Refused
    before the steps at the desk are done.
    """
    if case.provisional_document:
        return PROVISIONAL_ALREADY_GIVEN
    if case.state is CaseState.OPEN:
        return PROVISIONAL_NOT_NEEDED
    if case.denied and not case.ended:
        return document, Compensated(case.denied, case.paid_cents)
    return (document,)


def advance(case: Case, edition: Edition, *, request_id: RequestId, now: datetime) -> NewEvents:
    """The events that follow automatically: the case queries its register, or it is finished."""
    if case.state is not CaseState.OPEN:
        return ()
    pending = next_pending_step(case, edition, except_step=Step.FEE)
    if pending and pending.step is Step.REGISTER:
        if not _applicant_named(case):
            return ()  # the query needs an applicant
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
    return () if next_pending_step(case, edition) else (Finished(),)


def _applicant_named(case: Case) -> bool:
    """Whether the form identifies the applicant well enough for a register query."""
    form = case.form
    for name in NAME_FIELDS:
        if not form.get(name):
            return False
    return bool(form.get(BIRTH_DATE) or form.get(BIRTH_YEAR))


def _refuse_step(case: Case, edition: Edition, step: Step) -> Refusal | None:
    if case.ended:
        return CASE_ENDED
    if step not in edition.steps:
        return STEP_NOT_IN_SERVICE
    blocking = blocking_step(case, edition, step)
    return step_too_early(step, blocking.step) if blocking else None


def _parse_date(value: FieldValue) -> FieldValue:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _invalid_fields(fields: Mapping[str, FieldValue], edition: Edition) -> Iterator[str]:
    facts = {}
    for name, value in fields.items():
        if name.startswith(FACT_PREFIX):
            facts[name[len(FACT_PREFIX) :]] = value
        elif not (expected := FORM_FIELDS.get(name)):
            yield f"{name}: this field does not exist"
        elif value is not None and type(value) is not expected:
            yield f"{name}: expected {expected.__name__}"
        elif name in NAME_FIELDS and (edition.calls or edition.outputs) and not is_latin(str(value or "")):
            yield f"{name}: registers and documents accept Latin letters only; write it as in the passport"
    yield from invalid_facts(edition, facts)
