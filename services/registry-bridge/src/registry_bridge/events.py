"""The events that the registry bridge handles."""

from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import RegisterQueryRequested

from registry_bridge.handlers.context import RegistryContext
from registry_bridge.handlers.requests import record_query

consumer = EventConsumer("registry-bridge")


@consumer.on(RegisterQueryRequested)
async def on_register_query_requested(event: RegisterQueryRequested, uow: UnitOfWork, context: RegistryContext) -> None:
    await record_query(event, uow, manifests=context.manifests)
