"""Kafka topics: their names, partitions and the one owner of each. A service can emit to its own topics only."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.errors import TopicAlreadyExistsError

from wanderamt.backbone.start_error import CannotStartError
from wanderamt.contracts import EVENTS

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

TOPIC_OWNERS = {
    "case.v1": "intake",
    "document.v1": "intake",
    "register.v1": "registry-bridge",
    "stand.v1": "scheduling",
    "appointment.v1": "scheduling",
    "notice.v1": "notifications",
    "access.v1": "intake",
}
PARTITIONS = 12  # fixed: adding partitions later would break the order per key
TIMEOUT_MS = 15_000

assert {event.TOPIC for event in EVENTS} <= TOPIC_OWNERS.keys()  # noqa: S101 -- a topic without an owner is a bug


class MissingTopicError(CannotStartError):
    """A topic that a consumer reads does not exist on these servers."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names of one system. `prefix` separates systems (and tests) on one broker; empty in production."""

    prefix: str = ""

    def name(self, topic: str) -> str:
        return f"{self.prefix}{topic}"

    async def create(self, bootstrap_servers: str, *, partitions: int = PARTITIONS, replicas: int = 1) -> None:
        """Creates missing topics: not compacted and without retention limit, so that the log stays replayable."""
        # loaded here: the admin client is used once per start and by no other code
        from aiokafka.admin import NewTopic

        async with _admin_client(bootstrap_servers) as admin:
            config = {"cleanup.policy": "delete", "retention.ms": "-1"}
            missing = [
                NewTopic(self.name(topic), partitions, replicas, topic_configs=config)
                for topic in await self._missing(TOPIC_OWNERS, admin)
            ]
            try:
                if missing:
                    await admin.create_topics(missing, timeout_ms=TIMEOUT_MS)
            except TopicAlreadyExistsError:
                return  # another service was faster; both create the same topics

    async def require(self, topics: Iterable[str], bootstrap_servers: str) -> None:
        """For a service that owns no topic and creates none. Raises MissingTopicError."""
        async with _admin_client(bootstrap_servers) as admin:
            for topic in await self._missing(topics, admin):
                raise MissingTopicError(
                    f"there is no topic {self.name(topic)} at {bootstrap_servers}. {TOPIC_OWNERS[topic]} creates it: "
                    "start that service first, or correct WANDERAMT_KAFKA_BOOTSTRAP_SERVERS or WANDERAMT_TOPIC_PREFIX"
                )

    async def _missing(self, topics: Iterable[str], admin: "AIOKafkaAdminClient") -> list[str]:
        existing = set(await admin.list_topics())
        return [topic for topic in topics if self.name(topic) not in existing]


@asynccontextmanager
async def _admin_client(bootstrap_servers: str) -> "AsyncIterator[AIOKafkaAdminClient]":
    from aiokafka.admin import AIOKafkaAdminClient  # loaded here as well

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=TIMEOUT_MS)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
