"""Input of public web pages, and the response headers of all of them."""

from datetime import date

from fastapi import Request

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
STRICT_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"


def parse_date(text: str) -> date | None:
    """2026-05-04 as browsers send it, or 4.5.2026 as people type it. None for anything else."""
    try:
        if "." in text:
            day, month, year = text.split(".")
            return date(int(year), int(month), int(day))
        return date.fromisoformat(text)
    except ValueError:
        return None


def client_address(request: Request, client_header: str) -> str:
    """The client's IP address. `client_header`: the header in which our proxy sends it; only the proxy may set it."""
    forwarded = request.headers.get(client_header) if client_header else None
    return forwarded or (request.client.host if request.client else "")
