"""Each route of each service is a module-level function, importable by name, that requires a role or is public.

Routes and dependencies are coroutines: FastAPI runs a plain function in a thread, which costs a quarter of the requests.
"""

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal
from wanderamt.shell.http import RequireRole, require_roles
from wanderamt_local.contracts import unstarted_application
from wanderamt_local.system import SERVICES

ROOT = Path(__file__).parents[2]
MOUNTS = {"/field"}  # the built field app: files that everybody may read
HEALTH = {("GET", "/health/live"), ("GET", "/health/ready")}


def public_routes() -> set[tuple[str, str, str]]:
    """(service, method, path), from the test that checks them against running services: one list for both."""
    spec = importlib.util.spec_from_file_location("roles_of_routes", ROOT / "tests" / "security" / "test_roles.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    routes: set[tuple[str, str, str]] = module.PUBLIC
    return routes


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


def required_roles(dependant: Dependant) -> frozenset[Role]:
    """Roles of the RequireRole dependencies of a route, nested ones too. Empty: no role is required."""
    roles: frozenset[Role] = dependant.call.roles if isinstance(dependant.call, RequireRole) else frozenset()
    for dependency in dependant.dependencies:
        roles |= required_roles(dependency)
    return roles


def without_role(app: FastAPI, public: set[tuple[str, str]]) -> list[str]:
    return [
        f"{method} {route.path}"
        for route in api_routes(app)
        for method in sorted(route.methods or ())
        if (method, route.path) not in public | HEALTH and not required_roles(route.dependant)
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


def test_each_route_requires_a_role_or_is_listed_as_public(service: tuple[str, FastAPI]) -> None:
    name, app = service
    public = {(method, path) for owner, method, path in public_routes() if owner == name}
    assert without_role(app, public) == []
    assert public <= {(method, route.path) for route in api_routes(app) for method in route.methods or ()}


def test_no_route_and_no_dependency_runs_in_a_thread(service: tuple[str, FastAPI]) -> None:
    _, app = service
    assert {route.path: names for route in api_routes(app) if (names := run_in_a_thread(route.dependant))} == {}


router = APIRouter()


@router.get("/open")
async def open_route() -> None: ...


@router.get("/guarded")
async def guarded_route(_: Principal = require_roles(Role.CLERK)) -> None: ...


def test_a_route_that_is_a_closure_is_reported() -> None:
    app = FastAPI()
    app.include_router(router)
    module = sys.modules.setdefault(__name__, sys.modules[guarded_route.__module__])
    assert module.guarded_route is guarded_route
    assert not_importable(app) == []

    @app.get("/closure")
    async def closure(_: Principal = require_roles(Role.CLERK)) -> None: ...

    assert not_importable(app) == ["/closure"]


def test_a_route_without_a_role_is_reported() -> None:
    app = FastAPI()
    app.include_router(router)
    app.include_router(router, prefix="/group", dependencies=[Depends(RequireRole(frozenset({Role.OPERATOR})))])
    assert without_role(app, set()) == ["GET /open"]
    assert without_role(app, {("GET", "/open")}) == []


def test_a_dependency_that_runs_in_a_thread_is_reported() -> None:
    def plain() -> None: ...

    app = FastAPI()
    app.include_router(router, dependencies=[Depends(plain)])
    assert [len(run_in_a_thread(route.dependant)) for route in api_routes(app)] == [1, 1]


def test_a_mounted_application_is_reported() -> None:
    app = FastAPI()
    app.mount("/back-door", FastAPI())
    assert unknown_routes(app) == ["/back-door"]
