"""A PDF renderer, and tasks for it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime

import pytest
import pytest_asyncio
from intake.documents_pdf.pdf_renderer import RENDER_TASK, PdfRenderer, RenderTask
from intake.documents_pdf.render_process import RenderWorker
from intake.signing.authority import Authority

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
PRINTED = {
    "title": "Meldebestätigung",
    "place": "Südbahnhofmarkt",
    "given_name": "Zoë",
    "family_name": "Hadžić",
    "birth_date": "01.04.1990",
    "issued_on": "01.06.2026",
    "valid_until": "",
}


@pytest.fixture(scope="session")
def make_page() -> Callable[..., RenderTask]:
    def make(*, language: str = "de", valid_until: date | None = None, **printed: str) -> RenderTask:
        return RenderTask(
            template="confirmation",
            language=language,
            number="MB-2026-000042",
            holder="Zoë Hadžić 01.04.1990",
            issued_at=NOW,
            issued_on=NOW.date(),
            valid_until=valid_until,
            status_index=42,
            fields=PRINTED | printed,
        )

    return make


@pytest.fixture(scope="session")
def signed(authority: Authority, make_page: Callable[..., RenderTask]) -> bytes:
    return RenderWorker(authority)(RENDER_TASK.dump_json(make_page()))


@pytest_asyncio.fixture
async def renderer(authority: Authority) -> AsyncIterator[PdfRenderer]:
    renderer = PdfRenderer(authority)
    yield renderer
    await renderer.stop()
