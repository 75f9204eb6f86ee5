"""The files of documents: stored encrypted, opened only to be delivered, and only as that of their document."""

import re
from hashlib import sha256

from intake_fixtures import IntakeClient
from structlog.testing import capture_logs
from wanderamt_testing.statements import StatementLog

READS_FILE = re.compile(r"SELECT (?:(?!\bFROM\b).)*\bpdf\b|SELECT \* FROM document|\bd\.\*")


async def test_the_file_of_a_document_is_stored_encrypted_and_opens_only_as_that_of_its_document(
    intake_client: IntakeClient,
) -> None:
    pdfs: dict[str, bytes] = {}
    for _ in range(2):
        entry = intake_client.entry()
        await intake_client.sync(entry)
        await intake_client.answer_register(entry["case_id"], "confirmed")
        pdf = await intake_client.issue(entry["case_id"])
        pdfs[(await intake_client.case(entry["case_id"]))["document_id"]] = pdf
    for row in await intake_client.rows("SELECT * FROM document"):
        pdf = pdfs[str(row["document_id"])]
        assert pdf.startswith(b"%PDF-")
        assert b"%PDF-" not in row["pdf"]
        assert len(row["pdf"]) == len(pdf) + 28  # nonce and tag
        assert row["sha256"] == sha256(pdf).hexdigest()
        url = f"/documents/{row['document_id']}.pdf"
        assert (await intake_client.http.get(url, headers=intake_client.clerk())).content == pdf
    async with intake_client.service.context.database.unit_of_work() as uow:
        await uow.db.execute("UPDATE document d SET pdf = o.pdf FROM document o WHERE o.document_id <> d.document_id")
    for document_id in pdfs:
        with capture_logs() as logs:
            reply = await intake_client.http.get(f"/documents/{document_id}.pdf", headers=intake_client.clerk())
        assert (reply.status_code, reply.json()["code"]) == (409, "content.unreadable")
        [line] = [line for line in logs if line["event"] == "content.unreadable"]
        assert (line["log_level"], line["purpose"]) == ("error", f"document.pdf:{document_id}")
        assert not [line for line in logs if line["event"] == "http.failed"]


async def test_no_statement_but_the_download_reads_the_file_of_a_document(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    await intake_client.sync(entry)
    await intake_client.answer_register(entry["case_id"], "confirmed")
    log = await StatementLog.of(intake_client.service.context.database)
    await intake_client.issue(entry["case_id"])
    document_id = (await intake_client.case(entry["case_id"]))["document_id"]
    url, order = f"/cases/{entry['case_id']}/reopen", {"reason": "wrong name"}
    await intake_client.http.post(url, json=order, headers=intake_client.clerk())
    assert [row["revoked_at"] for row in await intake_client.rows("SELECT revoked_at FROM document")] != [None]
    assert sum("document" in sql for sql in log.statements) >= 5
    assert [sql for sql in log.statements if READS_FILE.search(sql)] == []
    await intake_client.http.get(f"/documents/{document_id}.pdf", headers=intake_client.clerk())
    assert len([sql for sql in log.statements if READS_FILE.search(sql)]) == 1


async def test_a_revoked_document_keeps_its_file(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    await intake_client.sync(entry)
    await intake_client.answer_register(entry["case_id"], "confirmed")
    pdf = await intake_client.issue(entry["case_id"])
    document_id = (await intake_client.case(entry["case_id"]))["document_id"]
    url, order = f"/cases/{entry['case_id']}/reopen", {"reason": "wrong name"}
    await intake_client.http.post(url, json=order, headers=intake_client.clerk())
    assert (await intake_client.http.get(f"/documents/{document_id}.pdf", headers=intake_client.clerk())).content == pdf


async def test_an_ordered_document_without_a_file_is_not_found(intake_client: IntakeClient) -> None:
    entry = intake_client.entry(body={"service": "advice"})
    await intake_client.sync(entry)
    [row] = await intake_client.rows("SELECT document_id FROM document")
    reply = await intake_client.http.get(f"/documents/{row['document_id']}.pdf", headers=intake_client.clerk())
    assert (reply.status_code, reply.json()["code"]) == (404, "document.not_found")
    assert (await intake_client.case(entry["case_id"]))["document_id"] is None
