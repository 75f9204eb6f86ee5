"""Kafka topics: their names, partitions and the one owner of each. A service can emit to its own topics only."""

from dataclasses import dataclass

from aiokafka.errors import TopicAlreadyExistsError

from wanderamt.contracts import EVENTS

TOPIC_OWNERS = {
    "case.v1": "intake",
    "document.v1": "intake",
    "register.v1": "registry-bridge",
    "stand.v1": "scheduling",
    "appointment.v1": "scheduling",
    "notice.v1": "notifications",
}
PARTITIONS = 12  # fixed: adding partitions later would break the order per key
TIMEOUT_MS = 15_000

assert {event.TOPIC for event in EVENTS} <= TOPIC_OWNERS.keys()  # noqa: S101 -- a topic without an owner is a bug


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names of one system. `prefix` separates systems (and tests) on one broker; empty in production."""

    prefix: str = ""

    def name(self, topic: str) -> str:
        return f"{self.prefix}{topic}"

    async def create(self, bootstrap_servers: str, *, partitions: int = PARTITIONS, replicas: int = 1) -> None:
        """Creates missing topics: not compacted and without retention limit, so that the log stays replayable."""
        # loaded here: the admin client is used once per start and by no other code
        from aiokafka.admin import AIOKafkaAdminClient, NewTopic

        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=TIMEOUT_MS)
        await admin.start()
        try:
            existing = set(await admin.list_topics())
            config = {"cleanup.policy": "delete", "retention.ms": "-1"}
            missing = [
                NewTopic(self.name(topic), partitions, replicas, topic_configs=config)
                for topic in TOPIC_OWNERS
                if self.name(topic) not in existing
            ]
            if missing:
                await admin.create_topics(missing, timeout_ms=TIMEOUT_MS)
        except TopicAlreadyExistsError:
            return  # another service was faster; both create the same topics
        finally:
            await admin.close()
