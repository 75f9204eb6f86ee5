"""The HTTP application of a service: roles, body size limit, traces, transactions.

Invariants: each route names the roles it is open to with `require_roles`, except the public ones that
tests/security/test_roles.py lists.
"""

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from wanderamt.backbone.environment import Environment
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security import dpop
from wanderamt.security.roles import Role
from wanderamt.security.tokens import MISSING, WRONG_ROLE, Principal, TokenVerifier
from wanderamt.shell.http_telemetry import RequestTelemetry
from wanderamt.shell.openapi_examples import add_examples
from wanderamt.shell.problems import RESPONSES, RefusalError, install_problems, render_problem

DPOP_HEADER = "DPoP"
MAX_BODY_BYTES = 32 * 1024 * 1024

BODY_TOO_LARGE = Refusal(
    "request.too_large",
    f"One request holds at most {MAX_BODY_BYTES // 2**20} MiB. Send it in parts.",
    RefusalKind.TOO_LARGE,
)
BODY_NOT_GZIP = Refusal(
    "request.not_gzip", "The body is marked as gzip but is not valid gzip, or its end is missing. Send it again."
)

# The framework's own spans and log records contain paths, queries and invalid input, that is codes and personal data.
NO_FRAMEWORK_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

bearer = HTTPBearer(auto_error=False, description="JWT (ES256) of the city's sign-in")
BearerCredentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class Component(Protocol):
    """A part of a service that starts and stops with it. `health_problem`: empty while healthy, else a sentence for the
    operator."""

    health_problem: str

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@runtime_checkable
class ReportsPauses(Protocol):
    """A component that does not do some of its work. Health shows it, and the service stays ready.

    `paused`: queue → reason. `unhandled`: queue → number of jobs that no handler takes.
    """

    paused: dict[str, str]
    unhandled: dict[str, int]


@dataclass(frozen=True, slots=True)
class RequireRole:
    """A FastAPI dependency that admits callers with one of `roles`; raises RefusalError (401 or 403) otherwise."""

    roles: frozenset[Role]

    async def __call__(self, request: Request, credentials: BearerCredentials) -> Principal:
        if credentials is None:
            raise RefusalError(MISSING)
        verifier: TokenVerifier = request.app.state.tokens
        environment: Environment = request.app.state.environment
        principal = verifier.verify(credentials.credentials, now=environment.clock())
        if isinstance(principal, Refusal):
            raise RefusalError(principal)
        if principal.key_thumbprint and principal.key_thumbprint != proven_key(request, credentials.credentials):
            raise RefusalError(dpop.WRONG)
        if not principal.roles & self.roles:
            raise RefusalError(WRONG_ROLE)
        return principal


def proven_key(request: Request, token: str) -> str:
    """The thumbprint of the key in the request's DPoP proof. Raises RefusalError without a valid proof."""
    environment: Environment = request.app.state.environment
    thumbprint = dpop.verify_dpop_proof(
        request.headers.get(DPOP_HEADER, ""),
        method=request.method,
        path=request.url.path,
        token=token,
        now=environment.clock(),
    )
    if isinstance(thumbprint, Refusal):
        raise RefusalError(thumbprint)
    return thumbprint


def require_roles(*roles: Role) -> Any:
    """For the parameters of a route: `principal: Principal = require_roles(Role.CLERK)`."""
    return Depends(RequireRole(frozenset(roles)))


async def _transaction(request: Request) -> AsyncIterator[UnitOfWork]:
    database: Database = request.app.state.database
    async with database.unit_of_work() as uow:
        yield uow


Transaction = Annotated[UnitOfWork, Depends(_transaction, scope="function")]
"""One transaction around a route function: committed before the response is sent, rolled back by any exception, also
by RefusalError. FastAPI resolves parameters in order: declare the principal first, then the body (`Body`), and the
transaction last, so that no connection is held for a caller who is not authorised or still sends."""


def create_http(title: str, *, tokens: TokenVerifier, database: Database) -> FastAPI:
    """OpenAPI document at /openapi.json, rendered at /docs."""
    app = FastAPI(title=f"Wanderamt {title}", version="1", responses=RESPONSES, telemetry=NO_FRAMEWORK_TELEMETRY)
    app.state.tokens = tokens
    app.state.environment = database.environment
    app.state.database = database
    generate_openapi = app.openapi
    app.openapi = lambda: add_examples(generate_openapi())  # type: ignore[method-assign]
    install_problems(app)
    app.add_middleware(BodySizeLimitMiddleware)
    app.add_middleware(RequestTelemetry)
    return app


class BodySizeLimitMiddleware:
    """Rejects a request whose Content-Length is too large; `read_body` counts the bytes of those without one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
            await render_problem(BODY_TOO_LARGE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def read_body(request: Request) -> bytes:
    """The body, decompressed if it is gzip, limited to MAX_BODY_BYTES. Raises RefusalError (413; 422 for bad gzip)."""
    compressed = request.headers.get("content-encoding", "").strip().lower() == "gzip"
    gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += gzip.decompress(chunk, MAX_BODY_BYTES + 1 - len(body)) if compressed else chunk
            if len(body) > MAX_BODY_BYTES:
                raise RefusalError(BODY_TOO_LARGE)
    except zlib.error as error:
        raise RefusalError(BODY_NOT_GZIP) from error
    if compressed and not gzip.eof:
        raise RefusalError(BODY_NOT_GZIP)
    return bytes(body)


Body = Annotated[bytes, Depends(read_body)]
"""The whole body, for a route that parses it itself; resolved before the transaction begins."""
