"""Event handlers of the registry bridge."""

from collections.abc import Awaitable, Callable

from wanderamt.contracts import Event, RegisterQueryRequested

from registry_bridge.handlers.requests import on_register_query_requested

EVENT_HANDLERS: dict[type[Event], Callable[..., Awaitable[None]]] = {
    RegisterQueryRequested: on_register_query_requested
}
