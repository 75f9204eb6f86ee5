"""Topics: their names, partitions and the one owner of each. A service can emit to its own topics alone."""

from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from wanderamt.contracts import EVENTS

OWNERS = {
    "case.v1": "intake",
    "document.v1": "intake",
    "register.v1": "registry-bridge",
    "stand.v1": "scheduling",
    "appointment.v1": "scheduling",
    "notice.v1": "notifications",
}
PARTITIONS = 12  # fixed from the start: adding partitions later would break the order per key
TIMEOUT_MS = 15_000

assert {event.TOPIC for event in EVENTS} <= OWNERS.keys()  # noqa: S101 -- a topic without an owner is a bug


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of topics in one system. `prefix` keeps systems (and tests) on one broker apart; empty in production."""

    prefix: str = ""

    def name(self, topic: str) -> str:
        return f"{self.prefix}{topic}"

    async def create(self, bootstrap_servers: str, *, partitions: int = PARTITIONS, replicas: int = 1) -> None:
        """Makes what is missing: never compacted, kept without end, so that the log stays replayable."""
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=TIMEOUT_MS)
        await admin.start()
        try:
            existing = set(await admin.list_topics())
            kept = {"cleanup.policy": "delete", "retention.ms": "-1"}
            missing = [
                NewTopic(self.name(t), partitions, replicas, topic_configs=kept)
                for t in OWNERS
                if self.name(t) not in existing
            ]
            if missing:
                await admin.create_topics(missing, timeout_ms=TIMEOUT_MS)
        except TopicAlreadyExistsError:
            return  # another service was faster; both wanted the same
        finally:
            await admin.close()
