"""Input of public web pages, the response headers of all of them, and answers that take the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime

from wanderamt.backbone.persistence.code_lookups import ANSWER_S
from wanderamt.kernel.bounded import bounded_day, bounded_time

NOT_INDEXED = {"X-Robots-Tag": "noindex"}
STRICT_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"


def parse_date(text: str) -> date | None:
    """2026-05-04 as browsers send it, or 4.5.2026 as people type it. None for anything else, and outside of the bounds
    of BoundedDay."""
    try:
        if "." in text:
            day, month, year = text.split(".")
            return bounded_day(date(int(year), int(month), int(day)))
        return bounded_day(date.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def parse_time(text: str) -> datetime | None:
    """A time with its zone, in ISO 8601. None for anything else, and outside of the bounds of BoundedTime."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return bounded_time(time) if time.tzinfo else None


@dataclass
class AnswerTime:
    seconds: float = ANSWER_S


@asynccontextmanager
async def same_answer_time() -> AsyncIterator[AnswerTime]:
    """The block takes at least ANSWER_S, or the seconds that it sets, so the time of an answer tells nothing.

    It must end its transaction itself: the wait holds no connection.
    """
    loop = asyncio.get_running_loop()
    begun, answer = loop.time(), AnswerTime()
    try:
        yield answer
    finally:
        await asyncio.sleep(max(0.0, begun + answer.seconds - loop.time()))
