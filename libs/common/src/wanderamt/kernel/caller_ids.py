"""Ids that callers make: devices work offline, and a repeated request must not make a second thing.

Invariants: an id belongs to whoever used it first. The same id from the same owner with the same content is a
repetition and gets the first answer again. Any other use is refused, in words that tell nothing about the thing that
has the id, and changes nothing: no insert updates a row.

A handler takes `uow.lock_id` (so that two requests with one id never pass each other), reads what has the id, and asks
`repeated`. Where a thing is stored by a statement that reports conflicts itself, the lock is not needed.
"""

from typing import TypeVar

from wanderamt.kernel.refusal import Refusal, RefusalKind

ID_TAKEN = Refusal(
    "id.taken", "This id is in use. Nothing was changed: send the request with a new id.", RefusalKind.CONFLICT
)

T = TypeVar("T")


def repeated(known: T, *, first: tuple[object, ...], now: tuple[object, ...], taken: Refusal = ID_TAKEN) -> T | Refusal:
    """`known`, the thing that has the id, if `now` is the same use as the `first` one, else `taken`.

    `first`, `now`: the owner, and the content as the caller sent it, in the same order.
    """
    return known if first == now else taken
