"""What people type into our pages, and what every page says to the browser."""

from datetime import date

from fastapi import Request

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
NOTHING_FETCHED = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"


def read_day(text: str) -> date | None:
    """2026-05-04 as browsers write it, or 4.5.2026 as people do."""
    try:
        if "." in text:
            day, month, year = text.split(".")
            return date(int(year), int(month), int(day))
        return date.fromisoformat(text)
    except ValueError:
        return None


def asked_from(request: Request, client_header: str) -> str:
    """The address that asks. `client_header`: where our own proxy says it; believed, so only the proxy may set it."""
    told = request.headers.get(client_header) if client_header else None
    return told or (request.client.host if request.client else "")
