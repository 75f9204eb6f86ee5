"""Copies of cases: kept from the events of cases, dropped some time after the case has ended."""

from collections.abc import Iterable

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

from registry_bridge.domain.case_copy import KEPT_AFTER_END, CaseCopyEvent, changes_by
from registry_bridge.store import case_copies


def record_case_events(events: Iterable[CaseCopyEvent], uow: UnitOfWork) -> None:
    """Also in a rebuild from the topic, copies that would have been dropped are not kept."""
    case_copies.write_changes(uow, changes_by(events, now=uow.now))


async def drop_ended_cases(uow: UnitOfWork) -> int:
    """Returns how many; call again until 0. A case that is reopened later comes back with its event."""
    return await case_copies.delete_ended(uow, before=uow.now - KEPT_AFTER_END)
