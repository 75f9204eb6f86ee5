"""Actions of the crew: open, fill in, identify, see documents, take the fee, give a provisional document."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pydantic import JsonValue
from service_catalogue.latin_letters import is_latin
from wanderamt.contracts import Language
from wanderamt.kernel.ids import CaseId, DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.case.back_office_actions import reopen_and_act
from intake.domain.case.case_events import (
    CallsOutdated,
    CaseHistoryEvent,
    Compensated,
    FieldValue,
    Filled,
    Form,
    Identified,
    Opened,
    Paid,
    PaymentMethod,
    ProvisionalDocumentGiven,
    ProvisionalRevoked,
    Reopened,
    RequiredDocumentSeen,
)
from intake.domain.case.deadlines import refusing_deadline
from intake.domain.case.fold import apply, apply_all, concern_the_matter
from intake.domain.case.process import NewEvents, broken_rule
from intake.domain.case.state import BIRTH_DATE, BPK, CORRECTED, NAME_FIELDS, CallStatus, Case, CaseState
from intake.domain.case.steps import SATISFIED_BY, bill_of, blocking_step, required_documents
from intake.domain.case.values import missing_facts, values_of
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import application_day
from intake.domain.catalogue.register_calls import APPLICANT_PREFIX
from intake.domain.catalogue.service_definition import (
    FACT_PREFIX,
    Edition,
    Ending,
    Identification,
    Step,
    canonical_facts,
)
from intake.domain.catalogue.value_types import AGE_YEARS, APPLICANT
from intake.domain.refusals import (
    ALREADY_PAID,
    CASE_ENDED,
    CASE_EXISTS,
    COMMAND_ON_ITS_WAY,
    DOCUMENT_NOT_REQUIRED,
    IDENTIFICATION_TOO_WEAK,
    PROVISIONAL_ALREADY_GIVEN,
    PROVISIONAL_NOT_ALLOWED,
    PROVISIONAL_NOT_NEEDED,
    STEP_NOT_IN_SERVICE,
    WRONG_DOCUMENT_HANDLING,
    invalid_field,
    not_admitted,
    step_too_early,
    wrong_amount,
)

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


def open_case(
    case_id: CaseId, case: Case | None, new: NewCase, catalogue: Catalogue, *, now: datetime
) -> NewEvents | Refusal:
    if case:
        return CASE_EXISTS
    day = application_day(new.captured_at, catalogue.calendar, now=now)
    pinned = catalogue.edition_on(new.service, day)
    if isinstance(pinned, Refusal):
        return pinned
    edition = pinned.edition
    if edition.ending is Ending.ELSEWHERE and edition.competence.elsewhere:
        return not_admitted("elsewhere", edition.competence.elsewhere.in_language(new.language))
    form = checked_form(new.form, edition, catalogue)
    if isinstance(form, Refusal):
        return form
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
    events: NewEvents = (opened, Filled(form)) if form else (opened,)
    if not edition.admission and not edition.deadlines:
        return events
    refusal = _refuse_admission(apply_all(apply(None, opened, case_id), events[1:]), edition)
    return refusal or events


def checked_form(form: Form, edition: Edition, catalogue: Catalogue) -> Form | Refusal:
    """The fields with canonical facts; None empties a field."""
    facts: dict[str, JsonValue] = {}
    for name, value in form.items():
        if name.startswith(FACT_PREFIX):
            facts[name[len(FACT_PREFIX) :]] = value.isoformat() if isinstance(value, date) else value
        elif fault := _fault_of_field(name, value, edition):
            return invalid_field(f"{name}: {fault}")
    if not facts:
        return form
    canonical = canonical_facts(edition, facts, catalogue.streets)
    if isinstance(canonical, str):
        return invalid_field(canonical)
    return {**form, **{FACT_PREFIX + code: value for code, value in canonical.items()}}


def parse_birth_date(form: Form) -> Form:
    """Of a conflict, where it is a text; an entry has it parsed. A text that is no date stays as it is."""
    typed = form.get(BIRTH_DATE)
    if not isinstance(typed, str):
        return form
    try:
        return {**form, BIRTH_DATE: date.fromisoformat(typed)}
    except ValueError:
        return form


def fill(case: Case, edition: Edition, fields: Form) -> NewEvents | Refusal:
    """What depends on a corrected field is asked again. Refuses a change of the fee once it is settled, and a change of
    what a command on its way is writing. `fields`: see `checked_form`."""
    if case.ended:
        return CASE_ENDED
    changed = {name: value for name, value in fields.items() if case.form.get(name) != value}
    if not changed:
        return ()
    filled = Filled(changed)
    if not concern_the_matter(changed):
        return (filled,)
    after = apply(case, filled, case.id)
    if case.settled and bill_of(after, edition) != bill_of(case, edition):
        return ALREADY_PAID
    if refusal := _refuse_admission(after, edition):
        return refusal
    outdated = outdated_calls(case, edition, changed)
    if outdated is None:
        return COMMAND_ON_ITS_WAY
    events: list[CaseHistoryEvent] = [filled]
    if outdated:
        events.append(outdated)
    if case.provisional_document:
        events.append(ProvisionalRevoked(case.provisional_document.document_id))
    return tuple(events)


def correct(case: Case, edition: Edition, fields: Form, *, officer: str, now: datetime) -> NewEvents | Refusal:
    """As `fill`, also of a finished case: it is reopened, its document is revoked, what commands wrote otherwise is
    undone and sent again, and registers are asked again."""
    if case.state is not CaseState.FINAL:
        return fill(case, edition, fields)
    reopened = Reopened(officer, CORRECTED, now + OWNER_DEADLINE)
    changed = [name for name, value in fields.items() if case.form.get(name) != value]
    if not concern_the_matter(changed):
        return CASE_ENDED if changed else ()
    return reopen_and_act(case, (reopened,), lambda opened: fill(opened, edition, fields))


def outdated_calls(case: Case, edition: Edition, changed: Iterable[str]) -> CallsOutdated | tuple[()] | None:
    """The calls whose questions, or whose need, depend on the changed fields. None: such a command is on its way."""
    names = set(_value_names(changed))
    dependent = {code for name in names for code in edition.calls_after.get(name, ())}
    broken = case.because and not any(call.status is CallStatus.DENIED for call in case.calls.values())
    states = {code: state for code in dependent if (state := case.calls.get(code))}
    if any(state.command and state.status is CallStatus.ASKED for state in states.values()):
        return None
    done = {code for code, state in states.items() if state.command and state.status is CallStatus.DONE}
    again = {code for code, state in states.items() if not state.in_register}
    if not done and not again and not broken:
        return ()
    order = [call.code for call in edition.calls]
    return CallsOutdated(tuple(sorted(again, key=order.index)), tuple(sorted(done, key=order.index)))


def ask_again(case: Case) -> NewEvents | Refusal:
    """Repeats what registers did not answer, refused, or could not be asked: somebody has mended the cause. A case that
    was reopened and needs nothing of that is finished again as it is."""
    if case.ended and not any(call.status is CallStatus.UNDO_BLOCKED for call in case.calls.values()):
        return CASE_ENDED
    failed = {CallStatus.DENIED, CallStatus.UNAVAILABLE, CallStatus.BLOCKED}
    again = tuple(code for code, call in case.calls.items() if call.status in failed)
    undo = tuple(code for code, call in case.calls.items() if call.status is CallStatus.UNDO_BLOCKED)
    return (CallsOutdated(again, undo),) if again or undo or case.reopened else ()


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


def give_provisional_document(case: Case, edition: Edition, document: ProvisionalDocumentGiven) -> NewEvents | Refusal:
    """Recorded even if the case has ended meanwhile: the citizen holds it. It is valid if the case is.

    If the register has denied the applicant meanwhile, the case ends as it does when that answer comes later. Refused
    before the steps at the desk are done.
    """
    if case.provisional_document:
        return PROVISIONAL_ALREADY_GIVEN
    if not edition.outputs or not edition.outputs[0].provisional:
        return PROVISIONAL_NOT_ALLOWED
    if case.state is CaseState.OPEN:
        return PROVISIONAL_NOT_NEEDED
    if case.denied and not case.ended:
        return document, Compensated(case.denied, case.paid_cents, because=case.because)
    return (document,)


def _refuse_step(case: Case, edition: Edition, step: Step) -> Refusal | None:
    if case.ended:
        return CASE_ENDED
    if step not in edition.steps:
        return STEP_NOT_IN_SERVICE
    blocking = blocking_step(case, edition, step)
    return step_too_early(step, blocking.step) if blocking else None


def _refuse_admission(case: Case, edition: Edition) -> Refusal | None:
    values = values_of(case, edition)
    if missing_facts(edition, values):
        return None  # the form is not complete yet
    if rule := broken_rule(edition, values):
        return not_admitted(rule.code, rule.refusal.in_language(case.language))
    missed = refusing_deadline(case, edition, values)
    if missed and missed.refusal:
        return not_admitted(missed.code, missed.refusal.in_language(case.language))
    return None


def _value_names(changed: Iterable[str]) -> Iterator[str]:
    for name in changed:
        if name.startswith(FACT_PREFIX):
            yield name[len(FACT_PREFIX) :]
        elif name.startswith(APPLICANT_PREFIX):
            yield APPLICANT
            if name == BIRTH_DATE:
                yield AGE_YEARS


def _fault_of_field(name: str, value: FieldValue, edition: Edition) -> str:
    expected = FORM_FIELDS.get(name)
    if not expected:
        return f"this field does not exist; there are: {', '.join(FORM_FIELDS)}"
    if value is not None and type(value) is not expected:
        return f"expected {expected.__name__}"
    if name in NAME_FIELDS and (edition.calls or edition.outputs) and not is_latin(str(value or "")):
        return "registers and documents accept Latin letters only; write it as in the passport"
    return ""
