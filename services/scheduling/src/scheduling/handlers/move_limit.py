"""How often a citizen may move one appointment: each move sends a message, and changes the places of stands.

Invariants: the key is locked before slots and appointments, as those of all limits.
"""

from uuid import UUID

from wanderamt.backbone.persistence.rate_limits import RateLimit, add_uses, count_uses
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.refusal import Refusal

from scheduling.domain.booking_limits import DAY
from scheduling.domain.refusals import TOO_MANY_MOVES
from scheduling.handlers.context import SchedulingContext


async def check_moves(appointment_id: UUID, uow: UnitOfWork, *, context: SchedulingContext) -> Refusal | None:
    most = context.limits.moves_per_day
    [moved] = await count_uses(uow, [RateLimit(_key(appointment_id, context), most, DAY)])
    return TOO_MANY_MOVES if moved >= most else None


async def count_move(appointment_id: UUID, uow: UnitOfWork, *, context: SchedulingContext) -> None:
    await add_uses(uow, [_key(appointment_id, context)])


def _key(appointment_id: UUID, context: SchedulingContext) -> bytes:
    return context.cipher.keyed_hash(f"move:{appointment_id.hex}".encode())
