"""The FastStream application of a consumer: broker, router and AsyncAPI document.

Invariants: an application that only describes a consumer cannot start: it would take partitions of the running group.
"""

from typing import Any

from faststream import FastStream
from faststream.kafka import KafkaBroker

from wanderamt.backbone.messaging.asyncapi import VERSION, EventAsyncAPI
from wanderamt.backbone.messaging.consumer import EventConsumer, InvalidConsumerError
from wanderamt.backbone.messaging.subscriber import EventRouter, EventSubscriber, RecordInbox, create_router
from wanderamt.backbone.messaging.topics import Topics

GRACEFUL_TIMEOUT_S = 20


def consuming_application(
    consumer: EventConsumer, topics: Topics, inbox: RecordInbox, *, bootstrap_servers: str
) -> tuple[FastStream, EventSubscriber]:
    """The application, not started, and its one subscriber."""
    router, subscriber = create_router(consumer, topics, inbox)
    return FastStream(_broker(router, bootstrap_servers), logger=None), subscriber


def documented_application(consumer: EventConsumer, topics: Topics, *, bootstrap_servers: str) -> FastStream:
    """Describes the consumer and refuses to start."""

    async def refuse() -> None:
        raise InvalidConsumerError(
            f"this application only describes the consumer {consumer.name}; `wanderamt run {consumer.service}` runs it"
        )

    router, _ = create_router(consumer, topics, inbox=None)
    specification = EventAsyncAPI(title=f"Wanderamt {consumer.service}", version="1", schema_version=VERSION)
    return FastStream(
        _broker(router, bootstrap_servers), logger=None, specification=specification, on_startup=(refuse,)
    )


def describe_consumer(consumer: EventConsumer, topics: Topics, *, bootstrap_servers: str) -> dict[str, Any]:
    """The AsyncAPI 3 document: the events that the consumer handles and those that its service sends."""
    application = documented_application(consumer, topics, bootstrap_servers=bootstrap_servers)
    document: dict[str, Any] = application.schema.to_specification().to_jsonable()
    return document


def _broker(router: EventRouter, bootstrap_servers: str) -> KafkaBroker:
    """`consumer_only`: no producer and no admin client: the relay sends, and topics exist before a consumer starts."""
    return KafkaBroker(
        bootstrap_servers.split(","),
        routers=(router,),
        graceful_timeout=GRACEFUL_TIMEOUT_S,
        consumer_only=True,
        apply_types=False,
        serializer=None,
        logger=None,
    )
