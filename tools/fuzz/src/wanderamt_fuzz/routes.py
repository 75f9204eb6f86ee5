"""The routes of a service, from the application itself: what is undocumented or hidden is fuzzed, too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import iter_route_contexts
from wanderamt_local.contracts import unstarted_application

JSON = "application/json"
ANYWHERE = "/{anywhere}"
"""The path of the pseudo-route for addresses that no route has."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
DOCUMENTATION = ("/docs", "/openapi.json")
"""Served only where a setting says so."""
BODIES_BY_HAND: Mapping[tuple[str, str], str] = {
    ("PATCH", "/attachments/{attachment_id}"): "application/offset+octet-stream",
    ("POST", "/receipts/{provider}"): JSON,
}
"""Routes that read their body themselves and do not describe it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`place`: path, query or header. `kind`: format or type of its schema. `example`: a valid value."""

    name: str
    place: str
    kind: str
    example: str


@dataclass(frozen=True, slots=True)
class Route:
    """`bodies`: example by media type; for a form, its field names with example values."""

    service: str
    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    bodies: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.service} {self.method} {self.path}"


def routes_of(service: str) -> list[Route]:
    """Every operation of the service, its static and hidden addresses, and the pseudo-route of unknown addresses."""
    with unstarted_application(service) as application:
        document = application.openapi()
        plain = {str(route.path) for route in iter_route_contexts(application.routes)}
    named = document.get("components", {}).get("schemas", {})
    documented = [
        _route(service, method.upper(), path, operation, named)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    known = {route.path for route in documented}
    hidden = [Route(service, "GET", path) for path in sorted({*plain, *DOCUMENTATION} - known)]
    return [*documented, *hidden, *(Route(service, method, ANYWHERE) for method in ("GET", "POST"))]


def _route(service: str, method: str, path: str, operation: Mapping[str, Any], named: Mapping[str, Any]) -> Route:
    parameters = tuple(
        Parameter(
            parameter["name"],
            parameter["in"],
            _kind(parameter["schema"]),
            str(parameter.get("example", "")),
        )
        for parameter in operation.get("parameters", ())
    )
    content = operation.get("requestBody", {}).get("content", {})
    bodies = {media_type: _example(media_type, described, named) for media_type, described in content.items()}
    if not bodies and (method, path) in BODIES_BY_HAND:
        bodies = {BODIES_BY_HAND[method, path]: {}}
    return Route(service, method, path, parameters, bodies)


def _example(media_type: str, described: Mapping[str, Any], named: Mapping[str, Any]) -> Any:
    if "form" not in media_type:
        return described.get("example")
    schema = described["schema"]
    while "$ref" in schema:
        schema = named[schema["$ref"].rsplit("/", 1)[1]]
    return {name: _kind(field_schema) for name, field_schema in schema.get("properties", {}).items()}


def _kind(schema: Mapping[str, Any]) -> str:
    options = [schema, *schema.get("anyOf", ())]
    return next((str(option[key]) for key in ("format", "type") for option in options if key in option), "string")
