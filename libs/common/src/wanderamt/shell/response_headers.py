"""The headers of every response of a service: one place for all routes, static files, errors and redirects.

Invariants: no response can be framed by another page, or is read as another type than it says; none is stored by a
browser or a proxy unless its route says so with a Cache-Control of its own. A route may set each of these headers
itself; of a content policy it keeps its own directives and gets the missing ones of REQUIRED_POLICY.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

REQUIRED_POLICY: Final = (b"frame-ancestors 'none'", b"base-uri 'none'")  # default-src covers neither
NOT_A_PAGE: Final = b"default-src 'none'; form-action 'none'"  # JSON, files and errors load and send nothing
HSTS_S: Final = 365 * 24 * 3600

_POLICY: Final = b"content-security-policy"
_DEFAULTS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), serial=(), bluetooth=()",
    ),
)
_DIRECTIVES: Final = tuple((directive.split(b" ")[0], directive) for directive in REQUIRED_POLICY)


class ResponseHeaders:
    """Wraps a whole application, so that its error pages get the headers, too. Copies no body and no request.

    `https_only`: clients reach the service by https alone; browsers then refuse http for a year (RFC 6797).
    """

    def __init__(self, app: ASGIApp, *, https_only: bool) -> None:
        self._app = app
        hsts = ((b"strict-transport-security", b"max-age=%d" % HSTS_S),) if https_only else ()
        self._defaults = _DEFAULTS + hsts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = completed(message.get("headers", ()), self._defaults)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def completed(sent: Iterable[Header], defaults: Sequence[Header] = _DEFAULTS) -> list[Header]:
    """`sent` and what is missing; for responses of the server itself, which pass no application."""
    headers = list(sent)
    present = {name.lower() for name, _ in headers}
    headers += [header for header in defaults if header[0] not in present]
    if _POLICY not in present:
        return [*headers, (_POLICY, _WITHOUT_PAGE)]
    return [(name, _complete(value) if name.lower() == _POLICY else value) for name, value in headers]


def _complete(policy: bytes) -> bytes:
    present = {directive.split(maxsplit=1)[0].lower() for directive in policy.split(b";") if directive.strip()}
    return b"; ".join([policy.rstrip(b"; "), *(text for name, text in _DIRECTIVES if name not in present)])


_WITHOUT_PAGE: Final = _complete(NOT_A_PAGE)
