"""The system under test: up to three brokers, a proxy on every connection, and services that can crash at commit points."""

import asyncio
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from wanderamt.backbone.messaging.topics import PARTITIONS
from wanderamt_local.contracts import CONSUMED_EVENTS
from wanderamt_local.kafka import Kafka, start_cluster
from wanderamt_local.postgres import Postgres, start_native_postgres
from wanderamt_local.processes import ProcessSpec
from wanderamt_local.state import free_port
from wanderamt_local.system import System, responds_ok

from wanderamt_faults.proxy import ProxyRoute

REGISTER_LATENCY_S = 0.05


@dataclass
class SystemUnderTest(System):
    brokers: int = 3
    provider_names: tuple[str, ...] = (
        "gate",
        "post",
    )  # the providers whose simulators report our own reference of each message
    routes: dict[str, ProxyRoute] = field(default_factory=dict)

    async def start_servers(self) -> tuple[Kafka, Postgres]:
        """Always starts native processes: the fault injector could not freeze and kill processes in a container."""
        kafka, postgres = await asyncio.gather(
            start_cluster(self.state, self.supervisor, brokers=self.brokers, advertise=self._advertise),
            start_native_postgres(self.state, self.supervisor),
        )
        for name in self.service_names:
            await self._add_route(f"{name} to postgres", urlsplit(postgres.url).port or 0)
        return kafka, postgres

    async def prepare(self) -> None:
        """After the start: adds the proxy between devices and intake, and shortens the latency of the register."""
        await self._add_route("devices to intake", self.ports["intake"])
        await self.set_faults("residents", {"latency_s": REGISTER_LATENCY_S, "jitter_s": REGISTER_LATENCY_S / 2})

    async def stop(self) -> None:
        await super().stop()
        for route in self.routes.values():
            await route.stop()

    def env(self, name: str) -> dict[str, str]:
        env = super().env(name)
        url = urlsplit(env["WANDERAMT_DATABASE_URL"])
        port = self.routes[f"{name} to postgres"].port
        proxied = url._replace(netloc=f"{url.netloc.rsplit(':', 1)[0]}:{port}")
        return env | {
            "WANDERAMT_DATABASE_URL": urlunsplit(proxied),
            "WANDERAMT_KAFKA_REPLICAS": str(min(3, self.brokers)),
            "WANDERAMT_TRACE_FOLDER": "",
        }

    def service_spec(self, name: str) -> ProcessSpec:
        """The service with crash points."""
        plain = super().service_spec(name)
        argv = [
            sys.executable,
            "-m",
            "wanderamt_faults.crash_points",
            name,
            str(self.armed_file(name)),
            str(self.crash_log),
        ]
        return replace(plain, argv=argv)

    def replica_spec(self, name: str) -> ProcessSpec:
        """A second process of the same service, which shares topics, shards and jobs with the first one."""
        port = free_port()
        plain = super().service_spec(name)
        env = {**plain.env, "WANDERAMT_PORT": str(port)}
        url = f"http://127.0.0.1:{port}/health/live"
        return replace(plain, name=f"{name}~2", env=env, ready=lambda: responds_ok(url))

    def armed_file(self, name: str) -> Path:
        return self.state.folder / f"crash-point-{name}"

    @property
    def crash_log(self) -> Path:
        return self.state.folder / "crashes.log"

    @property
    def sync_url(self) -> str:
        return f"http://127.0.0.1:{self.routes['devices to intake'].port}"

    async def rewind(self, service: str) -> None:
        """Sets the consumer group of a stopped service to offset 0 on every topic that it consumes."""
        assert self.kafka
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap_servers, group_id=service, enable_auto_commit=False
        )
        await consumer.start()
        try:
            tps = [
                TopicPartition(topic, number)
                for topic in {event.TOPIC for event in CONSUMED_EVENTS[service]}
                for number in range(PARTITIONS)
            ]
            consumer.assign(tps)
            await consumer.commit(dict.fromkeys(tps, 0))
        finally:
            await consumer.stop()

    async def leader(self, topic: str, partition: int) -> str:
        """The name of the broker process that leads a partition."""
        assert self.kafka
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap_servers)
        await admin.start()
        try:
            [description] = await admin.describe_topics([topic])
        finally:
            await admin.close()
        [number] = [entry["leader"] for entry in description["partitions"] if entry["partition"] == partition]
        return f"kafka-{number}" if self.brokers > 1 else "kafka"

    @property
    def broker_names(self) -> list[str]:
        return [f"kafka-{number}" for number in range(1, self.brokers + 1)] if self.brokers > 1 else ["kafka"]

    async def _advertise(self, port: int) -> int:
        return (await self._add_route(f"clients to broker {len(self.routes) + 1}", port)).port

    async def _add_route(self, name: str, port: int) -> ProxyRoute:
        route = ProxyRoute(name, ("127.0.0.1", port))
        await route.start()
        self.routes[name] = route
        return route
