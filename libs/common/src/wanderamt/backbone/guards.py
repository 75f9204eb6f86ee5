"""Three guards that make each event's effect happen once, whatever is delivered again.

Kept true: an offset below the mark of its partition was delivered before (a topic replayed from 0, for ever); an event
id is handled once per consumer (a relay sent twice); a version not above the last one of its aggregate is stale (a
relay that woke up late). They are read and written in the transaction of the effects.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from wanderamt.backbone.arrivals import Item
from wanderamt.backbone.parked import Arrival
from wanderamt.backbone.work import Work

Place: TypeAlias = tuple[str, int]


class Fact(NamedTuple):
    """What the database knows when an unseen event arrives."""

    version: int
    waiting: bool


@dataclass(frozen=True, slots=True)
class Guards:
    consumer: str

    async def beyond_marks(self, arrivals: Sequence[Arrival], work: Work) -> list[Arrival]:
        """Those not delivered before."""
        rows = await work.db.fetch(
            "SELECT topic, partition, next_offset FROM inbox_mark WHERE consumer = $1 AND topic = ANY($2::text[])",
            self.consumer,
            list({arrival.topic for arrival in arrivals}),
        )
        marks = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return [one for one in arrivals if one.offset >= marks.get((one.topic, one.partition), 0)]

    async def look_up(self, items: Sequence[Item], work: Work, *, parked: bool = False) -> dict[UUID, Fact]:
        """Marks the events as seen; returns what is known about those neither delivered nor seen before.

        `parked`: they were delivered and set aside, and their marks have passed them.
        """
        if not items:
            return {}
        rows = await work.db.fetch(
            """
            WITH sent AS (
                     SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bigint[])
                              AS s(event_id, aggregate, topic, partition, "offset")
                 ),
                 arrived AS (
                     SELECT event_id, aggregate FROM sent
                     LEFT JOIN inbox_mark m ON m.consumer = $1 AND m.topic = sent.topic AND m.partition = sent.partition
                     WHERE $7 OR "offset" >= coalesce(next_offset, 0)
                 ),
                 new AS (
                     INSERT INTO inbox (consumer, event_id)
                     SELECT DISTINCT $1, event_id FROM arrived ORDER BY event_id
                     ON CONFLICT DO NOTHING RETURNING event_id
                 )
            SELECT new.event_id, coalesce(v.version, 0),
                   EXISTS (SELECT 1 FROM parked p WHERE p.consumer = $1 AND p.aggregate = arrived.aggregate) AS waiting
            FROM new JOIN arrived USING (event_id)
            LEFT JOIN inbox_version v ON v.consumer = $1 AND v.aggregate = arrived.aggregate
            """,
            self.consumer,
            [item.head.id for item in items],
            [item.head.subject for item in items],
            [item.arrival.topic for item in items],
            [item.arrival.partition for item in items],
            [item.arrival.offset for item in items],
            parked,
        )
        return {event_id: Fact(version, waiting) for event_id, version, waiting in rows}

    def unseen(self, items: Iterable[Item], facts: Mapping[UUID, Fact]) -> list[Item]:
        """Each event once: not seen in an earlier batch, and not twice in this one."""
        first: dict[UUID, Item] = {}
        for item in items:
            if item.head.id in facts:
                first.setdefault(item.head.id, item)
        return list(first.values())

    def newer(self, items: Iterable[Item], facts: Mapping[UUID, Fact]) -> list[Item]:
        last: dict[UUID, int] = {}
        newer: list[Item] = []
        for item in items:
            subject = item.head.subject
            if item.head.sequence > last.get(subject, facts[item.head.id].version):
                last[subject] = item.head.sequence
                newer.append(item)
        return newer

    async def save(self, handled: Sequence[Item], arrivals: Sequence[Arrival], work: Work) -> None:
        """The versions of what was handled, the marks behind what arrived. After it the transaction may commit."""
        last = {item.head.subject: item.head.sequence for item in handled}
        subjects = sorted(last)
        await work.save(
            """
            INSERT INTO inbox_version (consumer, aggregate, version)
            SELECT $1, * FROM unnest($2::uuid[], $3::int[])
            ON CONFLICT (consumer, aggregate)
            DO UPDATE SET version = greatest(inbox_version.version, excluded.version), seen_at = now()
            """,
            self.consumer,
            subjects,
            [last[subject] for subject in subjects],
            beside=[(_MARK, self._marks(ends_of(arrivals)))],
        )

    async def pass_by(self, ends: Mapping[Place, int], work: Work) -> None:
        """Moves the marks where nothing was handled."""
        await work.db.execute(_MARK, *self._marks(ends))

    def _marks(self, ends: Mapping[Place, int]) -> list[Any]:
        places = sorted(ends)  # always locked in one order
        return [self.consumer, *([place[part] for place in places] for part in (0, 1)), [ends[one] for one in places]]


def ends_of(arrivals: Iterable[Arrival]) -> dict[Place, int]:
    """(topic, partition) → the offset behind the last of them."""
    ends: dict[Place, int] = {}
    for one in arrivals:
        place = (one.topic, one.partition)
        ends[place] = max(ends.get(place, 0), one.offset + 1)
    return ends


_MARK = """
    INSERT INTO inbox_mark (consumer, topic, partition, next_offset)
    SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[])
    ON CONFLICT (consumer, topic, partition)
    DO UPDATE SET next_offset = greatest(inbox_mark.next_offset, excluded.next_offset)
"""
