"""Documents that are hard or impossible to print: the printer goes on, and what it cannot print has an owner."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from intake.documents_pdf.pdf_renderer import PdfRenderer
from intake.domain.document_content import DocumentContent, RenderedDocument
from intake.domain.printed_content import PrintedContent
from intake.jobs import render_document
from intake_fixtures import IntakeClient
from pypdf import PdfReader
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.jobs.handler import JobHandler
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.backbone.messaging import replay
from wanderamt.backbone.messaging.dead_letter_queries import DeadLetterFilter, list_groups
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.contracts import Language
from wanderamt.kernel.ids import DocumentId

WAIT_S = 60.0
REASON = "template with_a_mistake: intake.documents_pdf.render_process: FileNotFoundError"


async def ordered(intake_client: IntakeClient) -> str:
    """A case whose document is ordered."""
    entry = intake_client.entry()
    assert [result["status"] for result in (await intake_client.sync(entry)).json()["results"]] == ["accepted"]
    case_id: str = entry["case_id"]
    await intake_client.answer_register(case_id, "confirmed")
    return case_id


def document_jobs(intake_client: IntakeClient) -> JobHandler:
    runner = intake_client.service.components["jobs"]
    assert isinstance(runner, JobRunner)
    [handler] = runner.handlers
    return handler


@asynccontextmanager
async def printing(intake_client: IntakeClient, handler: JobHandler) -> AsyncIterator[None]:
    runner = JobRunner(intake_client.service.context.database, [handler])
    await runner.start()
    with capture_logs():
        yield
    await runner.stop()


async def until_printed(intake_client: IntakeClient, case_id: str) -> bytes:
    async with asyncio.timeout(WAIT_S):
        while True:
            document_id = (await intake_client.case(case_id))["document_id"]
            if document_id:
                url = f"/documents/{document_id}.pdf"
                return (await intake_client.http.get(url, headers=intake_client.clerk())).content
            await asyncio.sleep(0.05)


async def until_failed(intake_client: IntakeClient) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await intake_client.rows("SELECT 1 FROM job WHERE status = 'failed'"):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("place", "printed"),
    [
        ("＝1+1", "=1+1"),
        ("Markt\u202e 市場", "Markt□ □□"),
        ("A\tB\u2028C", "A B C"),
        ("a" + "\u0301" * 40, "á"),
    ],
)
async def test_a_place_that_the_fonts_lack_is_printed_with_a_visible_replacement(
    intake_client: IntakeClient, place: str, printed: str
) -> None:
    async with intake_client.service.context.database.unit_of_work() as uow:
        await uow.db.execute(
            """
            INSERT INTO stand (stand_id, place, starts_at, ends_at, cancelled) VALUES ($1, $2, now(), now(), false)
            """,  # as an earlier version stored it
            intake_client.stand_id,
            place,
        )
    case_id = await ordered(intake_client)
    async with printing(intake_client, document_jobs(intake_client)):
        pdf = await until_printed(intake_client, case_id)
    assert printed in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


async def test_an_accent_that_no_font_has_together_with_its_letter_is_printed_as_a_visible_replacement(
    intake_client: IntakeClient,
) -> None:
    renderer = intake_client.service.components["pdf_workers"]
    assert isinstance(renderer, PdfRenderer)
    now = utc_now()
    content = DocumentContent(
        document_id=DocumentId(uuid7()),
        template="certificate",
        language=Language.DE,
        printed=PrintedContent("test", "Bestätigung", "MB-2026-000001", law="№\u0eb9 5"),
        holder="",
        issued_at=now,
        issued_on=now.date(),
        valid_until=None,
        status_index=1,
    )
    with capture_logs() as logs:
        rendered = await render_document(content, renderer=renderer)
    assert isinstance(rendered, RenderedDocument)
    assert "№□ 5" in PdfReader(io.BytesIO(rendered.pdf)).pages[0].extract_text()
    assert [line["event"] for line in logs] == ["document.accents_replaced"]


async def test_a_document_that_cannot_be_rendered_gets_an_owner_and_others_are_printed(
    intake_client: IntakeClient,
) -> None:
    handler = document_jobs(intake_client)
    broken = await ordered(intake_client)
    attempts = 0

    async def execute(content: DocumentContent) -> object:
        nonlocal attempts
        if str(content.document_id) != broken_document:
            return await handler.execute(content)
        attempts += 1
        return await handler.execute(replace(content, template="with_a_mistake"))

    [row] = await intake_client.rows(f"SELECT document_id FROM document WHERE case_id = '{broken}'")
    broken_document = str(row["document_id"])
    async with printing(intake_client, replace(handler, execute=execute)):
        other = await ordered(intake_client)
        await until_printed(intake_client, other)
        await until_failed(intake_client)
    case = await intake_client.case(broken)
    assert (case["state"], case["document_id"], case["document_owner"]) == ("final", None, "head of office")
    assert case["document_problem"] == REASON
    assert attempts == 1
    await _retry(intake_client)
    async with printing(intake_client, handler):
        await until_printed(intake_client, broken)
    mended = await intake_client.case(broken)
    assert (mended["document_problem"], mended["document_owner"]) == (None, None)
    assert mended["document_id"] == broken_document


async def test_a_document_whose_seal_no_code_can_hold_gets_an_owner(
    intake_client: IntakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intake.jobs.shorten", lambda holder, _: holder * 100)
    case_id = await ordered(intake_client)
    async with printing(intake_client, document_jobs(intake_client)):
        await until_failed(intake_client)
    case = await intake_client.case(case_id)
    assert (case["document_id"], case["document_owner"]) == (None, "head of office")
    assert case["document_problem"].endswith("SealTooLongError")


async def _retry(intake_client: IntakeClient) -> None:
    """As `wanderamt dead-letters retry` does."""
    inbox = intake_client.service.components["inbox"]
    assert isinstance(inbox, Inbox)
    async with intake_client.service.context.database.unit_of_work() as uow:
        [group] = await list_groups(uow)
    assert (group.type, group.reason) == ("issue-document", REASON)
    async for _ in replay.replay(inbox, DeadLetterFilter(utc_now()), who="operator", rate=None):
        pass
