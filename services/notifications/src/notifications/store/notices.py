"""Notices: written many at a time, found by case, by the provider's reference, or by number and short reference."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork, rows_changed
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId

from notifications.domain.kinds import About, NoticeKind
from notifications.domain.notice import Notice, NoticeState

REDACT_BATCH_SIZE = 2_000


async def add_notices(uow: UnitOfWork, notices: Sequence[Notice]) -> set[NoticeId]:
    """The ids of the new ones: a notice that was decided before is not decided again."""
    rows = await uow.db.fetch(
        """
        INSERT INTO notice SELECT * FROM json_populate_recordset(NULL::notice, $1::json)
        ON CONFLICT DO NOTHING RETURNING notice_id
        """,
        to_json([_to_row(notice, uow.now) for notice in notices]).decode(),
    )
    return {NoticeId(row["notice_id"]) for row in rows}


async def save_notices(uow: UnitOfWork, notices: Sequence[Notice]) -> None:
    """The mutable columns, and the events emitted for them, in one statement."""
    ordered = sorted(notices, key=lambda notice: notice.id)
    await uow.execute_with_outbox(
        """
        UPDATE notice SET version = n.version, state = n.state, reason = n.reason, ended_at = n.ended_at,
               provider = n.provider, provider_ref = n.provider_ref, attempts = n.attempts,
               outcome_unknown = n.outcome_unknown, superseded = n.superseded, changed_at = $12
        FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                    $8::int[], $9::boolean[], $10::boolean[])
             AS n(notice_id, version, state, reason, ended_at, provider, provider_ref, attempts, outcome_unknown,
                  superseded)
        WHERE notice.notice_id = n.notice_id AND notice.notice_id = ANY($11::uuid[])
        """,
        ids := [notice.id for notice in ordered],
        [notice.version for notice in ordered],
        [notice.state.value for notice in ordered],
        [notice.reason for notice in ordered],
        [notice.ended_at for notice in ordered],
        [notice.provider for notice in ordered],
        [notice.provider_ref for notice in ordered],
        [notice.attempts for notice in ordered],
        [notice.outcome_unknown for notice in ordered],
        [notice.superseded for notice in ordered],
        ids,
        uow.now,
    )


async def lock_notices(uow: UnitOfWork, ids: Iterable[UUID]) -> dict[NoticeId, Notice]:
    rows = await uow.db.fetch(
        "SELECT * FROM notice WHERE notice_id = ANY($1::uuid[]) ORDER BY notice_id FOR UPDATE", list(ids)
    )
    return {NoticeId(row["notice_id"]): notice_of_row(row) for row in rows}


async def lock_pending(
    uow: UnitOfWork,
    about_ids: Iterable[UUID],
    *,
    except_for: Iterable[NoticeId] = (),
    address_hashes: Sequence[bytes] = (),
) -> list[Notice]:
    """Notices without an outcome about these cases, or to these addresses."""
    rows = await uow.db.fetch(
        """
        SELECT * FROM notice WHERE (about_id = ANY($1::uuid[]) OR address_hash = ANY($3::bytea[]))
          AND state IN ('created', 'sending') AND notice_id <> ALL($2::uuid[]) ORDER BY notice_id FOR UPDATE
        """,
        list(about_ids),
        list(except_for),
        list(address_hashes),
    )
    return [notice_of_row(row) for row in rows]


async def find_notices(uow: UnitOfWork, about_id: UUID) -> list[Notice]:
    rows = await uow.db.fetch("SELECT * FROM notice WHERE about_id = $1 ORDER BY created_at", about_id)
    return [notice_of_row(row) for row in rows]


async def find_by_references(uow: UnitOfWork, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], NoticeId]:
    """By (provider, the provider's reference)."""
    pairs = list(references)
    rows = await uow.db.fetch(
        """
        SELECT n.provider, n.provider_ref, notice_id FROM notice n
        JOIN unnest($1::text[], $2::text[]) AS r(provider, provider_ref) USING (provider, provider_ref)
        WHERE n.provider_ref <> ''
        """,
        [name for name, _ in pairs],
        [reference for _, reference in pairs],
    )
    return {(row["provider"], row["provider_ref"]): NoticeId(row["notice_id"]) for row in rows}


async def find_by_number(uow: UnitOfWork, provider: str, address_hash: bytes, short_ref: int) -> NoticeId | None:
    """None unless exactly one notice matches."""
    rows = await uow.db.fetch(
        """
        SELECT notice_id FROM notice WHERE address_hash = $1 AND provider = $2 AND short_ref = $3
          AND state IN ('sending', 'unknown', 'no_receipt') LIMIT 2
        """,
        address_hash,
        provider,
        short_ref,
    )
    return NoticeId(rows[0]["notice_id"]) if len(rows) == 1 else None


async def lock_without_receipt(
    uow: UnitOfWork, providers: Sequence[str], after: timedelta, *, limit: int
) -> list[Notice]:
    """Notices of these providers, sent or unknown for longer than `after`."""
    rows = await uow.db.fetch(
        """
        SELECT * FROM notice WHERE state IN ('sent', 'unknown') AND ended_at < $1 AND provider = ANY($2::text[])
        ORDER BY notice_id LIMIT $3 FOR UPDATE SKIP LOCKED
        """,
        uow.now - after,
        list(providers),
        limit,
    )
    return [notice_of_row(row) for row in rows]


async def redact(uow: UnitOfWork, before: datetime) -> int:
    """Deletes recipient and content of notices that ended before then. The row stays for counts."""
    status = await uow.db.execute(
        """
        UPDATE notice SET address = NULL, variables = NULL WHERE notice_id = ANY (ARRAY(
            SELECT notice_id FROM notice WHERE ended_at < $1 AND (address IS NOT NULL OR variables IS NOT NULL)
            LIMIT $2 FOR UPDATE SKIP LOCKED))
        """,
        before,
        REDACT_BATCH_SIZE,
    )
    return rows_changed(status)


async def count_by_state(uow: UnitOfWork) -> dict[str, int]:
    rows = await uow.db.fetch("SELECT state, count(*) AS notices FROM notice GROUP BY state ORDER BY state")
    return {row["state"]: row["notices"] for row in rows}


async def count_by_outcome(uow: UnitOfWork) -> list[dict[str, Any]]:
    rows = await uow.db.fetch(
        """
        SELECT kind, channel, state, reason, provider, count(*) AS notices FROM notice
        GROUP BY kind, channel, state, reason, provider ORDER BY kind, channel, notices DESC
        """
    )
    return [dict(row) for row in rows]


async def count_waiting(uow: UnitOfWork) -> dict[str, tuple[int, datetime]]:
    """By queue: the number of jobs that are due, and the due time of the oldest."""
    rows = await uow.db.fetch(
        "SELECT queue, count(*) AS jobs, min(run_at) AS oldest FROM job WHERE run_at <= $1 GROUP BY queue", uow.now
    )
    return {row["queue"]: (row["jobs"], row["oldest"]) for row in rows}


def _to_row(notice: Notice, now: datetime) -> dict[str, Any]:
    return {
        "notice_id": notice.id,
        "version": notice.version,
        "about_id": notice.about_id,
        "kind": notice.kind.value,
        "channel": notice.channel.value,
        "language": notice.language,
        "address": _hex(notice.address),
        "state": notice.state.value,
        "reason": notice.reason,
        "created_at": notice.created_at,
        "valid_until": notice.valid_until,
        "ended_at": notice.ended_at,
        "about": notice.about.value,
        "occurrence": notice.occurrence,
        "template_version": notice.template_version,
        "address_hash": _hex(notice.address_hash),
        "variables": _hex(notice.variables),
        "provider": notice.provider,
        "provider_ref": notice.provider_ref,
        "short_ref": notice.short_ref,
        "attempts": notice.attempts,
        "outcome_unknown": notice.outcome_unknown,
        "superseded": notice.superseded,
        "tried_channels": [channel.value for channel in notice.tried_channels],
        "changed_at": now,
    }


def notice_of_row(row: Any) -> Notice:
    return Notice(
        id=NoticeId(row["notice_id"]),
        version=row["version"],
        about=About(row["about"]),
        about_id=row["about_id"],
        kind=NoticeKind(row["kind"]),
        occurrence=row["occurrence"],
        template_version=row["template_version"],
        channel=Channel(row["channel"]),
        language=row["language"],
        address_hash=row["address_hash"],
        address=row["address"],
        variables=row["variables"],
        state=NoticeState(row["state"]),
        created_at=row["created_at"],
        valid_until=row["valid_until"],
        reason=row["reason"],
        ended_at=row["ended_at"],
        provider=row["provider"],
        provider_ref=row["provider_ref"],
        short_ref=row["short_ref"],
        attempts=row["attempts"],
        outcome_unknown=row["outcome_unknown"],
        superseded=row["superseded"],
        tried_channels=tuple(Channel(name) for name in row["tried_channels"]),
    )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"
