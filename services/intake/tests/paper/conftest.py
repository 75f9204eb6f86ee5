"""A press, and pages for it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime

import pytest
import pytest_asyncio
from intake.paper.press import PAGE, Page, Press
from intake.paper.printing import Printer
from intake.proof.authority import Authority

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
def make_page() -> Callable[..., Page]:
    def make(*, language: str = "de", valid_until: date | None = None, **printed: str) -> Page:
        return Page(
            template="confirmation",
            language=language,
            number="MB-2026-000042",
            holder="Zoë Hadžić 01.04.1990",
            issued_at=NOW,
            issued_on=NOW.date(),
            valid_until=valid_until,
            status_index=42,
            printed=PRINTED | printed,
        )

    return make


@pytest.fixture(scope="session")
def signed(authority: Authority, make_page: Callable[..., Page]) -> bytes:
    return Printer(authority)(PAGE.dump_json(make_page()))


@pytest_asyncio.fixture
async def press(authority: Authority) -> AsyncIterator[Press]:
    press = Press(authority)
    yield press
    await press.stop()
