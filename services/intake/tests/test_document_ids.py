"""A device makes the ids of provisional documents, and never reaches a document of another case with one."""

from dataclasses import replace
from uuid import UUID

import asyncpg
import httpx
import pytest
from intake.domain.documents import Document
from intake.store import document_statements, documents
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import CaseId, DocumentId


async def issued_document(intake_client: IntakeClient) -> UUID:
    """The id of a rendered and signed document."""
    entry = intake_client.entry()
    await intake_client.sync(entry)
    await intake_client.answer_register(entry["case_id"], "confirmed")
    await intake_client.issue(entry["case_id"])
    [row] = await intake_client.rows(f"SELECT document_id FROM document WHERE case_id = '{entry['case_id']}'")
    return UUID(str(row["document_id"]))


async def everything(intake_client: IntakeClient) -> list[str]:
    """The documents, and what was told about documents."""
    rows = await intake_client.rows("SELECT t::text AS row FROM document t ORDER BY document_id")
    events = "SELECT t::text AS row FROM outbox t WHERE type LIKE 'at.wanderamt.document.%' ORDER BY id"
    return [row["row"] for row in [*rows, *await intake_client.rows(events)]]


def provisional(client: IntakeClient, document_id: UUID) -> dict[str, str]:
    return {"document_id": str(document_id), "number": client.numbers.take("UK")}


def codes(reply: httpx.Response) -> list[str]:
    return [result["problem"]["code"] if result["problem"] else "" for result in reply.json()["results"]]


async def other_device(intake_client: IntakeClient) -> IntakeClient:
    other = await intake_client.second_device()
    for series in ("GZ", "UK"):
        await other.lease(series)
    return other


async def test_a_new_case_cannot_take_the_signed_document_of_another_case(intake_client: IntakeClient) -> None:
    document_id, other = await issued_document(intake_client), await other_device(intake_client)
    before = await everything(intake_client)
    entry = other.entry()
    entry["body"]["provisional"] = provisional(other, document_id)
    assert codes(await other.sync(entry)) == ["document.id_reused"]
    assert await everything(intake_client) == before
    pdf = await intake_client.http.get(f"/documents/{document_id}.pdf", headers=intake_client.clerk())
    assert pdf.status_code == 200
    assert await other.rows(f"SELECT 1 FROM case_file WHERE case_id = '{entry['case_id']}'") == []
    number = entry["body"]["provisional"]["number"]
    corrected = other.entry(case_id=entry["case_id"], case_seq=2)  # with a new id, under the same number
    corrected["body"]["provisional"] = {"document_id": str(uuid7()), "number": number}
    assert codes(await other.sync(corrected)) == [""]


@pytest.mark.parametrize("ended", [False, True])
async def test_a_later_entry_cannot_take_a_document_either_nor_revoke_it(
    intake_client: IntakeClient, ended: bool
) -> None:
    """The document of a withdrawn case is revoked as it is recorded."""
    document_id, other = await issued_document(intake_client), await other_device(intake_client)
    entry = other.entry()
    await other.sync(entry)
    if ended:
        await other.sync(other.follow_up(entry["case_id"], "case.withdraw", {}, case_seq=2))
    before, seq = await everything(intake_client), 3 if ended else 2
    entry = other.follow_up(entry["case_id"], "case.give_provisional", provisional(other, document_id), case_seq=seq)
    assert codes(await other.sync(entry)) == ["document.id_reused"]
    assert await everything(intake_client) == before


async def test_a_case_cannot_give_its_own_document_a_second_time(intake_client: IntakeClient) -> None:
    document_id = await issued_document(intake_client)
    [row] = await intake_client.rows(f"SELECT case_id FROM document WHERE document_id = '{document_id}'")
    before = await everything(intake_client)
    entry = intake_client.follow_up(
        str(row["case_id"]), "case.give_provisional", provisional(intake_client, document_id), case_seq=2
    )
    assert codes(await intake_client.sync(entry)) == ["document.id_reused"]
    assert await everything(intake_client) == before


async def test_the_statement_fails_instead_of_writing_nothing(intake_client: IntakeClient) -> None:
    """Whatever decided it: a document stays with its case and number, and its version grows."""
    document_id = await issued_document(intake_client)
    database, before = intake_client.service.context.database, await everything(intake_client)
    async with database.unit_of_work() as uow:
        row = await uow.db.fetchrow("SELECT case_id FROM document WHERE document_id = $1", DocumentId(document_id))
        stored = await documents.find_document_of_case(uow, CaseId(row["case_id"]))
    assert stored

    async def save(document: Document) -> None:
        async with database.unit_of_work() as uow:
            uow.write_later(document_statements.upsert_documents([document]))

    newer = replace(stored, version=stored.version + 1)
    for wrong in (stored, replace(newer, case_id=CaseId(uuid7())), replace(newer, number="MB-2026-999999")):
        with pytest.raises(asyncpg.NotNullViolationError):
            await save(wrong)
    assert await everything(intake_client) == before
    await save(newer)


async def test_another_device_cannot_ask_for_the_answer_to_an_entry(intake_client: IntakeClient) -> None:
    other, entry = await intake_client.second_device(), intake_client.entry()
    assert codes(await intake_client.sync(entry)) == [""]
    assert codes(await other.sync(entry)) == ["entry.id_reused"]
    assert (await intake_client.sync(entry)).json()["results"][0]["status"] == "duplicate"
