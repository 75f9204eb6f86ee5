"""Notices: written many at a time, found again by case, by a provider's reference, or by a person's number."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from wanderamt.backbone.work import Work, rows_changed
from wanderamt.contracts import Channel
from wanderamt.kernel.ids import NoticeId

from notifications.domain.kinds import About, Kind
from notifications.domain.notice import Notice, State

REDACT_AT_ONCE = 2_000


async def add_notices(work: Work, notices: Sequence[Notice]) -> set[NoticeId]:
    """Those that are new: what was decided once is not decided again."""
    rows = await work.db.fetch(
        """
        INSERT INTO notice SELECT * FROM json_populate_recordset(NULL::notice, $1::json)
        ON CONFLICT DO NOTHING RETURNING notice_id
        """,
        to_json([_written(one, work.now) for one in notices]).decode(),
    )
    return {NoticeId(row["notice_id"]) for row in rows}


async def save_notices(work: Work, notices: Sequence[Notice]) -> None:
    """What changes of a notice; with what was emitted for it, in one statement."""
    ordered = sorted(notices, key=lambda one: one.id)
    await work.save(
        """
        UPDATE notice SET version = n.version, state = n.state, reason = n.reason, ended_at = n.ended_at,
               provider = n.provider, provider_ref = n.provider_ref, tries = n.tries, maybe = n.maybe,
               superseded = n.superseded, changed_at = $12
        FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
                    $8::int[], $9::boolean[], $10::boolean[])
             AS n(notice_id, version, state, reason, ended_at, provider, provider_ref, tries, maybe, superseded)
        WHERE notice.notice_id = n.notice_id AND notice.notice_id = ANY($11::uuid[])
        """,
        ids := [one.id for one in ordered],
        [one.version for one in ordered],
        [one.state.value for one in ordered],
        [one.reason for one in ordered],
        [one.ended_at for one in ordered],
        [one.provider for one in ordered],
        [one.provider_ref for one in ordered],
        [one.tries for one in ordered],
        [one.maybe for one in ordered],
        [one.superseded for one in ordered],
        ids,
        work.now,
    )


async def lock_notices(work: Work, ids: Iterable[UUID]) -> dict[NoticeId, Notice]:
    rows = await work.db.fetch(
        "SELECT * FROM notice WHERE notice_id = ANY($1::uuid[]) ORDER BY notice_id FOR UPDATE", list(ids)
    )
    return {NoticeId(row["notice_id"]): notice_of_row(row) for row in rows}


async def lock_unended(
    work: Work, subjects: Iterable[UUID], *, but: Iterable[NoticeId] = (), persons: Sequence[bytes] = ()
) -> list[Notice]:
    """Of these subjects, or of these persons, what is not sent yet."""
    rows = await work.db.fetch(
        """
        SELECT * FROM notice WHERE (about_id = ANY($1::uuid[]) OR person = ANY($3::bytea[]))
          AND state IN ('decided', 'sending') AND notice_id <> ALL($2::uuid[]) ORDER BY notice_id FOR UPDATE
        """,
        list(subjects),
        list(but),
        list(persons),
    )
    return [notice_of_row(row) for row in rows]


async def find_notices(work: Work, about_id: UUID) -> list[Notice]:
    rows = await work.db.fetch("SELECT * FROM notice WHERE about_id = $1 ORDER BY decided_at", about_id)
    return [notice_of_row(row) for row in rows]


async def find_by_references(work: Work, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], NoticeId]:
    """(provider, its own id of the message) → ours."""
    pairs = list(references)
    rows = await work.db.fetch(
        """
        SELECT n.provider, n.provider_ref, notice_id FROM notice n
        JOIN unnest($1::text[], $2::text[]) AS r(provider, provider_ref) USING (provider, provider_ref)
        WHERE n.provider_ref <> ''
        """,
        [name for name, _ in pairs],
        [reference for _, reference in pairs],
    )
    return {(row["provider"], row["provider_ref"]): NoticeId(row["notice_id"]) for row in rows}


async def find_by_number(work: Work, provider: str, person: bytes, short_ref: int) -> NoticeId | None:
    """Only where one alone can be meant."""
    rows = await work.db.fetch(
        """
        SELECT notice_id FROM notice WHERE person = $1 AND provider = $2 AND short_ref = $3
          AND state IN ('sending', 'unknown', 'unconfirmed') LIMIT 2
        """,
        person,
        provider,
        short_ref,
    )
    return NoticeId(rows[0]["notice_id"]) if len(rows) == 1 else None


async def lock_unconfirmed(work: Work, providers: Sequence[str], after: timedelta, *, limit: int) -> list[Notice]:
    """Sent or unknown for so long, and no receipt."""
    rows = await work.db.fetch(
        """
        SELECT * FROM notice WHERE state IN ('sent', 'unknown') AND ended_at < $1 AND provider = ANY($2::text[])
        ORDER BY notice_id LIMIT $3 FOR UPDATE SKIP LOCKED
        """,
        work.now - after,
        list(providers),
        limit,
    )
    return [notice_of_row(row) for row in rows]


async def redact(work: Work, before: datetime) -> int:
    """Recipient and content of what ended before then; the row stays and is counted."""
    status = await work.db.execute(
        """
        UPDATE notice SET address = NULL, facts = NULL WHERE notice_id = ANY (ARRAY(
            SELECT notice_id FROM notice WHERE ended_at < $1 AND (address IS NOT NULL OR facts IS NOT NULL) LIMIT $2
            FOR UPDATE SKIP LOCKED))
        """,
        before,
        REDACT_AT_ONCE,
    )
    return rows_changed(status)


async def count_by_state(work: Work) -> dict[str, int]:
    rows = await work.db.fetch("SELECT state, count(*) AS notices FROM notice GROUP BY state ORDER BY state")
    return {row["state"]: row["notices"] for row in rows}


async def counts(work: Work) -> list[dict[str, Any]]:
    rows = await work.db.fetch(
        """
        SELECT kind, channel, state, reason, provider, count(*) AS notices FROM notice
        GROUP BY kind, channel, state, reason, provider ORDER BY kind, channel, notices DESC
        """
    )
    return [dict(row) for row in rows]


async def count_waiting(work: Work) -> dict[str, tuple[int, datetime]]:
    """By queue: how many messages are due and not sent yet, and since when the oldest is due."""
    rows = await work.db.fetch(
        "SELECT queue, count(*) AS jobs, min(run_at) AS oldest FROM job WHERE run_at <= $1 GROUP BY queue", work.now
    )
    return {row["queue"]: (row["jobs"], row["oldest"]) for row in rows}


def _written(notice: Notice, now: datetime) -> dict[str, Any]:
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
        "decided_at": notice.decided_at,
        "valid_until": notice.valid_until,
        "ended_at": notice.ended_at,
        "about": notice.about.value,
        "occurrence": notice.occurrence,
        "template": notice.template,
        "person": _hex(notice.person),
        "facts": _hex(notice.facts),
        "provider": notice.provider,
        "provider_ref": notice.provider_ref,
        "short_ref": notice.short_ref,
        "tries": notice.tries,
        "maybe": notice.maybe,
        "superseded": notice.superseded,
        "tried": [one.value for one in notice.tried],
        "changed_at": now,
    }


def notice_of_row(row: Any) -> Notice:
    return Notice(
        id=NoticeId(row["notice_id"]),
        version=row["version"],
        about=About(row["about"]),
        about_id=row["about_id"],
        kind=Kind(row["kind"]),
        occurrence=row["occurrence"],
        template=row["template"],
        channel=Channel(row["channel"]),
        language=row["language"],
        person=row["person"],
        address=row["address"],
        facts=row["facts"],
        state=State(row["state"]),
        decided_at=row["decided_at"],
        valid_until=row["valid_until"],
        reason=row["reason"],
        ended_at=row["ended_at"],
        provider=row["provider"],
        provider_ref=row["provider_ref"],
        short_ref=row["short_ref"],
        tries=row["tries"],
        maybe=row["maybe"],
        superseded=row["superseded"],
        tried=tuple(Channel(one) for one in row["tried"]),
    )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"
