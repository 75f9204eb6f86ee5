"""The HTTP application of a service: proofs of devices, headers, traces, transactions.

Invariants: a proof of a device counts for one request, in all processes of the service. `access` admits the callers.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Protocol, runtime_checkable

from fastapi import Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.telemetry import TelemetryConfig
from starlette.formparsers import MultiPartParser
from starlette.types import ASGIApp

from wanderamt.backbone.environment import Environment
from wanderamt.backbone.persistence.database import CONNECT_TIMEOUT_S, Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.persistence.used_proofs import take_proof
from wanderamt.kernel.refusal import Refusal
from wanderamt.security import dpop
from wanderamt.security.dpop import DpopProof, Origin, parse_public_address
from wanderamt.security.tokens import TokenVerifier
from wanderamt.shell.client_address import TrustedProxies
from wanderamt.shell.documentation import add_documentation
from wanderamt.shell.http_body import BodyLimitMiddleware, BodyReading, BodyTimes
from wanderamt.shell.http_telemetry import RequestTelemetry
from wanderamt.shell.large_bodies import MIB
from wanderamt.shell.openapi_examples import add_examples
from wanderamt.shell.problems import RESPONSES, RefusalError, install_problems
from wanderamt.shell.response_headers import ResponseHeaders

DPOP_HEADER = "DPoP"
DEFAULT_BODY_TIMES = BodyTimes()
MAX_UPLOAD_BYTES = 32 * MIB  # more than any route admits as a form

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


@runtime_checkable
class EndsWaits(Protocol):
    """A component whose requests wait for something: `end_waits` answers them, because the service stops."""

    def end_waits(self) -> None: ...


def read_proof(request: Request, token: str) -> DpopProof:
    """The request's DPoP proof, which may have been used before. Raises RefusalError without a valid one."""
    environment: Environment = request.app.state.environment
    addresses: Sequence[Origin] = request.app.state.public_addresses
    headers = request.headers.getlist(DPOP_HEADER)
    proof = dpop.verify_dpop_proof(
        headers[0] if headers else "",
        method=request.method,
        path=sent_path(request),
        token=token,
        now=environment.clock(),
        addresses=addresses,
    )
    if len(headers) > 1:
        raise RefusalError(dpop.WRONG)
    if isinstance(proof, Refusal):
        raise RefusalError(proof)
    return proof


async def use_proof(request: Request, proof: DpopProof) -> None:
    """For a proof beside a token that is not bound to its key. Raises RefusalError if another request has used it."""
    database: Database = request.app.state.database
    async with database.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
        if not await take_proof(connection, proof.digest, expires_at=proof.expires_at):
            raise RefusalError(dpop.USED)


def sent_path(request: Request) -> str:
    """The path as the client sent it, percent-encoded, without query."""
    raw: bytes | None = request.scope.get("raw_path")
    return raw.decode("latin-1") if raw else request.url.path


async def _transaction(request: Request) -> AsyncIterator[UnitOfWork]:
    database: Database = request.app.state.database
    async with database.unit_of_work() as uow:
        yield uow


Transaction = Annotated[UnitOfWork, Depends(_transaction, scope="function")]
"""One transaction around a route function: committed before the response is sent, rolled back by any exception, also
by RefusalError. FastAPI resolves parameters in order: declare the principal first, then what reads the body, and the
transaction last, so that no connection is held for a caller who is not authorised or still sends."""


class Application(FastAPI):
    """`https_only`: all its public addresses are https."""

    https_only: bool = False

    def build_middleware_stack(self) -> ASGIApp:
        """The headers are outside of everything, also of the handler of bugs."""
        return ResponseHeaders(super().build_middleware_stack(), https_only=self.https_only)


def create_http(
    title: str,
    *,
    tokens: TokenVerifier,
    database: Database,
    note_refusal: Callable[[Request, Refusal], None],
    public_addresses: Sequence[str] = (),
    documentation: bool = False,
    body_times: BodyTimes = DEFAULT_BODY_TIMES,
    trusted_proxies: TrustedProxies | None = None,
) -> FastAPI:
    """`note_refusal`: writes each refused request down. `public_addresses`: under which clients reach the service;
    without one, no proof of a device is valid. `documentation`: OpenAPI document at /openapi.json, as a page at /docs.
    `trusted_proxies`: None if nobody decided about them. Raises ValueError for a wrong address."""
    app = Application(
        title=f"Wanderamt {title}",
        version="1",
        responses=RESPONSES,
        telemetry=NO_FRAMEWORK_TELEMETRY,
        openapi_url=None,  # its pages load scripts of others; see documentation.py
        redirect_slashes=False,  # a redirect would go to the host that the caller names
    )
    addresses = [parse_public_address(address) for address in public_addresses]
    app.https_only = bool(addresses) and all(address.scheme == "https" for address in addresses)
    app.state.public_addresses = addresses
    app.state.tokens = tokens
    app.state.environment = database.environment
    app.state.database = database
    app.state.trusted_proxies = trusted_proxies
    # an upload stays in memory, which the body limit bounds: a temporary file would hold it in clear
    MultiPartParser.spool_max_size = MAX_UPLOAD_BYTES
    generate_openapi = app.openapi
    app.openapi = lambda: add_examples(generate_openapi())  # type: ignore[method-assign]
    install_problems(app, note_refusal)
    if documentation:
        add_documentation(app)
    app.state.body_reading = BodyReading(body_times)
    app.state.is_stopping = False
    app.add_middleware(BodyLimitMiddleware, reading=app.state.body_reading)
    app.add_middleware(RequestTelemetry)
    return app
