"""Limits on how often something is done, counted in the database, so that all processes of a service share them.

A key is the keyed hash of what a limit counts: a client's network, a telephone number, a code. Housekeeping deletes old
uses.

Invariants: the uses of a key are counted under its lock, so uses at the same moment are all counted; callers add a use
only after the limit let them pass, so a key has at most as many rows as its limit allows. Keys are locked before rows
of a service, and in one order, so that no deadlock can occur.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `most` uses of the key in any `period`, which is at most RETENTION."""

    key: bytes
    most: int
    period: timedelta


RETENTION = timedelta(days=2)


async def count_uses(uow: UnitOfWork, limits: Sequence[RateLimit]) -> list[int]:
    """Locks the keys until the end of the transaction. Returns the uses of each limit within its period."""
    keys = sorted({int.from_bytes(limit.key[:8], signed=True) for limit in limits})
    await uow.db.execute("SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) AS t(k)", keys)
    rows = await uow.db.fetch(
        """
        SELECT (SELECT count(*) FROM rate_limit_use u WHERE u.key_hash = l.key_hash AND u.used_at > l.since) AS uses
        FROM unnest($1::bytea[], $2::timestamptz[]) WITH ORDINALITY AS l(key_hash, since, number) ORDER BY number
        """,
        [limit.key for limit in limits],
        [uow.now - limit.period for limit in limits],
    )
    return [row["uses"] for row in rows]


async def find_reached(uow: UnitOfWork, limits: Sequence[RateLimit]) -> RateLimit | None:
    """The first limit that lets nobody pass now. Locks the keys."""
    uses = await count_uses(uow, limits)
    return next((limit for limit, used in zip(limits, uses, strict=True) if used >= limit.most), None)


async def add_uses(uow: UnitOfWork, keys: Collection[bytes]) -> None:
    """Counts one use of each key, which the caller has locked by counting."""
    await uow.db.execute(
        "INSERT INTO rate_limit_use (key_hash, used_at) SELECT k, $2 FROM unnest($1::bytea[]) AS t(k)",
        list(keys),
        uow.now,
    )
