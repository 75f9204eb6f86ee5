"""What an entry of a device, or an officer, does to a case: one decision after the other, all of them or none."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple, assert_never

from wanderamt.kernel.ids import CaseId, DeviceId, DocumentId, RequestId, StandId
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.book import Book
from intake.domain.catalogue.offer import Edition
from intake.domain.entry import (
    AnyEntry,
    FillCase,
    GiveProvisional,
    HandOver,
    IdentifyApplicant,
    Money,
    OpenBody,
    OpenCase,
    Provisional,
    SeenPaper,
    SeePaper,
    TakeFee,
    Withdraw,
    form_of,
)
from intake.domain.merge import Clash, merge
from intake.domain.process import desk, office
from intake.domain.process.case import Case, after, then
from intake.domain.process.desk import Happenings, Opening
from intake.domain.process.happening import Form, Happening, Paid, PaperSeen, ReceiptGiven
from intake.domain.refusals import NO_CASE

Act = Callable[[Case, Edition], Happenings | Refusal]


class Hands(NamedTuple):
    """Who did it, and when we heard of it. `request_id`: fresh, for a register that may have to be asked."""

    device_id: DeviceId
    officer: str
    now: datetime
    request_id: RequestId


class Done(NamedTuple):
    """`clashes`: fields that two devices changed; the rest of the entry is done."""

    case: Case
    happened: Happenings
    clashes: tuple[Clash, ...] = ()


def act(case: Case | None, entry: AnyEntry, *, book: Book, hands: Hands, seen: Form | None = None) -> Done | Refusal:
    """`seen`: the form as the author of a case.fill saw it; without it, as it lies there."""
    if isinstance(entry, OpenCase):
        return _open(case, entry, book, hands)
    if not case:
        return NO_CASE
    pinned = book.pinned(case.edition)
    if isinstance(pinned, Refusal):
        return pinned
    if isinstance(entry, FillCase):
        return _fill(case, pinned.edition, entry, hands, seen)
    return follow(case, pinned.edition, [_act_of(entry)], request_id=hands.request_id, now=hands.now)


def follow(
    case: Case,
    edition: Edition,
    acts: list[Act],
    *,
    request_id: RequestId,
    now: datetime,
    happened: Happenings = (),
) -> Done | Refusal:
    """The acts in order, then what the case does by itself. `happened`: what came before them."""
    all_of: list[Happening] = list(happened)
    for one in acts:
        outcome = one(case, edition)
        if isinstance(outcome, Refusal):
            return outcome
        case = then(case, outcome)
        all_of += outcome
    proceeded = desk.proceed(case, edition, request_id=request_id, now=now)
    return Done(then(case, proceeded), (*all_of, *proceeded))


def _open(case: Case | None, entry: OpenCase, book: Book, hands: Hands) -> Done | Refusal:
    body = entry.body
    given = {name: value for name, value in form_of(body).items() if value is not None}
    opening = Opening(
        service=body.service,
        language=body.language,
        stand_id=StandId(entry.stand_id),
        device_id=hands.device_id,
        officer=hands.officer,
        captured_at=entry.captured_at,
        number=body.number,
        form=given,
        appointment_id=body.appointment_id,
    )
    opened = desk.open_case(case, opening, book, now=hands.now)
    if isinstance(opened, Refusal):
        return opened
    begun = then(after(None, opened[0], CaseId(entry.case_id)), opened[1:])
    pinned = book.pinned(begun.edition)
    if isinstance(pinned, Refusal):
        return pinned
    done = follow(
        begun,
        pinned.edition,
        list(_acts_of(body)),
        request_id=hands.request_id,
        now=hands.now,
        happened=opened,
    )
    if isinstance(done, Refusal) or not body.provisional:
        return done
    give = _give(body.provisional)  # provisional is what waits for a register that was asked
    return follow(done.case, pinned.edition, [give], request_id=hands.request_id, now=hands.now, happened=done.happened)


def _fill(case: Case, edition: Edition, entry: FillCase, hands: Hands, seen: Form | None) -> Done | Refusal:
    sent = desk.read_facts(form_of(entry.body), edition)
    merged = merge(case.form if seen is None else seen, case.form, sent)

    def fill(case: Case, edition: Edition) -> Happenings | Refusal:
        return desk.fill(case, edition, merged.fields)

    done = follow(case, edition, [fill], request_id=hands.request_id, now=hands.now)
    return done if isinstance(done, Refusal) else Done(done.case, done.happened, merged.clashes)


def _acts_of(body: OpenBody) -> Iterator[Act]:
    if body.identified:
        level = body.identified
        yield lambda case, edition: desk.identify(case, edition, level)
    yield from (_see(paper) for paper in body.papers)
    if body.paid:
        yield _take(body.paid)


def _act_of(entry: AnyEntry) -> Act:
    match entry:
        case IdentifyApplicant():
            return lambda case, edition: desk.identify(case, edition, entry.body.level)
        case SeePaper():
            return _see(entry.body)
        case TakeFee():
            return _take(entry.body)
        case GiveProvisional():
            return _give(entry.body)
        case HandOver():
            body = entry.body
            return lambda case, _: office.hand_over(case, to=body.to, reason=body.reason, deadline=body.deadline)
        case Withdraw():
            return lambda case, _: office.withdraw(case)
        case OpenCase() | FillCase():
            raise ValueError(f"{entry.type} is no single act")
    assert_never(entry)


def _see(paper: SeenPaper) -> Act:
    seen = PaperSeen(paper.code, paper.handling, paper.attachment_id)
    return lambda case, edition: desk.see_paper(case, edition, seen)


def _take(money: Money) -> Act:
    paid = Paid(money.cents, money.payment, money.receipt, money.till_id)
    return lambda case, edition: desk.pay(case, edition, paid)


def _give(paper: Provisional) -> Act:
    return lambda case, _: desk.give_receipt(case, ReceiptGiven(DocumentId(paper.document_id), paper.number))
