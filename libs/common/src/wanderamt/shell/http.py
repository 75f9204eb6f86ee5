"""The HTTP door of a service: roles, size limits, traces, health.

Kept true: every route is made with `door.route` and names the roles it is open to; health alone is open to everybody.
"""

import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, runtime_checkable

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wanderamt.backbone.sources import Sources
from wanderamt.kernel.refusal import Ground, Refusal
from wanderamt.security import proofs
from wanderamt.security.roles import Role
from wanderamt.security.tokens import MISSING, WRONG_ROLE, Caller, TokenReader
from wanderamt.shell.examples import complete
from wanderamt.shell.problems import RESPONSES, Refused, install_problems, render_problem

PROOF = "DPoP"
MAX_BODY_BYTES = 32 * 1024 * 1024

BODY_TOO_LARGE = Refusal(
    "request.too_large", f"One request holds at most {MAX_BODY_BYTES // 2**20} MiB. Send it in parts.", Ground.TOO_LARGE
)
BODY_NOT_GZIP = Refusal(
    "request.not_gzip", "The body says it is gzip and is not, or its end is missing. Send it again."
)

tracer = trace.get_tracer(__name__)
bearer = HTTPBearer(auto_error=False, description="JWT (ES256) of the city's sign-in")
Sent = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class Part(Protocol):
    """Something that runs inside a service. `trouble` is empty while all is well, else a sentence for the operator."""

    trouble: str

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@runtime_checkable
class Pausing(Protocol):
    """A part of which something waits on purpose: told to the operator, and no reason to send nobody here.

    `pauses`: reasons by what waits.
    """

    pauses: dict[str, str]


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets callers with one of `roles` in. A FastAPI dependency; raises Refused (401 or 403) otherwise."""

    roles: frozenset[Role]

    async def __call__(self, request: Request, sent: Sent) -> Caller:
        if sent is None:
            raise Refused(MISSING)
        reader: TokenReader = request.app.state.tokens
        sources: Sources = request.app.state.sources
        caller = reader.read(sent.credentials, now=sources.clock())
        if isinstance(caller, Refusal):
            raise Refused(caller)
        if caller.bound_to and caller.bound_to != proven_key(request, sent.credentials):
            raise Refused(proofs.WRONG)
        if not caller.roles & self.roles:
            raise Refused(WRONG_ROLE)
        return caller


def proven_key(request: Request, token: str) -> str:
    """Thumbprint of the key whose holder made this request with this token. Raises Refused where none is shown."""
    sources: Sources = request.app.state.sources
    shown = proofs.read_proof(
        request.headers.get(PROOF, ""),
        method=request.method,
        path=request.url.path,
        token=token,
        now=sources.clock(),
    )
    if isinstance(shown, Refusal):
        raise Refused(shown)
    return shown


def only(*roles: Role) -> Any:
    """`caller: Caller = only(Role.CLERK)` in a route's arguments."""
    return Depends(Gate(frozenset(roles)))


class Health(BaseModel):
    status: str
    parts: dict[str, str] = {}


def create_http(title: str, *, tokens: TokenReader, sources: Sources) -> FastAPI:
    """OpenAPI at /openapi.json, readable at /docs."""
    app = FastAPI(title=f"Wanderamt {title}", version="1", responses=RESPONSES)
    app.state.tokens = tokens
    app.state.sources = sources
    described = app.openapi
    app.openapi = lambda: complete(described())  # type: ignore[method-assign]
    install_problems(app)
    app.add_middleware(Bounded)
    app.add_middleware(Traced)
    return app


def add_health(app: FastAPI, parts: dict[str, Part], alive: Callable[[], Awaitable[bool]]) -> None:
    """/health/live: the process answers. /health/ready: database, relay, inbox and jobs all make progress.

    A register that is down or closed is not ours to be unready for: the others would be out of reach, too.
    """

    @app.get("/health/live", tags=["health"])
    async def live() -> Health:
        return Health(status="live")

    @app.get("/health/ready", tags=["health"])
    async def ready(response: Response) -> Health:
        troubles = {name: part.trouble for name, part in parts.items()}
        troubles["database"] = (
            "" if await alive() else "does not answer: start PostgreSQL or check WANDERAMT_DATABASE_URL"
        )
        well = not any(troubles.values())
        said = {name: text or _paused(parts.get(name)) or "ok" for name, text in troubles.items()}
        response.status_code = 200 if well else 503
        return Health(status="ready" if well else "not ready", parts=said)


def _paused(part: Part | None) -> str:
    if not isinstance(part, Pausing):
        return ""
    return "; ".join(f"{what} is paused: {why}" for what, why in sorted(part.pauses.items()))


def add_asyncapi(app: FastAPI, describe: Callable[[], dict[str, Any]]) -> None:
    """`describe` is called when somebody asks, not at start-up."""

    @app.get("/asyncapi", tags=["contracts"])
    async def asyncapi(_: Caller = only(*Role)) -> dict[str, Any]:
        """The events this service hears and says (AsyncAPI 3)."""
        return describe()


def add_metrics(app: FastAPI) -> None:
    @app.get("/metrics", tags=["health"], response_class=Response)
    async def measures(_: Caller = only(Role.OPERATOR)) -> Response:
        """What this process measures, in the text format of Prometheus; a scraper brings an operator's token."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class Bounded:
    """Refuses a body that announces too much; `read_body` counts those that do not announce."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
            await render_problem(BODY_TOO_LARGE)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Traced:
    """A server span around each request, under the trace the caller sent; none for health."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/health"):
            await self._app(scope, receive, send)
            return
        with tracer.start_as_current_span(
            f"{scope['method']} {scope['path'].split('/', 2)[1]}",
            context=propagate.extract(Headers(scope=scope)),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": scope["method"]},
        ) as span:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, answer)


async def read_body(request: Request) -> bytes:
    """The body, unpacked when it came as gzip; bounded as it is unpacked. Raises Refused (413, or 422 for bad gzip)."""
    packed = request.headers.get("content-encoding", "").strip().lower() == "gzip"
    gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += gzip.decompress(chunk, MAX_BODY_BYTES + 1 - len(body)) if packed else chunk
            if len(body) > MAX_BODY_BYTES:
                raise Refused(BODY_TOO_LARGE)
    except zlib.error as error:
        raise Refused(BODY_NOT_GZIP) from error
    if packed and not gzip.eof:
        raise Refused(BODY_NOT_GZIP)
    return bytes(body)
