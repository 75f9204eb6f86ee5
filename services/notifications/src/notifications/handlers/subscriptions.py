"""Whether a message about a stand is still wanted when its turn to be sent comes.

Invariant: a subscription that ended after the message was decided stops the message, as long as no provider has it.
"""

from collections.abc import Iterable

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import NoticeId
from wanderamt.security.keys import UnreadableCiphertextError

from notifications.domain.kinds import NoticeKind
from notifications.domain.notice import PENDING_STATES, Notice, open_variables
from notifications.handlers.context import NotificationContext
from notifications.store import citizens

DISTRICT = "district"  # a variable of such a notice that no text uses


async def find_unsubscribed(notices: Iterable[Notice], uow: UnitOfWork, context: NotificationContext) -> set[NoticeId]:
    """Of the notices about a stand, those whose address has no subscription to the district any more."""
    about_stands = [
        notice
        for notice in notices
        if notice.kind is NoticeKind.STAND_IN_DISTRICT and notice.state in PENDING_STATES and notice.variables
    ]
    if not about_stands:
        return set()
    subscribed = await citizens.districts_of(uow, {notice.address_hash for notice in about_stands})
    return {
        notice.id
        for notice in about_stands
        if not _is_subscribed(_district(notice, context), subscribed.get(notice.address_hash, set()))
    }


def _is_subscribed(district: str | None, subscribed: set[str]) -> bool:
    return district in subscribed if district else bool(subscribed)


def _district(notice: Notice, context: NotificationContext) -> str | None:
    """None if it is not known: of a notice of an earlier release, or one whose key is gone."""
    try:
        sealed = notice.variables or b""
        variables = open_variables(sealed, context.cipher, about_id=notice.about_id, notice_id=notice.id)
    except UnreadableCiphertextError:
        return None
    return variables.get(DISTRICT)
