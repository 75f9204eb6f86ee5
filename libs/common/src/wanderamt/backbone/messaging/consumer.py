"""Declares which events a consumer handles: `@consumer.on(StandScheduled)` above a function `(event, uow)`.

Invariants: a declaration that cannot work is refused when its module is imported, with the name of consumer, event and
handler; a declaration connects to nothing and loads no framework; a handler that takes a context gets the context of
its service before the consumer starts.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args

from wanderamt.backbone.messaging.topics import TOPIC_OWNERS, Topics
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.start_error import CannotStartError
from wanderamt.contracts import EVENTS, Event, EventHeader

if TYPE_CHECKING:
    from faststream import FastStream

DOCUMENTED_SERVERS = "localhost:9092"
CONTEXT = "context"
"""The name of a handler's third parameter."""


@dataclass(frozen=True, slots=True)
class BatchHandler:
    """A handler that takes the events of a batch as one list, in order: for projections that write in bulk.

    Events of several types that share one BatchHandler come in one list, in their order of arrival. `with_headers`:
    the list holds ReceivedEvents; the handler emits and enqueues for an event within
    `message_context(event.header.trace)`.
    """

    handler: Callable[..., Awaitable[object]]
    with_headers: bool = False


Handler: TypeAlias = Callable[[Any, UnitOfWork], Awaitable[object]]
Verifier: TypeAlias = Callable[[Any, EventHeader], str]
"""Why an event is not accepted as one of the owner of its topic; empty if it is."""
AnyHandler: TypeAlias = Callable[..., Awaitable[object]] | BatchHandler
DeclaredHandler = TypeVar("DeclaredHandler", bound=Callable[..., Awaitable[object]])
DeclaredVerifier = TypeVar("DeclaredVerifier", bound=Callable[..., str])


class InvalidConsumerError(CannotStartError):
    """A consumer is declared in a way that cannot work."""


@dataclass(slots=True)
class EventConsumer:
    """The handlers of one consumer group of a service.

    `name`: the Kafka group and the name in the inbox tables; the service's own name by default. `linger`: nobody waits
    for the effects, so the broker collects records for up to half a second: fewer transactions, and no work in the
    moment in which other consumers of the same event are in a hurry.
    """

    service: str
    name: str = ""
    linger: bool = False
    _declared: dict[type[Event], AnyHandler] = field(default_factory=dict)
    _verifiers: dict[type[Event], Callable[..., str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = self.name or self.service

    def on(self, *events: type[Event]) -> Callable[[DeclaredHandler], DeclaredHandler]:
        """Declares a handler `(event, uow)` or `(event, uow, context)` of these events. Raises InvalidConsumerError."""
        self._check_events(events)

        def declare(handler: DeclaredHandler) -> DeclaredHandler:
            self._check_parameters(handler, events)
            self._declare(events, handler, handler)
            return handler

        return declare

    def on_batch(
        self, *events: type[Event], with_headers: bool = False
    ) -> Callable[[DeclaredHandler], DeclaredHandler]:
        """Declares a handler of lists, see BatchHandler: `(events, uow)` or `(events, uow, context)`.

        Raises InvalidConsumerError.
        """
        self._check_events(events)

        def declare(handler: DeclaredHandler) -> DeclaredHandler:
            self._check_parameters(handler, ())
            self._declare(events, handler, BatchHandler(handler, with_headers))
            return handler

        return declare

    def verify(self, event: type[Event]) -> Callable[[DeclaredVerifier], DeclaredVerifier]:
        """Declares a function `(event, header)` or `(event, header, context)` that checks an event's proof: it returns
        why the event is not accepted, as a fixed text, or an empty text. It runs before everything else.

        A record that fails the check, or whose value is invalid, is a rejected dead letter: it has no effect, uses up
        neither event id nor version, and no other event waits for it. So the handler must know by itself what it has
        handled before: a rejected event may be retried after later ones. Raises InvalidConsumerError.
        """
        self._check_events([event])

        def declare(verifier: DeclaredVerifier) -> DeclaredVerifier:
            names = list(inspect.signature(verifier).parameters)
            if inspect.iscoroutinefunction(verifier) or (len(names) != 2 and names[2:] != [CONTEXT]):
                raise self._invalid(
                    verifier, f"it must be a plain function of (event, header) or (event, header, {CONTEXT})"
                )
            if event in self._verifiers:
                raise self._invalid(verifier, f"{event.__name__} is verified by another function already")
            self._verifiers[event] = verifier
            return verifier

        return declare

    @property
    def events(self) -> Sequence[type[Event]]:
        """The handled events, in the order of their types."""
        return sorted(self._declared, key=lambda event: event.TYPE)

    @property
    def handlers(self) -> Mapping[type[Event], Handler | BatchHandler]:
        """Raises InvalidConsumerError if there is none, or if one waits for its context."""
        if not self._declared:
            raise InvalidConsumerError(f"consumer {self.name} handles no event: declare a handler with on or on_batch")
        for event, handler in self._declared.items():
            if _takes_context(_function(handler)):
                raise InvalidConsumerError(
                    f"consumer {self.name}: {_name(handler)} of {event.__name__} takes a context, call bind(context)"
                )
        return self._declared

    @property
    def verifiers(self) -> Mapping[type[Event], Verifier]:
        """Raises InvalidConsumerError if one waits for its context, or verifies an event that nothing handles."""
        for event, verifier in self._verifiers.items():
            if event not in self._declared:
                raise self._invalid(verifier, f"nothing handles {event.__name__}")
            if _takes_context(verifier):
                raise self._invalid(verifier, "it takes a context, call bind(context)")
        return self._verifiers

    def coverage(self) -> dict[str, list[str]]:
        """For the log: the types of the consumer's topics that it handles, and those that it reads and ignores."""
        topics = {event.TOPIC for event in self._declared}
        return {
            "handles": [event.TYPE for event in self.events],
            "ignores": sorted(event.TYPE for event in EVENTS if event.TOPIC in topics and event not in self._declared),
        }

    def bind(self, context: object) -> "EventConsumer":
        """The same consumer, whose handlers with a third parameter get this context."""
        bound: dict[int, AnyHandler] = {}
        for handler in self._declared.values():
            function = _function(handler)
            if not _takes_context(function):
                bound[id(handler)] = handler
            elif isinstance(handler, BatchHandler):
                bound.setdefault(id(handler), replace(handler, handler=partial(function, context=context)))
            else:
                bound[id(handler)] = partial(function, context=context)
        return replace(
            self,
            _declared={event: bound[id(handler)] for event, handler in self._declared.items()},
            _verifiers={
                event: partial(verifier, context=context) if _takes_context(verifier) else verifier
                for event, verifier in self._verifiers.items()
            },
        )

    @property
    def application(self) -> "FastStream":
        """For the commands of FastStream: `faststream docs gen intake.events:consumer.application`.

        It describes the consumer and refuses to start: `wanderamt run` starts it, with its database.
        """
        # loaded here: FastStream is a tenth of a service's import time, and only a running consumer needs it
        from wanderamt.backbone.messaging.application import documented_application

        return documented_application(self, Topics(), bootstrap_servers=DOCUMENTED_SERVERS)

    def _declare(
        self,
        events: Iterable[type[Event]],
        function: Callable[..., Awaitable[object]],
        handler: AnyHandler,
    ) -> None:
        for event in events:
            if event not in EVENTS or event.TOPIC not in TOPIC_OWNERS:
                raise self._invalid(
                    function, f"no service emits {event.__name__}, it is no event of the contracts (docs/events.md)"
                )
            if event in self._declared:
                raise self._invalid(function, f"{event.__name__} is handled by {_name(self._declared[event])} already")
            self._declared[event] = handler

    def _check_events(self, events: Iterable[object]) -> None:
        """For a text, or a function when the brackets behind `on` are forgotten."""
        if wrong := [event for event in events if not inspect.isclass(event)]:
            raise InvalidConsumerError(
                f"consumer {self.name}: write @consumer.on(CaseOpened), with a class, not {wrong[0]!r}"
            )

    def _check_parameters(self, function: Callable[..., object], events: Iterable[type[Event]]) -> None:
        if not inspect.iscoroutinefunction(function):
            raise self._invalid(function, "it would block all other work: declare it with `async def`")
        names = list(inspect.signature(function).parameters)
        if len(names) != 2 and names[2:] != [CONTEXT]:
            raise self._invalid(function, f"its parameters must be (event, uow) or (event, uow, {CONTEXT})")
        annotation = inspect.signature(function).parameters[names[0]].annotation
        if names[0] == "uow" or annotation is UnitOfWork:
            raise self._invalid(function, "its parameters must be (event, uow), in this order")
        accepted = tuple(type_ for type_ in get_args(annotation) or (annotation,) if inspect.isclass(type_))
        for event in events:
            if accepted and annotation is not inspect.Parameter.empty and not issubclass(event, accepted):
                raise self._invalid(function, f"it is declared for {event.__name__}, which its parameter does not take")

    def _invalid(self, function: object, reason: str) -> InvalidConsumerError:
        return InvalidConsumerError(f"consumer {self.name}: {_name(function)}: {reason}")


def _function(handler: AnyHandler) -> Callable[..., Awaitable[object]]:
    return handler.handler if isinstance(handler, BatchHandler) else handler


def _takes_context(function: Callable[..., object]) -> bool:
    return not isinstance(function, partial) and CONTEXT in inspect.signature(function).parameters


def _name(handler: object) -> str:
    function = handler.handler if isinstance(handler, BatchHandler) else handler
    return getattr(function, "__qualname__", repr(function))
