"""The HTTP door of a service: roles, size limits, traces, health.

Kept true: every route is made with `door.route` and names the roles it is open to; health alone is open to everybody.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind
from pydantic import BaseModel

from wanderamt.backbone.sources import Sources
from wanderamt.kernel.refusal import Ground, Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import MISSING, WRONG_ROLE, Caller, TokenReader
from wanderamt.shell.problems import RESPONSES, Refused, install_problems, render_problem

MAX_BODY_BYTES = 32 * 1024 * 1024

BODY_TOO_LARGE = Refusal(
    "request.too_large", f"One request holds at most {MAX_BODY_BYTES // 2**20} MiB. Send it in parts.", Ground.TOO_LARGE
)

tracer = trace.get_tracer(__name__)
bearer = HTTPBearer(auto_error=False, description="JWT (ES256) of the city's sign-in")


class Part(Protocol):
    """Something that runs inside a service. `trouble` is empty while all is well, else a sentence for the operator."""

    trouble: str

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets callers with one of `roles` in. A FastAPI dependency; raises Refused (401 or 403) otherwise."""

    roles: frozenset[Role]

    async def __call__(
        self, request: Request, sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> Caller:
        if sent is None:
            raise Refused(MISSING)
        reader: TokenReader = request.app.state.tokens
        sources: Sources = request.app.state.sources
        caller = reader.read(sent.credentials, now=sources.clock())
        if isinstance(caller, Refusal):
            raise Refused(caller)
        if not caller.roles & self.roles:
            raise Refused(WRONG_ROLE)
        return caller


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
    install_problems(app)
    app.middleware("http")(_bounded)
    app.middleware("http")(_traced)
    return app


def add_health(app: FastAPI, parts: dict[str, Part], alive: Callable[[], Awaitable[bool]]) -> None:
    """/health/live: the process answers. /health/ready: database, relay, inbox and jobs all make progress."""

    @app.get("/health/live", tags=["health"])
    async def live() -> Health:
        return Health(status="live")

    @app.get("/health/ready", tags=["health"])
    async def ready(response: Response) -> Health:
        troubles = {name: part.trouble or "ok" for name, part in parts.items()}
        troubles["database"] = (
            "ok" if await alive() else "does not answer: start PostgreSQL or check WANDERAMT_DATABASE_URL"
        )
        well = all(text == "ok" for text in troubles.values())
        response.status_code = 200 if well else 503
        return Health(status="ready" if well else "not ready", parts=troubles)


def add_asyncapi(app: FastAPI, describe: Callable[[], dict[str, Any]]) -> None:
    """`describe` is called when somebody asks, not at start-up."""

    @app.get("/asyncapi", tags=["contracts"])
    async def asyncapi(_: Caller = only(*Role)) -> dict[str, Any]:
        """The events this service hears and says (AsyncAPI 3)."""
        return describe()


async def _bounded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuses a body that announces too much; `read_body` counts those that do not announce."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY_BYTES:
        return render_problem(BODY_TOO_LARGE)
    return await call_next(request)


async def read_body(request: Request) -> bytes:
    """The raw body, bounded. Raises Refused (413)."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Refused(BODY_TOO_LARGE)
    return bytes(body)


async def _traced(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    if request.url.path.startswith("/health"):
        return await call_next(request)
    with tracer.start_as_current_span(
        f"{request.method} {request.url.path.split('/', 2)[1]}",
        context=propagate.extract(request.headers),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": request.method},
    ) as span:
        response = await call_next(request)
        span.set_attribute("http.response.status_code", response.status_code)
        return response
