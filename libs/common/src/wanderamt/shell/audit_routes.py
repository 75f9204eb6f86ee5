"""The route for auditors, the same on every service: who did or tried what, about what, why, when."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from wanderamt.backbone.persistence.audit import AuditFilter, StoredAuditRecord, find_records
from wanderamt.kernel.bounded import BoundedTime
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import require
from wanderamt.shell.http import Transaction

MAX_ROWS = 200
MAX_ID = 2**63 - 1

router = APIRouter(tags=["audit"])

Text = Annotated[str, Query(max_length=200)]


class AuditPage(BaseModel):
    """Newest first. `next_before`: the parameter `before` of the next page; null on the last one."""

    records: list[StoredAuditRecord]
    next_before: int | None


@router.get("/audit")
async def read_audit(
    _: Annotated[Principal, require(Action.READ_AUDIT)],
    uow: Transaction,
    who: Text = "",
    action: Text = "",
    outcome: Text = "",
    subject_id: Text = "",
    since: Annotated[BoundedTime | None, Query()] = None,
    until: Annotated[BoundedTime | None, Query()] = None,
    before: Annotated[int, Query(ge=1, le=MAX_ID)] = MAX_ID,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 50,
) -> AuditPage:
    """The audit records of this service. To read them is recorded, too."""
    wanted = AuditFilter(who, action, outcome, subject_id, since, until)
    records = await find_records(uow, wanted, before=before, limit=limit + 1)
    page = records[:limit]
    return AuditPage(records=page, next_before=page[-1].id if len(records) > limit else None)
