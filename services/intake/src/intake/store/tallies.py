"""Counts of cases, minutes and money, per stand and service."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import StandId

from intake.domain.report import Tally


async def tallies(work: Work, stand_ids: Iterable[UUID], *, on_the_spot: timedelta) -> dict[tuple[StandId, str], Tally]:
    """By stand and service. Money counts at the stand where the case was opened."""
    rows = await work.db.fetch(_TALLY, list(stand_ids), on_the_spot)
    return {(StandId(row["stand_id"]), row["service"]): _tally(row) for row in rows}


def _tally(row: Any) -> Tally:
    return Tally(
        cases=row["cases"],
        on_the_spot=row["on_the_spot"],
        provisional=row["provisional"],
        return_visits=row["return_visits"],
        withdrawn=row["withdrawn"],
        open=row["open"],
        minutes=tuple(float(one) for one in row["minutes"]),
        cash=row["cash"],
        card=row["card"],
        paid_back=row["paid_back"],
    )


_TALLY = """
    WITH asked AS (
        SELECT case_id, stand_id, service, state, device_id, finished_at - opened_at <= $2 AS at_once
        FROM case_file WHERE stand_id = ANY($1::uuid[])
    ), past AS (
        SELECT case_id, bool_or(kind = 'ReceiptGiven') AS provisional, bool_or(kind = 'Withdrawn') AS withdrawn,
               bool_or(kind IN ('SentToVisit', 'Compensated')) AS again
        FROM asked JOIN case_history h USING (case_id), json_array_elements(h.chapter -> 'happened') AS one,
             LATERAL (SELECT one ->> 'kind' AS kind) AS k
        GROUP BY case_id
    ), desk AS (
        SELECT case_id, extract(epoch FROM max(captured_at) - min(captured_at)) / 60 AS minutes
        FROM asked JOIN entry e USING (case_id, device_id) WHERE fate IN ('applied', 'conflict')
        GROUP BY case_id HAVING count(*) > 1
    ), money AS (
        SELECT case_id, sum(cents) FILTER (WHERE payment = 'cash' AND cents > 0) AS cash,
               sum(cents) FILTER (WHERE payment = 'card' AND cents > 0) AS card,
               -sum(cents) FILTER (WHERE cents < 0) AS paid_back
        FROM asked JOIN movement m USING (case_id) GROUP BY case_id
    )
    SELECT stand_id, service, count(*) AS cases,
           count(*) FILTER (WHERE at_once AND state IN ('final', 'closed') AND NOT provisional AND NOT again)
               AS on_the_spot,
           count(*) FILTER (WHERE provisional AND NOT again AND NOT withdrawn) AS provisional,
           count(*) FILTER (WHERE again) AS return_visits,
           count(*) FILTER (WHERE withdrawn) AS withdrawn,
           count(*) FILTER (WHERE state IN ('open', 'provisional')) AS open,
           array_remove(array_agg(minutes ORDER BY minutes), NULL) AS minutes,
           coalesce(sum(cash), 0)::bigint AS cash, coalesce(sum(card), 0)::bigint AS card,
           coalesce(sum(paid_back), 0)::bigint AS paid_back
    FROM asked JOIN past USING (case_id) LEFT JOIN desk USING (case_id) LEFT JOIN money USING (case_id)
    GROUP BY stand_id, service ORDER BY stand_id, service
"""
