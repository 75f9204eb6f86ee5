"""From before the INSERT to the consumer, open loop, well below saturation; and take-over of a relay that is gone."""

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
from wanderamt.backbone.database import Database
from wanderamt.backbone.inbox import Inbox
from wanderamt.backbone.relay import Relay
from wanderamt.backbone.topics import Topics
from wanderamt.backbone.work import Work
from wanderamt.contracts import StandCancelled

from wanderamt_bench.by_hand import CHANNEL, SCHEMA, relay_for_ever, tell
from wanderamt_bench.stage import PAYLOAD, Stage, event, fill_outbox, quantile, until

RATE = 300  # per second: below 30 % of what one writer of this machine can insert
WARM = 1000  # a broker in its first seconds is another machine


async def bench_latency(stage: Stage) -> None:
    count = stage.rows(3000)
    p50: list[tuple[float, float]] = []
    p99: list[tuple[float, float]] = []
    for _ in range(stage.rounds):
        bare = await _bare(stage, count)
        async with stage.database() as database:
            [ours] = await insert_to_consumer(stage, [database], count)
        p50.append((quantile(bare, 0.5), quantile(ours, 0.5)))
        p99.append((quantile(bare, 0.99), quantile(ours, 0.99)))
    load = f"{count} events of 1 KB, {RATE}/s open loop"
    stage.note("insert to consumer p50", "ms", p50, load)
    stage.note("insert to consumer p99", "ms", p99, load)


async def insert_to_consumer(stage: Stage, databases: Sequence[Database], count: int) -> list[list[float]]:
    """Milliseconds of each event of ours, by database: they take turns, so that a hiccup hits all of them."""
    begun: dict[UUID, float] = {}
    took: list[list[float]] = [[] for _ in databases]
    turn = cycle(databases)

    async def insert() -> None:
        stand_id = uuid7()
        begun[stand_id] = perf_counter()
        async with next(turn).work() as work:
            work.emit(event(stand_id), version=1)

    async with AsyncExitStack() as running:
        for database, times in zip(databases, took, strict=True):
            await running.enter_async_context(_consuming(stage, database, begun, times))
        total = (count + WARM) * len(databases)
        await _open_loop(total, insert)
        await asyncio.gather(*(until(_reached(times, count + WARM)) for times in took))
    return [times[WARM:] for times in took]


@asynccontextmanager
async def _consuming(
    stage: Stage, database: Database, begun: dict[UUID, float], took: list[float]
) -> AsyncIterator[None]:
    async def on_cancelled(heard: StandCancelled, _: Work) -> None:
        took.append((perf_counter() - begun[heard.stand_id]) * 1000)

    topics = await stage.topics()
    relay = Relay(database, stage.kafka.bootstrap_servers, topics)
    inbox = Inbox("bench", {StandCancelled: on_cancelled}, database, stage.kafka.bootstrap_servers, topics)
    await relay.start()
    await inbox.start()
    yield
    await inbox.stop()
    await relay.stop()


async def _bare(stage: Stage, count: int) -> list[float]:
    begun: dict[str, float] = {}
    took: list[float] = []
    url = await stage.postgres.create_database("bench_bare")
    pool = await asyncpg.create_pool(url, min_size=4, max_size=20)
    await pool.execute(SCHEMA)
    topics = await stage.topics()
    consumer = AIOKafkaConsumer(
        topics.name("stand.v1"), bootstrap_servers=stage.kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    relaying = asyncio.create_task(relay_for_ever(url, stage.kafka.bootstrap_servers, topics.prefix))

    async def hear() -> None:
        async for record in consumer:
            took.append((perf_counter() - begun[record.key.decode()]) * 1000)

    async def insert() -> None:
        stand_id = str(uuid7())
        begun[stand_id] = perf_counter()
        async with pool.acquire() as connection:
            async with connection.transaction():
                await tell(connection, "stand.v1", stand_id, 1, {"stand_id": stand_id, "reason": PAYLOAD})
            await connection.execute(f"NOTIFY {CHANNEL}")

    hearing = asyncio.create_task(hear())
    await _open_loop(count + WARM, insert)
    await until(_reached(took, count + WARM))
    for task in (hearing, relaying):
        task.cancel()
    await asyncio.gather(hearing, relaying, return_exceptions=True)
    await consumer.stop()
    await pool.close()
    await stage.postgres.drop_database("bench_bare")
    return took[WARM:]


def _reached(took: list[float], count: int) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return len(took) >= count

    return reached


async def _open_loop(count: int, once: Callable[[], Awaitable[None]]) -> None:
    """At its due time, whether or not the one before has ended."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    running: set[asyncio.Task[None]] = set()
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / RATE - loop.time()))
        task = asyncio.ensure_future(once())
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


async def bench_takeover(stage: Stage) -> None:
    """Seconds from the kill or the freeze to the first row that the standby sends."""
    for name, number in (("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)):
        times = [await _takeover(stage, number) for _ in range(stage.rounds)]
        stage.note_alone(f"take-over of a {name} relay", max(times), "s", f"the worst of {len(times)}")


async def bench_backlog(stage: Stage) -> None:
    """One hour's outage at 100 events a second."""
    count = stage.rows(360_000)
    async with stage.database() as database:
        await fill_outbox(database, count, aggregates=5000)
        relay = Relay(database, stage.kafka.bootstrap_servers, await stage.topics())
        begun = perf_counter()
        await relay.start()
        await until(_sent(relay, count))
        spent = perf_counter() - begun
        await relay.stop()
    stage.note_alone("an hour's backlog drained", spent, "s", f"{count} rows of 1 KB")


def _sent(relay: Relay, count: int) -> Callable[[], Awaitable[bool]]:
    async def sent() -> bool:
        return relay.sent >= count

    return sent


async def _takeover(stage: Stage, number: signal.Signals) -> float:
    loop = asyncio.get_running_loop()
    async with stage.database() as database:
        topics = await stage.topics()
        holder = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "wanderamt_bench.latency",
                database.url,
                stage.kafka.bootstrap_servers,
                topics.prefix,
            ),
            stdout=asyncio.subprocess.PIPE,
        )
        assert holder.stdout
        await asyncio.wait_for(holder.stdout.readline(), 30)
        standby = Relay(database, stage.kafka.bootstrap_servers, topics)
        await standby.start()
        inserting = asyncio.create_task(_keep_inserting(database))
        await asyncio.sleep(2)
        assert standby.sent == 0
        holder.send_signal(number)
        begun = loop.time()
        await until(_sent(standby, 1), every_s=0.01)
        spent = loop.time() - begun
        inserting.cancel()
        await asyncio.gather(inserting, return_exceptions=True)
        with suppress(ProcessLookupError):
            holder.kill()
        await holder.wait()
        await standby.stop()
    return spent


async def _keep_inserting(database: Database) -> None:
    while True:
        async with database.work() as work:
            work.emit(event(uuid7()), version=1)
        await asyncio.sleep(0.02)


async def _hold(url: str, kafka: str, prefix: str) -> None:
    """A relay in a process of its own that says when it has sent its first row."""
    database = Database(url, owner="scheduling")
    await database.start()
    relay = Relay(database, kafka, Topics(prefix))
    await relay.start()
    async with database.work() as work:
        work.emit(event(uuid7()), version=1)
    await until(_sent(relay, 1))
    print("holds", flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_hold(*sys.argv[1:]))
