"""One aggregate waits, the rest flows.

Kept true: a record that fails for good is kept with its reason and raw bytes; every later record of the same
aggregate queues behind it in order; records nobody can read are quarantined with topic, partition, offset and bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID


class ParkedState(StrEnum):
    PARKED = "parked"  # failed for good, the head of its aggregate's queue
    BEHIND = "behind"  # waits for the head
    QUARANTINED = "quarantined"  # no event of ours


@dataclass(frozen=True, slots=True)
class Arrival:
    """A Kafka record as it came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


async def park(
    connection: Any, consumer: str, arrival: Arrival, *, aggregate: UUID | None, state: ParkedState, reason: str
) -> None:
    await connection.execute(
        """
        INSERT INTO parked (consumer, topic, partition, "offset", aggregate, key, value, headers, state, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
        """,
        consumer,
        arrival.topic,
        arrival.partition,
        arrival.offset,
        aggregate,
        arrival.key,
        arrival.value,
        [[name, raw.decode("latin-1")] for name, raw in arrival.headers],
        state,
        reason,
    )


async def waiting_aggregates(connection: Any, consumer: str, aggregates: Iterable[UUID]) -> set[UUID]:
    """Which of these have a parked record, so that later ones must queue behind it."""
    rows = await connection.fetch(
        "SELECT DISTINCT aggregate FROM parked WHERE consumer = $1 AND aggregate = ANY($2::uuid[])",
        consumer,
        list(aggregates),
    )
    return {row["aggregate"] for row in rows}
