"""Each route of each service is a module-level function, importable by name, that requires one action or is public.

Routes and dependencies are coroutines: FastAPI runs a plain function in a thread, which costs a quarter of the requests.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from wanderamt.security.policy import Action
from wanderamt.security.tokens import Principal
from wanderamt.shell.access import Require, require
from wanderamt_local.access_table import PUBLIC, read_table
from wanderamt_local.contracts import unstarted_application
from wanderamt_local.system import SERVICES

ROOT = Path(__file__).parents[2]
MOUNTS = {"/field"}  # the built field app: files that everybody may read
HEALTH = {("GET", "/health/live"), ("GET", "/health/ready")}


def public_routes(service: str) -> set[tuple[str, str]]:
    """(method, path), as printed in docs/security.md, which another test compares with the running services."""
    table = read_table((ROOT / "docs" / "security.md").read_text(), service)
    return {route for route, answers in table.items() if set(answers.values()) == {PUBLIC}}


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> Iterator[tuple[str, FastAPI]]:
    """The name and the application of a service that is built, not started."""
    with unstarted_application(request.param) as application:
        yield request.param, application


def api_routes(app: FastAPI) -> list[RouteContext]:
    """All routes but static files and FastAPI's own documentation pages, with prefixes and dependencies applied."""
    return [route for route in iter_route_contexts(app.routes) if isinstance(route.original_route, APIRoute)]


def unknown_routes(app: FastAPI) -> list[str]:
    """Routes that are neither FastAPI routes with dependencies, nor FastAPI's documentation, nor a known mount."""
    known = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", *MOUNTS}
    return [
        str(route.path)
        for route in iter_route_contexts(app.routes)
        if not isinstance(route.original_route, APIRoute) and route.path not in known
    ]


def is_importable(endpoint: object) -> bool:
    """Whether `from <module> import <name>` returns this very function."""
    return getattr(sys.modules.get(endpoint.__module__), getattr(endpoint, "__qualname__", ""), None) is endpoint


def required_actions(dependant: Dependant) -> frozenset[Action]:
    """Actions of the Require dependencies of a route, nested ones too. Empty: the route is open to everybody."""
    actions = frozenset({dependant.call.action}) if isinstance(dependant.call, Require) else frozenset()
    return actions.union(*map(required_actions, dependant.dependencies))


def without_action(app: FastAPI, public: set[tuple[str, str]]) -> list[str]:
    return [
        f"{method} {route.path}"
        for route in api_routes(app)
        for method in sorted(route.methods or ())
        if (method, route.path) not in public | HEALTH and len(required_actions(route.dependant)) != 1
    ]


def is_async(call: object) -> bool:
    functions = (call, getattr(call, "__call__", None))  # noqa: B004 -- an object whose __call__ is a coroutine
    return any(inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function) for function in functions)


def run_in_a_thread(dependant: Dependant) -> list[str]:
    """Names of the route function and the dependencies, nested ones too, that are plain functions."""
    names = [] if is_async(dependant.call) else [str(dependant.call)]
    return names + [name for dependency in dependant.dependencies for name in run_in_a_thread(dependency)]


def not_importable(app: FastAPI) -> list[str]:
    return [str(route.path) for route in api_routes(app) if not is_importable(route.endpoint)]


def test_each_route_function_is_importable_by_name(service: tuple[str, FastAPI]) -> None:
    _, app = service
    assert api_routes(app)
    assert not_importable(app) == []


def test_no_route_goes_around_the_dependencies(service: tuple[str, FastAPI]) -> None:
    _, app = service
    assert unknown_routes(app) == []
    assert app.dependency_overrides == {}


def test_each_route_requires_one_action_or_is_listed_as_public(service: tuple[str, FastAPI]) -> None:
    name, app = service
    public = public_routes(name)
    assert without_action(app, public) == []
    assert public <= {(method, route.path) for route in api_routes(app) for method in route.methods or ()}


def test_no_route_and_no_dependency_runs_in_a_thread(service: tuple[str, FastAPI]) -> None:
    _, app = service
    assert {route.path: names for route in api_routes(app) if (names := run_in_a_thread(route.dependant))} == {}


router = APIRouter()


@router.get("/open")
async def open_route() -> None: ...


@router.get("/guarded")
async def guarded_route(_: Principal = require(Action.READ_CASE)) -> None: ...


def test_a_route_that_is_a_closure_is_reported() -> None:
    app = FastAPI()
    app.include_router(router)
    module = sys.modules.setdefault(__name__, sys.modules[guarded_route.__module__])
    assert module.guarded_route is guarded_route
    assert not_importable(app) == []

    @app.get("/closure")
    async def closure(_: Principal = require(Action.READ_CASE)) -> None: ...

    assert not_importable(app) == ["/closure"]


def test_a_route_without_an_action_is_reported() -> None:
    app = FastAPI()
    app.include_router(router)
    app.include_router(router, prefix="/group", dependencies=[Depends(Require(Action.READ_CASE))])
    assert without_action(app, set()) == ["GET /open"]
    assert without_action(app, {("GET", "/open")}) == []


def test_a_dependency_that_runs_in_a_thread_is_reported() -> None:
    def plain() -> None: ...

    app = FastAPI()
    app.include_router(router, dependencies=[Depends(plain)])
    assert [len(run_in_a_thread(route.dependant)) for route in api_routes(app)] == [1, 1]


def test_a_mounted_application_is_reported() -> None:
    app = FastAPI()
    app.mount("/back-door", FastAPI())
    assert unknown_routes(app) == ["/back-door"]
