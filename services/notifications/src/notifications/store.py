"""All SQL of notifications: returns and takes domain values."""

from typing import Any

from wanderamt.backbone.work import Work
from wanderamt.contracts import Channel, Language
from wanderamt.kernel.ids import CaseId, NoticeId
from wanderamt.kernel.sealed import Sealed

from notifications.domain.notice import Notice, NoticeState, Occasion


async def add_notice(work: Work, notice: Notice) -> bool:
    """False when this case has a notice of this kind on this channel already."""
    status = await work.db.execute(
        """
        INSERT INTO notice (notice_id, version, case_id, kind, channel, language, reference, contact, state, reason,
                            decided_at, valid_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
        """,
        notice.id,
        notice.version,
        notice.case_id,
        notice.kind,
        notice.channel,
        notice.language,
        notice.reference,
        notice.contact.model_dump(mode="json"),
        notice.state,
        notice.reason,
        notice.decided_at,
        notice.valid_until,
    )
    return bool(status == "INSERT 0 1")


async def save_notice(work: Work, notice: Notice) -> None:
    await work.save(
        "UPDATE notice SET version = $2, state = $3, reason = $4, ended_at = $5 WHERE notice_id = $1",
        notice.id,
        notice.version,
        notice.state,
        notice.reason,
        notice.ended_at,
    )


async def lock_notice(work: Work, notice_id: NoticeId) -> Notice | None:
    row = await work.db.fetchrow("SELECT * FROM notice WHERE notice_id = $1 FOR UPDATE", notice_id)
    return _notice(row) if row else None


async def notices_of_case(work: Work, case_id: CaseId) -> list[Notice]:
    rows = await work.db.fetch("SELECT * FROM notice WHERE case_id = $1 ORDER BY decided_at", case_id)
    return [_notice(row) for row in rows]


async def count_by_state(work: Work) -> dict[str, int]:
    rows = await work.db.fetch("SELECT state, count(*) AS notices FROM notice GROUP BY state ORDER BY state")
    return {row["state"]: row["notices"] for row in rows}


def _notice(row: Any) -> Notice:
    return Notice(
        id=NoticeId(row["notice_id"]),
        version=row["version"],
        case_id=CaseId(row["case_id"]),
        kind=Occasion(row["kind"]),
        channel=Channel(row["channel"]),
        language=Language(row["language"]),
        reference=row["reference"],
        contact=Sealed.model_validate(row["contact"]),
        state=NoticeState(row["state"]),
        decided_at=row["decided_at"],
        valid_until=row["valid_until"],
        reason=row["reason"],
        ended_at=row["ended_at"],
    )
