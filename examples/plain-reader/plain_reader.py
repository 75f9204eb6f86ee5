"""Reads the opened cases without any code of Wanderamt: aiokafka, the CloudEvents headers and the published schema.

Kafka may deliver a record again. So the id of the event and its effect are stored in one transaction, and the offset is
committed after it: each event has its effect once.
"""

import argparse
import asyncio
import json
import sqlite3
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from jsonschema import Draft202012Validator, ValidationError

OPENED = "at.wanderamt.case.opened.v1"


def validator_of(event_type: str, asyncapi: Path) -> Draft202012Validator:
    """For the values of this type. `asyncapi`: docs/asyncapi/intake.json."""
    components = json.loads(asyncapi.read_text(encoding="utf-8"))["components"]
    message = next(message for message in components["messages"].values() if message["name"] == event_type)
    return Draft202012Validator(
        {**message["payload"], "components": components}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


async def read(servers: str, topic: str, asyncapi: Path, database: Path) -> None:
    validator = validator_of(OPENED, asyncapi)
    store = sqlite3.connect(database)
    store.execute("CREATE TABLE IF NOT EXISTS opened_case (event_id TEXT PRIMARY KEY, service TEXT NOT NULL)")
    async with AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=f"{topic}-plain-reader",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    ) as consumer:
        async for record in consumer:
            headers = dict(record.headers)
            if headers.get("ce_type") == OPENED.encode():
                handle(headers["ce_id"].decode(), record.value, validator, store)
            await consumer.commit()


def handle(event_id: str, value: bytes, validator: Draft202012Validator, store: sqlite3.Connection) -> None:
    try:
        case = json.loads(value)
        validator.validate(case)
    except (ValueError, ValidationError):
        print("set aside: event", event_id, "is not what the schema says", flush=True)
        return
    with store:
        row = (event_id, case["service"])
        is_new = store.execute("INSERT OR IGNORE INTO opened_case VALUES (?, ?)", row).rowcount == 1
    print("new case:" if is_new else "seen before:", case["case_id"], case["service"], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="localhost:9092", help="Kafka: host:port, comma separated")
    parser.add_argument("--topic", default="case.v1")
    parser.add_argument("--asyncapi", type=Path, required=True, help="docs/asyncapi/intake.json")
    parser.add_argument("--database", type=Path, default=Path("cases.db"), help="SQLite file for what was read")
    options = parser.parse_args()
    asyncio.run(read(options.servers, options.topic, options.asyncapi, options.database))
