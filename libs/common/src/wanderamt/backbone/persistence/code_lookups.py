"""Limits of look-ups by a code and something that only its owner knows, such as a date of birth.

Only wrong answers count. A network that gave too many is refused, for all codes or for that one code; other networks
are not, so who only knows a code cannot keep its owner out. Wrong answers about one code from many networks make every
look-up of that code slow instead of refusing it, for the same reason: its owner waits some seconds.

Invariants: a code that does not exist is limited like one that does, so the limits tell nothing about codes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from wanderamt.backbone.persistence.rate_limits import RateLimit, add_uses, count_uses
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork

ANSWER_S: Final = 0.5  # every look-up takes at least this long, whatever it finds
SLOW_ANSWER_S: Final = 5.0
WRONG_PER_NETWORK: Final = 20
WRONG_PER_CODE: Final = 5  # from one network
WINDOW: Final = timedelta(minutes=15)
SLOW_AFTER: Final = 50  # wrong answers about one code, from all networks
SLOW_WINDOW: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CodeLookup:
    """One look-up. `refused`: too many wrong answers came from this network. `answer_s`: how long it must take."""

    network_key: bytes
    code_keys: tuple[bytes, ...]
    refused: bool
    answer_s: float

    async def count_wrong(self, uow: UnitOfWork) -> None:
        """Call it in the transaction of `begin_lookup`, unless the look-up was refused."""
        await add_uses(uow, (self.network_key, *self.code_keys))


async def begin_lookup(uow: UnitOfWork, keyed_hash: Callable[[bytes], bytes], *, network: str, code: str) -> CodeLookup:
    """`network`: of the client (`client_network`); only keyed hashes are stored. `code`: normalised."""
    by_network, by_both, by_code = (
        keyed_hash(f"look-up:{name}".encode())
        for name in (f"network:{network}", f"both:{network}:{code}", f"code:{code}")
    )
    uses = await count_uses(
        uow,
        [
            RateLimit(by_network, WRONG_PER_NETWORK, WINDOW),
            RateLimit(by_both, WRONG_PER_CODE, WINDOW),
            RateLimit(by_code, SLOW_AFTER, SLOW_WINDOW),
        ],
    )
    # a hot code needs no more rows: it is slow already
    code_keys = (by_both, by_code) if uses[2] < SLOW_AFTER else (by_both,)
    refused = uses[0] >= WRONG_PER_NETWORK or uses[1] >= WRONG_PER_CODE
    return CodeLookup(by_network, code_keys, refused, SLOW_ANSWER_S if uses[2] >= SLOW_AFTER else ANSWER_S)
