"""Hand-written statements of the report: cases, minutes and money over five tables, in one query."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import StandId

from intake.domain.report import StandStatistics


async def stand_statistics(
    uow: UnitOfWork, stand_ids: Iterable[UUID], *, on_the_spot: timedelta
) -> dict[tuple[StandId, str], StandStatistics]:
    """By stand and service. Payments count for the stand that opened the case."""
    rows = await uow.db.fetch(_STATISTICS, list(stand_ids), on_the_spot)
    return {(StandId(row["stand_id"]), row["service"]): value_of(StandStatistics, row) for row in rows}


_STATISTICS = """
    WITH cases AS (
        SELECT case_id, stand_id, service, state, device_id,
               state IN ('final', 'closed') AND finished_at - opened_at <= $2 AS at_once
        FROM case_file WHERE stand_id = ANY($1::uuid[])
    ), history AS (
        SELECT case_id, bool_or(kind = 'ProvisionalDocumentGiven') AS provisional,
               bool_or(kind = 'Withdrawn') AS withdrawn,
               bool_or(kind IN ('SentToVisit', 'Compensated')) AS must_return
        FROM cases JOIN case_history h USING (case_id), json_array_elements(h.content -> 'events') AS event,
             LATERAL (SELECT event ->> 'kind' AS kind) AS k
        GROUP BY case_id
    ), desk_time AS (
        SELECT case_id, extract(epoch FROM max(captured_at) - min(captured_at)) / 60 AS minutes
        FROM cases JOIN entry e USING (case_id, device_id) WHERE status IN ('applied', 'conflict')
        GROUP BY case_id HAVING count(*) > 1
    ), money AS (
        SELECT case_id, sum(cents) FILTER (WHERE method = 'cash' AND cents > 0) AS cash,
               sum(cents) FILTER (WHERE method = 'card' AND cents > 0) AS card,
               -sum(cents) FILTER (WHERE cents < 0) AS paid_back
        FROM cases JOIN payment p USING (case_id) GROUP BY case_id
    )
    SELECT stand_id, service, count(*) AS cases,
           count(*) FILTER (WHERE at_once AND NOT must_return) AS on_the_spot,
           count(*) FILTER (WHERE provisional AND NOT coalesce(at_once, false) AND NOT must_return AND NOT withdrawn)
               AS provisional,
           count(*) FILTER (WHERE must_return) AS return_visits,
           count(*) FILTER (WHERE withdrawn) AS withdrawn,
           count(*) FILTER (WHERE state IN ('open', 'provisional')) AS open,
           array_remove(array_agg(minutes ORDER BY minutes), NULL) AS minutes,
           coalesce(sum(cash), 0)::bigint AS cash, coalesce(sum(card), 0)::bigint AS card,
           coalesce(sum(paid_back), 0)::bigint AS paid_back
    FROM cases JOIN history USING (case_id) LEFT JOIN desk_time USING (case_id) LEFT JOIN money USING (case_id)
    GROUP BY stand_id, service ORDER BY stand_id, service
"""
