"""The lookups of officers. Rows are added before the register is called; only their outcome is set, once."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, select
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.refusal import Refusal

from registry_bridge.domain.lookup import Lookup, LookupCounts, LookupOutcome
from registry_bridge.domain.refusals import TOO_MANY_LOOKUPS
from registry_bridge.tables import LookupRow


async def lock_counts(uow: UnitOfWork, officer: str, case_id: CaseId) -> None:
    """Until the commit nobody else counts lookups of this officer or this case: parallel ones come one after the other.

    The officer always before the case; a transaction takes it before any row of a register.
    """
    for name in (f"officer {officer}", f"case {case_id}"):
        await uow.db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 4712))", f"lookups of {name}")


async def count_lookups(uow: UnitOfWork, officer: str, case_id: CaseId, *, since: datetime) -> LookupCounts:
    """Who waits for the next hour must not wait longer because of trying: a refusal for the limit does not count."""
    counted, asked_at = func.count(col(LookupRow.id)), col(LookupRow.asked_at)
    of_officer = select(counted).where(
        LookupRow.officer == officer, asked_at > since, LookupRow.code != TOO_MANY_LOOKUPS.code
    )
    of_case = select(counted).where(
        LookupRow.case_id == case_id, asked_at > since, LookupRow.outcome != LookupOutcome.REFUSED
    )
    return LookupCounts((await uow.session.exec(of_officer)).one(), (await uow.session.exec(of_case)).one())


async def add_lookup(
    uow: UnitOfWork, lookup_id: UUID, lookup: Lookup, *, words: tuple[str, str, str], refusal: Refusal | None
) -> None:
    """`words`: register, operation and purpose as they may be written down."""
    register, operation, purpose = words
    uow.session.add(
        LookupRow(
            id=lookup_id,
            asked_at=uow.now,
            officer=lookup.officer,
            device_id=lookup.device_id,
            stand_id=lookup.stand_id,
            case_id=lookup.case_id,
            register_name=register,
            operation=operation,
            purpose=purpose,
            outcome=LookupOutcome.REFUSED if refusal else LookupOutcome.UNKNOWN,
            code=refusal.code if refusal else "",
        )
    )
    await uow.session.flush()


def outcome_update(lookup_id: UUID, outcome: LookupOutcome, *, code: str = "") -> Statement:
    """Changes nothing once an outcome is set."""
    return (
        "UPDATE lookup SET outcome = $2, code = $3 WHERE lookup_id = $1 AND outcome = 'unknown'",
        (lookup_id, outcome, code),
    )
