"""A PDF renderer, and tasks for it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date

import pytest
import pytest_asyncio
from intake.documents_pdf.pdf_renderer import RENDER_TASK, PdfRenderer, RenderTask
from intake.documents_pdf.render_process import RenderWorker
from intake.domain.printed_content import PrintedContent
from intake.signing.authority import Authority
from paper_fixtures import samples
from service_catalogue.authority import load_letterhead


@pytest.fixture(scope="session")
def make_page() -> Callable[..., RenderTask]:
    """`texts`: parts of the content; `family_name`: the value of its first row."""

    def make(
        *, language: str = "de", valid_until: date | None = None, family_name: str = "Hadžić", **texts: str
    ) -> RenderTask:
        task = samples(language)["certificate"]
        (label, _), *others = task.content.rows
        content = replace(task.content, rows=((label, family_name), *others))
        return replace(task, content=PrintedContent.from_json(content.to_json() | texts), valid_until=valid_until)

    return make


@pytest.fixture(scope="session")
def signed(authority: Authority, make_page: Callable[..., RenderTask]) -> bytes:
    return RenderWorker(authority, load_letterhead())(RENDER_TASK.dump_json(make_page()))


@pytest_asyncio.fixture
async def renderer(authority: Authority) -> AsyncIterator[PdfRenderer]:
    renderer = PdfRenderer(authority, load_letterhead())
    yield renderer
    await renderer.stop()
