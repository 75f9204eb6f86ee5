"""Routes that each service has: health, AsyncAPI document, metrics."""

import hmac
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel

from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import Require, require
from wanderamt.shell.http import BearerCredentials, Component, ReportsPauses
from wanderamt.shell.problems import RefusalError

router = APIRouter()


class Health(BaseModel):
    """`components`: what each part of the service says, for an operator's token or the scraper's secret only: it names
    registers and reasons."""

    status: str
    components: dict[str, str] = {}


def add_standard_routes(
    app: FastAPI,
    components: dict[str, Component],
    is_database_alive: Callable[[], Awaitable[bool]],
    describe: Callable[[], dict[str, Any]],
    *,
    refresh_metrics: Callable[[], Awaitable[None]],
) -> None:
    """`describe` creates the AsyncAPI document; it is called once, by the first request for it. `refresh_metrics` reads
    the values that are not counted in memory."""
    app.state.components = components
    app.state.is_stopping = False
    app.state.is_database_alive = is_database_alive
    app.state.describe = cache(describe)
    app.state.refresh_metrics = refresh_metrics
    app.include_router(router)


@router.get("/health/live", tags=["health"])
async def live() -> Health:
    """The process responds."""
    return Health(status="live")


class RequireScraper(Require):
    """Admits the scraper by its secret, which does not expire, and callers who may read metrics."""

    async def __call__(self, request: Request, credentials: BearerCredentials) -> Principal:
        secret: str = request.app.state.metrics_token
        if secret and credentials and hmac.compare_digest(credentials.credentials.encode(), secret.encode()):
            return Principal("scraper", frozenset())
        return await super().__call__(request, credentials)


admit_scraper = RequireScraper(Action.READ_METRICS)


async def _sees_components(request: Request, credentials: BearerCredentials) -> bool:
    """False for everybody else, also for a token that is no longer valid, which is written down: no credentials decide
    whether a service is ready."""
    if not credentials:
        return False
    try:
        await admit_scraper(request, credentials)
    except RefusalError as error:
        request.app.state.note_refusal(request, error.refusal)
        return False
    return True


@router.get("/health/ready", tags=["health"], response_model_exclude_defaults=True)
async def ready(request: Request, response: Response, detailed: Annotated[bool, Depends(_sees_components)]) -> Health:
    """Database, relay, inbox and jobs all make progress.

    A register that is down or in maintenance does not make a service unready: its other work must stay reachable.
    Operators and the scraper see each part.
    """
    components: dict[str, Component] = request.app.state.components
    problems = {name: component.health_problem for name, component in components.items()}
    problems["database"] = (
        ""
        if await request.app.state.is_database_alive()
        else "does not respond: start PostgreSQL or check WANDERAMT_DATABASE_URL"
    )
    if request.app.state.is_stopping:
        problems["service"] = "stops"
    healthy = not any(problems.values())
    response.status_code = 200 if healthy else 503
    status = "ready" if healthy else "not ready"
    if not detailed:
        return Health(status=status)
    return Health(
        status=status,
        components={name: problem or _paused(components.get(name)) or "ok" for name, problem in problems.items()},
    )


def _paused(component: Component | None) -> str:
    if not isinstance(component, ReportsPauses):
        return ""
    paused = [f"{name} is paused: {reason}" for name, reason in sorted(component.paused.items())]
    unhandled = [f"queue {name} has {jobs} jobs and no handler" for name, jobs in sorted(component.unhandled.items())]
    return "; ".join(paused + unhandled)


@router.get("/asyncapi", tags=["contracts"])
async def asyncapi(request: Request, _: Principal = require(Action.READ_EVENT_CATALOGUE)) -> dict[str, Any]:
    """The events this service consumes and publishes (AsyncAPI 3)."""
    document: dict[str, Any] = request.app.state.describe()
    return document


@router.get("/metrics", tags=["health"], response_class=Response, dependencies=[Depends(admit_scraper)])
async def metrics(request: Request) -> Response:
    """The metrics of this process in the Prometheus text format. For the scraper's secret or an operator's token."""
    await request.app.state.refresh_metrics()
    # loaded with the telemetry of a running service, not by each command that builds one
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
