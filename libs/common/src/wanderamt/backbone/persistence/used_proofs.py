"""Remembers the proofs of possession (DPoP) that a service has accepted, so that none counts twice.

Invariants: all processes of a service share the table. A statement that commits by itself takes a proof: of two
requests with one proof at the same time, one is first. The table is UNLOGGED: taking a proof writes no WAL and waits
for no disk. A crash of PostgreSQL itself empties it: proofs of the last minute could then be used once more.
"""

from datetime import datetime
from typing import Any, Final

TAKE_PROOF: Final = """
INSERT INTO used_proof (proof, expires_at) VALUES ($1, $2) ON CONFLICT (proof) DO NOTHING RETURNING true"""


async def take_proof(connection: Any, proof: bytes, *, expires_at: datetime) -> bool:
    """False if the proof was taken before. `connection`: outside of a transaction. `expires_at`: from then on the proof
    is refused because of its age, and housekeeping forgets it."""
    return bool(await connection.fetchval(TAKE_PROOF, proof, expires_at))
