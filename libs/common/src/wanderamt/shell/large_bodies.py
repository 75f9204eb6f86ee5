"""Which routes take large bodies, how large they may be, and how many of one route are in memory at one time.

Invariants: no network has all places of a route; a body that stalls gives its place to one that waits.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import compile_path

from wanderamt.kernel.refusal import Refusal, RefusalKind

KIB, MIB = 1024, 1024 * 1024
TOGETHER = 4  # larger bodies of one route that are in memory at one time
PER_NETWORK = 2  # of these; the others of the same network wait
DECLARED, DECLARED_FOR = "x-max-body-bytes", "x-max-body-media-type"  # in the OpenAPI document, too


def max_body(max_bytes: int, *, media_type: str = "") -> dict[str, Any]:
    """For `openapi_extra` of a route whose body may be larger than DEFAULT_MAX_BYTES; it is read as a stream.

    `media_type`: if only bodies of this type may be. A route with a form names it, because a large form without a file
    takes long to parse, and a body of another type is not read by it.
    """
    return {DECLARED: max_bytes} | ({DECLARED_FOR: media_type} if media_type else {})


def too_large(max_bytes: int) -> Refusal:
    size = f"{max_bytes // MIB} MiB" if max_bytes >= MIB else f"{max_bytes // KIB} KiB"
    return Refusal(
        "request.too_large", f"A request to this address holds at most {size}. Send it in parts.", RefusalKind.TOO_LARGE
    )


class BodyInPlace(Protocol):
    """`network`: of its sender. `is_stalled`: it comes too slowly to keep its place while another waits."""

    network: str

    @property
    def is_stalled(self) -> bool: ...

    def lose_place(self) -> None: ...


@dataclass(slots=True)
class LargeBodies:
    """The declared limit of a route. `places`: its bodies above SMALL_BYTES that are in memory now."""

    methods: frozenset[str]
    path: re.Pattern[str]
    max_bytes: int
    media_type: bytes = b""
    places: dict[BodyInPlace, None] = field(default_factory=dict)
    waiting: int = 0

    def admit(self, body: BodyInPlace) -> bool:
        """Gives the body a place, if need be that of a stalled one."""
        neighbours = [other for other in self.places if other.network == body.network]
        rivals = list(self.places) if len(self.places) >= TOGETHER else []
        if len(neighbours) >= PER_NETWORK:
            rivals = neighbours
        if rivals:
            stalled = next((other for other in rivals if other.is_stalled), None)
            if not stalled:
                return False
            stalled.lose_place()
        self.places[body] = None
        return True


def declared_limits(app: FastAPI) -> list[LargeBodies]:
    """The routes whose bodies may be larger than DEFAULT_MAX_BYTES."""
    limits = []
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        extra = (route.openapi_extra or {}) if isinstance(route, APIRoute) else {}
        if DECLARED in extra:
            path, _, _ = compile_path(str(context.path))
            media_type = str(extra.get(DECLARED_FOR, "")).encode()
            limits.append(LargeBodies(frozenset(context.methods or ()), path, extra[DECLARED], media_type))
    return limits
