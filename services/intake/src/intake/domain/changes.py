"""The position of a device in the stream of changed cases."""

from dataclasses import dataclass
from uuid import UUID

from wanderamt.kernel.bounded import MAX_BIG_INT
from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import CURSOR_UNREADABLE

BEGINNING = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Points behind the change of `case_id` by transaction `changed`, in the database of `epoch`.

    A restore or a failover changes the epoch; cursors of the old epoch are meaningless then.
    """

    epoch: str
    changed: int = 0
    case_id: UUID = BEGINNING

    def __str__(self) -> str:
        return f"{self.epoch}.{self.changed}.{self.case_id.hex}"


def read_cursor(text: str) -> Cursor | Refusal:
    try:
        epoch, changed, case_id = text.rsplit(".", 2)
        transaction = int(changed)
        cursor = Cursor(epoch, transaction, UUID(case_id))
    except ValueError:
        return CURSOR_UNREADABLE
    return cursor if 0 <= transaction <= MAX_BIG_INT else CURSOR_UNREADABLE
