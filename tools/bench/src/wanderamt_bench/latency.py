"""Latency from before the INSERT to the consumer, at a constant rate far below saturation; take-over between relays."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import cycle
from time import perf_counter
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandCancelled

from wanderamt_bench.bare_messaging import CHANNEL, SCHEMA, insert_event, run_relay
from wanderamt_bench.bench_environment import PAYLOAD, BenchEnvironment, fill_outbox, new_event, quantile, wait_until

RATE = 300  # per second: below 30 % of what one writer of this machine can insert
WARM_UP = 1000  # events; a broker is slower in its first seconds


async def bench_latency(bench: BenchEnvironment) -> None:
    count = bench.scaled(3000)
    p50: list[tuple[float, float]] = []
    p99: list[tuple[float, float]] = []
    for _ in range(bench.rounds):
        bare = await _bare(bench, count)
        async with bench.database() as database:
            [ours] = await insert_to_consumer(bench, [database], count)
        p50.append((quantile(bare, 0.5), quantile(ours, 0.5)))
        p99.append((quantile(bare, 0.99), quantile(ours, 0.99)))
    load = f"{count} events of 1 KB, {RATE}/s open loop"
    bench.record("insert to consumer p50", "ms", p50, load)
    bench.record("insert to consumer p99", "ms", p99, load)


async def insert_to_consumer(bench: BenchEnvironment, databases: Sequence[Database], count: int) -> list[list[float]]:
    """The milliseconds of each event, by database. The databases take turns, so that a disturbance affects all of them."""
    begun: dict[UUID, float] = {}
    took: list[list[float]] = [[] for _ in databases]
    turn = cycle(databases)

    async def insert() -> None:
        stand_id = uuid7()
        begun[stand_id] = perf_counter()
        async with next(turn).unit_of_work() as uow:
            uow.emit(new_event(stand_id), version=1)

    async with AsyncExitStack() as running:
        for database, times in zip(databases, took, strict=True):
            await running.enter_async_context(_consuming(bench, database, begun, times))
        warm_up = bench.scaled(WARM_UP)
        await _open_loop((count + warm_up) * len(databases), insert)
        await asyncio.gather(*(wait_until(_reached(times, count + warm_up)) for times in took))
    return [times[warm_up:] for times in took]


@asynccontextmanager
async def _consuming(
    bench: BenchEnvironment, database: Database, begun: dict[UUID, float], took: list[float]
) -> AsyncIterator[None]:
    consumer = EventConsumer("bench")

    @consumer.on(StandCancelled)
    async def on_cancelled(cancelled: StandCancelled, _: UnitOfWork) -> None:
        took.append((perf_counter() - begun[cancelled.stand_id]) * 1000)

    topics = await bench.topics()
    relay = Relay(database, bench.kafka.bootstrap_servers, topics)
    inbox = Inbox(consumer, database, bench.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()
    yield
    await inbox.stop()
    await relay.stop()


async def _bare(bench: BenchEnvironment, count: int) -> list[float]:
    begun: dict[str, float] = {}
    took: list[float] = []
    url = await bench.postgres.create_database("bench_bare")
    pool = await asyncpg.create_pool(url, min_size=4, max_size=20)
    await pool.execute(SCHEMA)
    topics = await bench.topics()
    consumer = AIOKafkaConsumer(
        topics.name("stand.v1"), bootstrap_servers=bench.kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    relaying = asyncio.create_task(run_relay(url, bench.kafka.bootstrap_servers, topics.prefix))

    async def consume() -> None:
        async for record in consumer:
            took.append((perf_counter() - begun[record.key.decode()]) * 1000)

    async def insert() -> None:
        stand_id = str(uuid7())
        begun[stand_id] = perf_counter()
        async with pool.acquire() as connection:
            async with connection.transaction():
                await insert_event(connection, "stand.v1", stand_id, 1, {"stand_id": stand_id, "reason": PAYLOAD})
            await connection.execute(f"NOTIFY {CHANNEL}")

    consuming = asyncio.create_task(consume())
    warm_up = bench.scaled(WARM_UP)
    await _open_loop(count + warm_up, insert)
    await wait_until(_reached(took, count + warm_up))
    for task in (consuming, relaying):
        task.cancel()
    await asyncio.gather(consuming, relaying, return_exceptions=True)
    await consumer.stop()
    await pool.close()
    await bench.postgres.drop_database("bench_bare")
    return took[warm_up:]


def _reached(took: list[float], count: int) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return len(took) >= count

    return reached


async def _open_loop(count: int, once: Callable[[], Awaitable[None]]) -> None:
    """Starts each call at its due time, whether or not earlier calls have ended."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    running: set[asyncio.Task[None]] = set()
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / RATE - loop.time()))
        task = asyncio.ensure_future(once())
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


async def bench_takeover(bench: BenchEnvironment) -> None:
    """Seconds from killing or freezing a relay to the first row that the standby sends."""
    for name, number in (("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)):
        times = [await _takeover(bench, number) for _ in range(bench.rounds)]
        bench.record_value(f"take-over of a {name} relay", max(times), "s", f"the worst of {len(times)}")


async def bench_backlog(bench: BenchEnvironment) -> None:
    """Sends the backlog of an outage of one hour at 100 events per second."""
    count = bench.scaled(360_000)
    async with bench.database() as database:
        await fill_outbox(database, count, aggregates=5000)
        relay = Relay(database, bench.kafka.bootstrap_servers, await bench.topics())
        begun = perf_counter()
        await relay.start()
        await wait_until(_sent(relay, count))
        spent = perf_counter() - begun
        await relay.stop()
    bench.record_value("an hour's backlog drained", spent, "s", f"{count} rows of 1 KB")


def _sent(relay: Relay, count: int) -> Callable[[], Awaitable[bool]]:
    async def sent() -> bool:
        return relay.sent >= count

    return sent


async def _takeover(bench: BenchEnvironment, number: signal.Signals) -> float:
    loop = asyncio.get_running_loop()
    async with bench.database() as database:
        topics = await bench.topics()
        leader = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "wanderamt_bench.latency",
                database.url,
                bench.kafka.bootstrap_servers,
                topics.prefix,
            ),
            stdout=asyncio.subprocess.PIPE,
        )
        assert leader.stdout
        await asyncio.wait_for(leader.stdout.readline(), 30)
        standby = Relay(database, bench.kafka.bootstrap_servers, topics)
        await standby.start()
        inserting = asyncio.create_task(_keep_inserting(database))
        await asyncio.sleep(2)
        assert standby.sent == 0
        leader.send_signal(number)
        begun = loop.time()
        await wait_until(_sent(standby, 1), interval_s=0.01)
        spent = loop.time() - begun
        inserting.cancel()
        await asyncio.gather(inserting, return_exceptions=True)
        with suppress(ProcessLookupError):
            leader.kill()
        await leader.wait()
        await standby.stop()
    return spent


async def _keep_inserting(database: Database) -> None:
    while True:
        async with database.unit_of_work() as uow:
            uow.emit(new_event(uuid7()), version=1)
        await asyncio.sleep(0.02)


async def _run_leader(url: str, kafka: str, prefix: str) -> None:
    """Runs a relay in its own process and prints a line when it has sent its first row."""
    database = Database(url, service_name="scheduling")
    await database.start()
    relay = Relay(database, kafka, Topics(prefix))
    await relay.start()
    async with database.unit_of_work() as uow:
        uow.emit(new_event(uuid7()), version=1)
    await wait_until(_sent(relay, 1))
    print("leading", flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_run_leader(*sys.argv[1:]))
