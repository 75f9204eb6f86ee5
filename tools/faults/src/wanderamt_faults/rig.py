"""The system under test: three brokers, every connection through a route that can be cut, services that can die anywhere."""

import asyncio
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from aiokafka import AIOKafkaConsumer, TopicPartition
from wanderamt.backbone.topics import PARTITIONS
from wanderamt_local.contracts import HEARS
from wanderamt_local.kafka import Kafka, start_cluster
from wanderamt_local.postgres import Postgres, start_native
from wanderamt_local.processes import Command
from wanderamt_local.state import free_port
from wanderamt_local.system import SERVICES, System, says_ok

from wanderamt_faults.proxy import Route

REGISTER_LATENCY_S = 0.05


@dataclass
class Rig(System):
    brokers: int = 3
    carriers: tuple[str, ...] = ("gate", "post")  # those that tell each message by our own reference
    routes: dict[str, Route] = field(default_factory=dict)

    async def start_servers(self) -> tuple[Kafka, Postgres]:
        """Natively in any case: a container could not be frozen and killed by us."""
        kafka, postgres = await asyncio.gather(
            start_cluster(self.state, self.children, brokers=self.brokers, advertise=self._advertise),
            start_native(self.state, self.children),
        )
        for name in SERVICES:
            await self._add_route(f"{name} to postgres", urlsplit(postgres.url).port or 0)
        return kafka, postgres

    async def ready(self) -> None:
        """After start: the door of the intake gets its route too, and the register is made quick."""
        await self._add_route("devices to intake", self.ports["intake"])
        await self.turn("residents", {"latency_s": REGISTER_LATENCY_S, "jitter_s": REGISTER_LATENCY_S / 2})

    async def stop(self) -> None:
        await super().stop()
        for route in self.routes.values():
            await route.stop()

    def env(self, name: str) -> dict[str, str]:
        env = super().env(name)
        url = urlsplit(env["WANDERAMT_DATABASE_URL"])
        port = self.routes[f"{name} to postgres"].port
        there = url._replace(netloc=f"{url.netloc.rsplit(':', 1)[0]}:{port}")
        return env | {
            "WANDERAMT_DATABASE_URL": urlunsplit(there),
            "WANDERAMT_KAFKA_REPLICAS": str(min(3, self.brokers)),
            "WANDERAMT_TRACE_FOLDER": "",
        }

    def command(self, name: str) -> Command:
        plain = super().command(name)
        argv = [sys.executable, "-m", "wanderamt_faults.fragile", name, str(self.armed(name)), str(self.deaths)]
        return replace(plain, argv=argv)

    def replica(self, name: str) -> Command:
        """A second process of the same service: it shares topics, shards and jobs with the first."""
        port = free_port()
        plain = super().command(name)
        env = {**plain.env, "WANDERAMT_PORT": str(port)}
        url = f"http://127.0.0.1:{port}/health/live"
        return replace(plain, name=f"{name}~2", env=env, ready=lambda: says_ok(url))

    def armed(self, name: str) -> Path:
        return self.state.folder / f"armed-{name}"

    @property
    def deaths(self) -> Path:
        return self.state.folder / "deaths.log"

    @property
    def door(self) -> str:
        return f"http://127.0.0.1:{self.routes['devices to intake'].port}"

    async def rewind(self, service: str) -> None:
        """The whole log again: sets the group of a stopped service to offset 0 on every topic it hears."""
        assert self.kafka
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap_servers, group_id=service, enable_auto_commit=False
        )
        await consumer.start()
        try:
            tps = [
                TopicPartition(topic, number)
                for topic in {event.TOPIC for event in HEARS[service]}
                for number in range(PARTITIONS)
            ]
            consumer.assign(tps)
            await consumer.commit(dict.fromkeys(tps, 0))
        finally:
            await consumer.stop()

    async def leader(self, topic: str, partition: int) -> str:
        """Name of the broker process that leads a partition."""
        assert self.kafka
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.kafka.bootstrap_servers)
        await consumer.start()
        try:
            number = consumer._client.cluster.leader_for_partition(TopicPartition(topic, partition))
        finally:
            await consumer.stop()
        return f"kafka-{number}" if self.brokers > 1 else "kafka"

    @property
    def broker_names(self) -> list[str]:
        return [f"kafka-{number}" for number in range(1, self.brokers + 1)] if self.brokers > 1 else ["kafka"]

    async def _advertise(self, port: int) -> int:
        return (await self._add_route(f"clients to broker {len(self.routes) + 1}", port)).port

    async def _add_route(self, name: str, port: int) -> Route:
        route = Route(name, ("127.0.0.1", port))
        await route.start()
        self.routes[name] = route
        return route
