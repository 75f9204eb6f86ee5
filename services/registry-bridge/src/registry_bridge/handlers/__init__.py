"""Every message into the registry bridge."""

from collections.abc import Awaitable, Callable

from wanderamt.contracts import Event, RegisterRequested

from registry_bridge.handlers.requests import on_register_requested

ON: dict[type[Event], Callable[..., Awaitable[None]]] = {RegisterRequested: on_register_requested}
