"""Where a device stands in the stream of changes."""

from dataclasses import dataclass
from uuid import UUID

from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import CURSOR_UNREADABLE

BEGINNING = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind the change of `case_id` by the transaction `changed`, in the database of `epoch`.

    After a restore or a failover the epoch is another, and what the cursor says means nothing.
    """

    epoch: str
    changed: int = 0
    case_id: UUID = BEGINNING

    def __str__(self) -> str:
        return f"{self.epoch}.{self.changed}.{self.case_id.hex}"


def read_cursor(text: str) -> Cursor | Refusal:
    try:
        epoch, changed, case_id = text.rsplit(".", 2)
        return Cursor(epoch, int(changed), UUID(case_id))
    except ValueError:
        return CURSOR_UNREADABLE
