"""Metrics of the backbone: outbox, relay, consumers, jobs, dead letters, connection pool.

Names follow the semantic conventions of OpenTelemetry where there are any. Invariants: one statement reads all tables,
at most once per MEASURE_INTERVAL_S, and only while somebody reads the metrics; a value that cannot be measured now is
absent, not old.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import structlog
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from wanderamt.backbone.persistence.database import TRANSIENT_ERRORS, Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.backbone.supervision import run_forever

MEASURE_INTERVAL_S = 15.0
STATEMENT_TIMEOUT_S = 5.0

Attributes = Mapping[str, str | int]

log = structlog.get_logger()
_meter = metrics.get_meter("wanderamt.backbone")
sent_messages = _meter.create_counter(
    "messaging.client.sent.messages", "{message}", "Events that the broker has acknowledged, by topic."
)
consumed_messages = _meter.create_counter(
    "messaging.client.consumed.messages", "{message}", "Events that a consumer has handled, by consumer group."
)
rejected_messages = _meter.create_counter(
    "wanderamt.consumer.rejected", "{message}", "Records without the proof that their type needs, by consumer group."
)
repeated_messages = _meter.create_counter(
    "wanderamt.consumer.repeated", "{message}", "Events that were delivered again and had no effect, by consumer group."
)


class Measurement(NamedTuple):
    """A value of the gauge `name` now."""

    name: str
    value: float
    attributes: Attributes


@runtime_checkable
class Measurable(Protocol):
    """A component that knows values of GAUGES from memory."""

    def measurements(self) -> Iterable[Measurement]: ...


@dataclass(frozen=True, slots=True)
class ServiceGauges:
    """Gauges of one service. `described`: as GAUGES; `measure` reads their values from the service's database."""

    described: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    measure: Callable[[UnitOfWork], Awaitable[Iterable[Measurement]]] | None = None


GAUGES = {
    "wanderamt.outbox.rows": ("{event}", "Events that wait in the outbox."),
    "wanderamt.outbox.oldest.age": ("s", "Age of the oldest event in the outbox; 0 if there is none."),
    "wanderamt.relay.shards": ("{shard}", "Shards of the outbox that this process sends; 0: another process does."),
    "wanderamt.consumer.lag": ("{message}", "Records of a partition that this process has not read yet."),
    "wanderamt.consumer.committed": ("{offset}", "Offset that this process has committed to the consumer group."),
    "wanderamt.consumer.watermark": ("{offset}", "Offset behind the last event whose effects are in the database."),
    "wanderamt.dead_letters": ("{message}", "Dead events and failed jobs by consumer, kind and state."),
    "wanderamt.jobs": ("{job}", "Unfinished jobs by queue and status."),
    "wanderamt.jobs.oldest.age": ("s", "Age of the oldest unfinished job by queue and status."),
    "db.client.connection.count": ("{connection}", "Connections of the pool by state."),
    "db.client.connection.max": ("{connection}", "Upper bound of the pool."),
}
"""Gauge → unit and description."""


@dataclass
class BackboneMetrics:
    """`refresh` before a read. With `keep_fresh`, for an export, the process refreshes by itself."""

    database: Database
    components: Mapping[str, object]
    gauges: ServiceGauges = field(default_factory=ServiceGauges)
    keep_fresh: bool = False
    health_problem: str = "not started"
    _stored: Mapping[str, Sequence[Measurement]] = field(default_factory=dict)
    _measured_at: float = float("-inf")
    _measuring: asyncio.Lock = field(default_factory=asyncio.Lock)
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.health_problem = ""
        for name, (unit, description) in (GAUGES | dict(self.gauges.described)).items():
            _meter.create_observable_gauge(name, [partial(self._observe, name)], unit, description)
        if self.keep_fresh:
            self._task = asyncio.create_task(run_forever("backbone-metrics", self._refresh_and_wait))

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh(self) -> None:
        """Measures again if the values are older than MEASURE_INTERVAL_S."""
        async with self._measuring:
            now = asyncio.get_running_loop().time()
            if now - self._measured_at < MEASURE_INTERVAL_S:
                return
            self._measured_at = now
            stored: dict[str, list[Measurement]] = {}
            try:
                for measurement in await self._measure():
                    stored.setdefault(measurement.name, []).append(measurement)
            except TRANSIENT_ERRORS as error:
                log.warning("metrics.not_measured", error=type(error).__name__)
            self._stored = stored

    async def _refresh_and_wait(self) -> None:
        await self.refresh()
        await asyncio.sleep(MEASURE_INTERVAL_S)

    async def _measure(self) -> list[Measurement]:
        async with self.database.unit_of_work() as uow:
            rows = await uow.db.fetch(_MEASURE, timeout=STATEMENT_TIMEOUT_S)
            measured = [Measurement(row["name"], row["value"], row["attributes"]) for row in rows]
            measured += await self.gauges.measure(uow) if self.gauges.measure else ()
        return measured

    def _observe(self, name: str, _: CallbackOptions) -> Iterable[Observation]:
        for measurement in (*self._stored.get(name, ()), *self._from_memory()):
            if measurement.name == name:
                yield Observation(measurement.value, dict(measurement.attributes))

    def _from_memory(self) -> Iterable[Measurement]:
        yield from (Measurement(*entry) for entry in self.database.measurements())
        for component in self.components.values():
            if isinstance(component, Measurable):
                yield from component.measurements()


_MEASURE = """
    SELECT 'wanderamt.outbox.rows' AS name, count(*)::float8 AS value, '{}'::jsonb AS attributes FROM outbox
    UNION ALL
    SELECT 'wanderamt.outbox.oldest.age', coalesce(
        (SELECT extract(epoch FROM now() - emitted_at)::float8 FROM outbox ORDER BY id LIMIT 1), 0), '{}'
    UNION ALL
    SELECT 'wanderamt.consumer.watermark', next_offset, jsonb_build_object(
        'messaging.consumer.group.name', consumer, 'messaging.destination.name', topic,
        'messaging.destination.partition.id', partition::text) FROM inbox_watermark
    UNION ALL
    SELECT 'wanderamt.dead_letters', count(*), jsonb_build_object(
        'consumer', consumer, 'kind', kind, 'state', state)
    FROM dead_letter GROUP BY consumer, kind, state
    UNION ALL
    SELECT name, value, jsonb_build_object('queue', queue, 'status', status)
    FROM (SELECT queue, status, count(*)::float8 AS jobs,
                 extract(epoch FROM now() - min(created_at))::float8 AS age
          FROM job WHERE status <> 'succeeded' GROUP BY queue, status) AS unfinished,
         LATERAL (VALUES ('wanderamt.jobs', jobs), ('wanderamt.jobs.oldest.age', age)) AS measured(name, value)
"""
