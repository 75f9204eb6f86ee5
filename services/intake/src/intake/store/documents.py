"""Documents: ordered, made, taken back."""

from collections.abc import Iterable, Sequence
from typing import Any

from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DocumentId
from wanderamt.security.keys import Sealer

from intake.domain.documents import Document
from intake.store.cases import Filed, filed_of


async def next_serials(work: Work, count: int) -> list[int]:
    """Never the same twice, also when this transaction rolls back: a gap is harmless, a double is not."""
    rows = await work.db.fetch("SELECT nextval('document_serial') AS serial FROM generate_series(1, $1)", count)
    return [row["serial"] for row in rows]


async def save_documents(work: Work, documents: Sequence[Document]) -> None:
    await work.save(
        """
        INSERT INTO document (document_id, case_id, number, version, ordered_at, issued_at, revoked_at, sha256, pdf,
                              status_index, beside)
        SELECT document_id, case_id, number, version, ordered_at, issued_at, revoked_at, sha256, pdf,
               coalesce(status_index, nextval('document_serial')), beside
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[],
                    $7::timestamptz[], $8::text[], $9::bytea[], $10::bigint[], $11::boolean[])
             AS d(document_id, case_id, number, version, ordered_at, issued_at, revoked_at, sha256, pdf, status_index,
                  beside)
        ON CONFLICT (document_id) DO UPDATE
        SET version = excluded.version, issued_at = excluded.issued_at, revoked_at = excluded.revoked_at,
            sha256 = excluded.sha256, pdf = excluded.pdf
        """,
        [document.id for document in documents],
        [document.case_id for document in documents],
        [document.number for document in documents],
        [document.version for document in documents],
        [document.ordered_at for document in documents],
        [document.issued_at for document in documents],
        [document.revoked_at for document in documents],
        [document.sha256 for document in documents],
        [document.pdf for document in documents],
        [document.status_index for document in documents],
        [document.beside for document in documents],
    )


async def find_order(work: Work, document_id: DocumentId, sealer: Sealer) -> tuple[Document, Filed, str] | None:
    """A document with its case and the place of its stand, which is empty when the stand is not known yet."""
    row = await work.db.fetchrow(
        """
        SELECT c.*, d.document_id, d.number AS document_number, d.version AS document_version, d.ordered_at,
               d.issued_at, d.revoked_at, d.sha256, d.pdf, d.status_index, d.beside, coalesce(s.place, '') AS place
        FROM document d JOIN case_file c USING (case_id) LEFT JOIN stand s USING (stand_id) WHERE document_id = $1
        """,
        document_id,
    )
    if not row:
        return None
    document = _document({**row, "number": row["document_number"], "version": row["document_version"]})
    return document, filed_of(row, sealer), row["place"]


async def lock_document(work: Work, document_id: DocumentId) -> Document | None:
    row = await work.db.fetchrow("SELECT * FROM document WHERE document_id = $1 FOR UPDATE", document_id)
    return _document(row) if row else None


async def find_document(work: Work, document_id: DocumentId) -> Document | None:
    row = await work.db.fetchrow("SELECT * FROM document WHERE document_id = $1", document_id)
    return _document(row) if row else None


async def lock_documents_of_cases(work: Work, case_ids: Iterable[CaseId]) -> list[Document]:
    """Those that were not taken back."""
    rows = await work.db.fetch(
        """
        SELECT * FROM document WHERE case_id = ANY($1::uuid[]) AND revoked_at IS NULL ORDER BY document_id FOR UPDATE
        """,
        list(case_ids),
    )
    return [_document(row) for row in rows]


async def find_document_of_case(work: Work, case_id: CaseId) -> Document | None:
    """The one that counts, else the last one that was taken back."""
    row = await work.db.fetchrow(
        "SELECT * FROM document WHERE case_id = $1 ORDER BY revoked_at DESC NULLS FIRST, beside LIMIT 1", case_id
    )
    return _document(row) if row else None


async def status_of_papers(work: Work) -> tuple[list[int], int]:
    """The places of those that were taken back, and how many places there are.

    A number that was voided, and one that a revoked device has not used, stands on no paper that counts.
    """
    rows = await work.db.fetch(
        """
        SELECT status_index AS place FROM document WHERE revoked_at IS NOT NULL
        UNION ALL
        SELECT b.places[g.serial - b.first + 1] FROM number_gone g JOIN number_block b USING (block_id)
        WHERE g.reason IS NOT NULL AND cardinality(b.places) > 0
        UNION ALL
        SELECT b.places[s - b.first + 1]
        FROM number_block b JOIN device d USING (device_id) CROSS JOIN generate_series(b.first, b.last) AS s
        WHERE d.revoked_at IS NOT NULL AND b.returned_at IS NULL AND cardinality(b.places) > 0
          AND NOT EXISTS (SELECT 1 FROM number_gone g
                          WHERE (g.series, g.year, g.serial) = (b.series, b.year, s))
        """
    )
    last = await work.db.fetchval("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM document_serial")
    return [row["place"] for row in rows], last + 1


def _document(row: Any) -> Document:
    return Document(
        id=DocumentId(row["document_id"]),
        case_id=CaseId(row["case_id"]),
        number=row["number"],
        version=row["version"],
        ordered_at=row["ordered_at"],
        sha256=row["sha256"],
        pdf=row["pdf"],
        issued_at=row["issued_at"],
        revoked_at=row["revoked_at"],
        status_index=row["status_index"],
        beside=row["beside"],
    )
