"""Three registers on the real stack: one hangs and fails, one is dead for good; what the third and the crews notice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from time import perf_counter

from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import RegisterRequested
from wanderamt.security.assertions import Assertion, Voucher
from wanderamt.security.keys import Sealer

from wanderamt_bench.door import Door, Untraced, whole_system
from wanderamt_bench.stage import Stage, quantile, until

Knobs = dict[str, float | bool]

THIRD: Knobs = {"latency_s": 0.2, "jitter_s": 0.1}
WEATHERS: tuple[dict[str, Knobs], ...] = (
    {"parking": {"latency_s": 0.2, "error_share": 0.0}, "dogs": {"down": False}},
    {"parking": {"latency_s": 30.0, "error_share": 0.2}, "dogs": {"down": True}},
)
CASES_PER_S = 20.0
NEIGHBOURS_PER_S = 5.0  # requests to each of the other two
ASKED = {
    "parking": ("find_permit", "StVO-45-4", b'{"plate": "L 123AB"}'),
    "dogs": (
        "register_dog",
        "OoeHHG-2",
        b'{"given_name": "Anna", "family_name": "Gruber", "chip": "040098100000001", "breed": "Dackel",'
        b' "born": "2026-08-01"}',
    ),
}


async def bench_neighbours(stage: Stage) -> None:
    """Two systems side by side under the same load, case by case in turns, so that what the machine does hits both:
    beside the third register all are healthy in one; in the other one hangs and one is dead."""
    count = stage.rows(1500)
    async with whole_system(stage) as fair, whole_system(stage) as foul:
        ways = (fair, foul)
        for (system, _), knobs in zip(ways, WEATHERS, strict=True):
            await system.turn("residents", THIRD)
            for name, turned in knobs.items():
                await system.turn(name, turned)
        async with _asked_besides(fair[0]), _asked_besides(foul[0]):
            await _cases(ways, count // 5)
            answers: list[list[float]] = [[], []]
            syncs: list[list[float]] = [[], []]
            for _ in range(stage.rounds):
                for place, (answered, synced) in enumerate(await _cases(ways, count)):
                    answers[place] += answered
                    syncs[place] += synced
    load = (
        f"{count * stage.rounds} cases each at {CASES_PER_S / 2:.0f}/s, {NEIGHBOURS_PER_S:.0f}/s to each neighbour;"
        " parking at 30 s with a fifth of errors, dogs dead"
    )
    for what, (well, ill) in (("third register's p99", answers), ("/sync p99", syncs)):
        pair = (quantile(well, 0.99) * 1000, quantile(ill, 0.99) * 1000)
        stage.note(f"{what} beside a register at 30 s and a dead one / beside healthy ones", "ms", [pair], load)


async def _cases(ways: Sequence[tuple[Untraced, Door]], count: int) -> list[tuple[list[float], list[float]]]:
    """Of each way: seconds from request to answer of the third register, and of each /sync."""
    begun_at, loop = utc_now(), asyncio.get_running_loop()
    begun = loop.time()
    syncs: list[list[float]] = [[] for _ in ways]

    async def one(place: int, door: Door) -> None:
        sent = perf_counter()
        await door.sync(door.lines(1))
        syncs[place].append(perf_counter() - sent)

    async with asyncio.TaskGroup() as group:
        for number in range(count * len(ways)):
            await asyncio.sleep(max(0.0, begun + number / CASES_PER_S - loop.time()))
            place = number % len(ways)
            group.create_task(one(place, ways[place][1]))
    answers = [await _answered(system, begun_at, count) for system, _ in ways]
    return list(zip(answers, syncs, strict=True))


async def _answered(system: Untraced, since: datetime, count: int) -> list[float]:
    assert system.postgres
    database = Database(
        system.postgres.database_url(system.database("registry-bridge")), owner="bench", max_connections=2
    )
    await database.start()
    found: list[float] = []

    async def all_there() -> bool:
        async with database.work() as work:
            rows = await work.db.fetch(
                """
                SELECT extract(epoch FROM answered_at - asked_at)::float AS seconds FROM request
                WHERE register_name = 'residents' AND asked_at >= $1 AND answered_at IS NOT NULL
                """,
                since,
            )
        found[:] = [row["seconds"] for row in rows]
        return len(found) >= count

    try:
        await until(all_there, timeout_s=120, every_s=0.5)
    finally:
        await database.stop()
    return found


@asynccontextmanager
async def _asked_besides(system: Untraced) -> AsyncIterator[None]:
    """Requests to the other two registers at a steady rate, by intake's own outbox, signed as intake signs."""
    assert system.postgres
    database = Database(system.postgres.database_url(system.database("intake")), owner="intake", max_connections=2)
    await database.start()
    asking = asyncio.create_task(_ask(database, system))
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await database.stop()


async def _ask(database: Database, system: Untraced) -> None:
    secrets = system.state.secrets
    sealer = Sealer(SecretStr(secrets.sealing_key), voucher=Voucher(SecretStr(secrets.assertion_key)))
    while True:
        async with database.work() as work:
            for name in ASKED:
                work.emit(_request(name, sealer, work.now + timedelta(days=1)), version=1)
        await asyncio.sleep(1 / NEIGHBOURS_PER_S)


def _request(register: str, sealer: Sealer, deadline: datetime) -> RegisterRequested:
    operation, purpose, question = ASKED[register]
    about = Assertion("clerk.one@linz", uuid7(), uuid7(), register, operation, purpose)
    assert sealer.voucher
    return RegisterRequested(
        case_id=about.case_id,
        request_id=about.request_id,
        register_name=register,
        operation=operation,
        question=sealer.seal(about.case_id, question),
        purpose=purpose,
        officer=about.officer,
        deadline=deadline,
        assertion=sealer.voucher.sign(about, until=deadline),
    )
