"""Copies of cases: kept from the events of cases, dropped some time after the case has ended. With a case that is
deleted, its requests go too: what was asked about the citizen, and what registers answered."""

from collections.abc import Iterable

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.domain.case_copy import KEPT_AFTER_END, CaseCopyEvent, changes_by
from registry_bridge.store import case_copies
from registry_bridge.store.request_statements import delete_requests


def record_case_events(events: Iterable[CaseCopyEvent], uow: UnitOfWork) -> None:
    """Also in a rebuild from the topic, copies that would have been dropped are not kept."""
    effect = changes_by(events, now=uow.now)
    case_copies.write_changes(uow, effect)
    if effect.deleted:
        uow.write_later(delete_requests(effect.deleted))
        for case_id in effect.deleted:
            uow.log_outcome("case.deleted", case_id=case_id)


async def drop_ended_cases(uow: UnitOfWork) -> int:
    """Returns how many; call again until 0. A case that is reopened later comes back with its event."""
    return await case_copies.delete_ended(uow, before=uow.now - KEPT_AFTER_END)
