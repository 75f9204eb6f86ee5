"""The events that the registry bridge handles."""

from collections.abc import Sequence

from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterQueryRequested

from registry_bridge.handlers.context import RegistryContext
from registry_bridge.handlers.requests import record_queries

consumer = EventConsumer("registry-bridge")


@consumer.on_batch(RegisterQueryRequested, with_headers=True)
async def on_register_queries(items: Sequence[ReceivedEvent], uow: UnitOfWork, context: RegistryContext) -> None:
    queries = [(item.event, item.header.trace) for item in items if isinstance(item.event, RegisterQueryRequested)]
    await record_queries(queries, uow, manifests=context.manifests)
