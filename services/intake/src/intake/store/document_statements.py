"""Hand-written statements of documents: a sync orders and revokes many; the status list covers all.

Invariants: the file of a document is stored encrypted only, and read only to be delivered.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.tables import value_of
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DocumentId
from wanderamt.security.keys import FieldCipher

from intake.domain.documents import Document
from intake.store.case_statements import CaseRecord, record_of_row

TABLE = "document"
DocumentWithCase: TypeAlias = tuple[Document, CaseRecord, str]
"""With the place of the case's stand."""


async def next_serials(uow: UnitOfWork, count: int) -> list[int]:
    """Serials that are unique even if this transaction rolls back: a gap is harmless, a duplicate is not."""
    rows = await uow.db.fetch("SELECT nextval('document_serial') AS serial FROM generate_series(1, $1)", count)
    return [row["serial"] for row in rows]


async def skip_serials(uow: UnitOfWork, *, up_to: int) -> None:
    await uow.db.execute(
        "SELECT setval('document_serial', greatest($1::bigint, (SELECT last_value FROM document_serial)))", up_to
    )


def upsert_documents(documents: Sequence[Document]) -> Statement:
    """New documents, and newer versions of known ones. Fails if the id belongs to another document, or if the stored
    version is not older."""
    return _UPSERT, (
        [document.document_id for document in documents],
        [document.case_id for document in documents],
        [document.number for document in documents],
        [document.version for document in documents],
        [document.ordered_at for document in documents],
        [document.issued_at for document in documents],
        [document.revoked_at for document in documents],
        [document.sha256 for document in documents],
        [document.status_index for document in documents],
        [document.second_copy for document in documents],
    )


def note_problem(document_id: DocumentId, problem: str, *, owner: str) -> Statement:
    """Shows at its case that an ordered document waits for `owner`. To issue it ends this."""
    return (
        "UPDATE document SET problem = $2, problem_owner = $3 WHERE document_id = $1 AND pdf IS NULL",
        (document_id, problem, owner),
    )


def save_issued(document: Document, pdf: bytes, cipher: FieldCipher) -> Statement:
    """A document that was ordered before, with its file."""
    return (
        """
        UPDATE document SET version = $2, issued_at = $3, sha256 = $4, pdf = $5, problem = NULL, problem_owner = NULL
        WHERE document_id = $1
        """,
        (
            document.document_id,
            document.version,
            document.issued_at,
            document.sha256,
            cipher.seal_bytes(document.case_id, pdf, purpose=_file_of(document.document_id)),
        ),
    )


async def read_file(uow: UnitOfWork, document_id: DocumentId, cipher: FieldCipher) -> bytes | None:
    """The PDF; None if there is none yet. Raises UnreadableCiphertextError."""
    row = await uow.db.fetchrow("SELECT case_id, pdf FROM document WHERE document_id = $1", document_id)
    if not row or row["pdf"] is None:
        return None
    return cipher.open_bytes(row["case_id"], row["pdf"], purpose=_file_of(document_id))


def _file_of(document_id: DocumentId) -> str:
    return f"document.pdf:{document_id}"


def remember(uow: UnitOfWork, document: Document, record: CaseRecord, place: str) -> None:
    """A document that this transaction orders, with its locked case: to prepare its rendering here reads nothing."""
    uow.locked[TABLE, str(document.document_id)] = document, record, place


async def find_with_case(
    uow: UnitOfWork, document_id: DocumentId, cipher: FieldCipher, *, lock: bool = False
) -> DocumentWithCase | None:
    """A document with its case and the place of its stand, empty while the stand is unknown.

    `lock`: the case, then the document.
    """
    ordered: DocumentWithCase | None = uow.locked.get((TABLE, str(document_id)))
    if ordered:
        return ordered
    await uow.flush()
    row = await uow.db.fetchrow(
        f"""
        SELECT c.*, d.document_id, d.number AS document_number, d.version AS document_version, d.ordered_at,
               d.issued_at, d.revoked_at, d.sha256, d.status_index, d.second_copy, coalesce(s.place, '') AS place
        FROM document d JOIN case_file c USING (case_id) LEFT JOIN stand s USING (stand_id) WHERE document_id = $1
        {"FOR UPDATE OF c, d" if lock else ""}
        """,  # noqa: S608 -- two fixed texts
        document_id,
    )
    if not row:
        return None
    document = value_of(Document, row, number=row["document_number"], version=row["document_version"])
    return document, record_of_row(row, cipher), row["place"]


async def lock_documents(
    uow: UnitOfWork, case_ids: Iterable[CaseId], document_ids: Iterable[DocumentId]
) -> list[Document]:
    """Documents of these cases, and these documents, unless they are revoked."""
    rows = await uow.db.fetch(
        """
        SELECT document_id, case_id, number, version, ordered_at, issued_at, revoked_at, sha256, status_index,
               second_copy
        FROM document WHERE (case_id = ANY($1::uuid[]) OR document_id = ANY($2::uuid[])) AND revoked_at IS NULL
        ORDER BY document_id FOR UPDATE
        """,
        list(case_ids),
        list(document_ids),
    )
    return [value_of(Document, row) for row in rows]


async def revoked_indexes(uow: UnitOfWork) -> tuple[list[int], int]:
    """The status list indexes of revoked documents, and the size of the list.

    Voided numbers, and unused numbers of blocks whose device was revoked, count as revoked.
    """
    rows = await uow.db.fetch(
        """
        SELECT status_index AS index FROM document WHERE revoked_at IS NOT NULL
        UNION ALL
        SELECT b.status_list_indexes[g.serial - b.first + 1] FROM spent_number g JOIN number_block b USING (block_id)
        WHERE g.reason IS NOT NULL AND cardinality(b.status_list_indexes) > 0
        UNION ALL
        SELECT b.status_list_indexes[s - b.first + 1]
        FROM number_block b CROSS JOIN generate_series(b.first, b.last) AS s
        WHERE b.suspended_at IS NOT NULL AND b.returned_at IS NULL AND cardinality(b.status_list_indexes) > 0
          AND NOT EXISTS (SELECT 1 FROM spent_number g
                          WHERE (g.series, g.year, g.serial) = (b.series, b.year, s))
        """
    )
    last = await uow.db.fetchval("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM document_serial")
    return [row["index"] for row in rows], last + 1


_UPSERT = """
    INSERT INTO document (document_id, case_id, number, version, ordered_at, issued_at, revoked_at, sha256,
                          status_index, second_copy)
    SELECT document_id, case_id, number, version, ordered_at, issued_at, revoked_at, sha256,
           coalesce(status_index, nextval('document_serial')), second_copy
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[],
                $7::timestamptz[], $8::text[], $9::bigint[], $10::boolean[])
         AS d(document_id, case_id, number, version, ordered_at, issued_at, revoked_at, sha256, status_index,
              second_copy)
    ON CONFLICT (document_id) DO UPDATE
    SET case_id = CASE WHEN (document.case_id, document.number) = (excluded.case_id, excluded.number)
                            AND document.version < excluded.version THEN document.case_id END,  -- else NULL: it fails
        version = excluded.version, issued_at = excluded.issued_at, revoked_at = excluded.revoked_at,
        sha256 = excluded.sha256
"""
