"""Three registers with the whole system: one is slow and fails, one is down; the effect on the third and on the crews."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from time import perf_counter

from pydantic import SecretStr
from service_catalogue.authority import shipped_profile
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.persistence.database import Database
from wanderamt.contracts import RegisterQueryRequested
from wanderamt.security.assertions import Assertion, AssertionSigner
from wanderamt.security.keys import FieldCipher

from wanderamt_bench.bench_environment import BenchEnvironment, quantile, wait_until
from wanderamt_bench.sync_endpoint import SyncEndpoint, UntracedSystem, whole_system

Faults = dict[str, float | bool]

THIRD_REGISTER: Faults = {"latency_s": 0.2, "jitter_s": 0.1}
NEIGHBOURS: tuple[dict[str, Faults], ...] = (  # healthy, and with faults
    {"parking": {"latency_s": 0.2, "error_share": 0.0}, "dogs": {"down": False}},
    {"parking": {"latency_s": 30.0, "error_share": 0.2}, "dogs": {"down": True}},
)
CASES_PER_S = 20.0
NEIGHBOURS_PER_S = 5.0  # requests to each of the other two
QUERIES = {
    "parking": ("find_permit", "StVO-45-4", b'{"plate": "L 123AB"}'),
    "dogs": (
        "register_dog",
        "OoeHHG-2",
        b'{"given_name": "Anna", "family_name": "Gruber", "chip": "040098100000001", "breed": "Dackel",'
        b' "born": "2026-08-01"}',
    ),
}


async def bench_neighbours(bench: BenchEnvironment) -> None:
    """Two systems side by side under the same load, case by case in turns, so that other load on the machine affects both.

    In one system the neighbours of the third register are healthy; in the other one is slow and one is down.
    """
    count = bench.scaled(1500)
    async with whole_system(bench) as healthy, whole_system(bench) as disturbed:
        systems = (healthy, disturbed)
        for (system, _), faults in zip(systems, NEIGHBOURS, strict=True):
            await system.set_faults("residents", THIRD_REGISTER)
            for name, values in faults.items():
                await system.set_faults(name, values)
        if bench.quick:  # a stop waits for running calls
            await disturbed[0].set_faults("parking", {"latency_s": 2.0})
        async with _query_load(healthy[0]), _query_load(disturbed[0]):
            await _cases(systems, count // 5)
            answers: list[list[float]] = [[], []]
            syncs: list[list[float]] = [[], []]
            for _ in range(bench.rounds):
                for place, (answered, synced) in enumerate(await _cases(systems, count)):
                    answers[place] += answered
                    syncs[place] += synced
    load = (
        f"{count * bench.rounds} cases each at {CASES_PER_S / 2:.0f}/s, {NEIGHBOURS_PER_S:.0f}/s to each neighbour;"
        " parking at 30 s with 20 % errors, dogs down"
    )
    for what, (healthy_s, disturbed_s) in (("third register's p99", answers), ("/sync p99", syncs)):
        pair = (quantile(healthy_s, 0.99) * 1000, quantile(disturbed_s, 0.99) * 1000)
        bench.record(f"{what} beside a register at 30 s and one that is down / beside healthy ones", "ms", [pair], load)


async def _cases(
    systems: Sequence[tuple[UntracedSystem, SyncEndpoint]], count: int
) -> list[tuple[list[float], list[float]]]:
    """By system: seconds from request to answer of the third register, and seconds of each POST /sync."""
    begun_at, loop = utc_now(), asyncio.get_running_loop()
    begun = loop.time()
    syncs: list[list[float]] = [[] for _ in systems]

    async def send(place: int, endpoint: SyncEndpoint) -> None:
        sent = perf_counter()
        await endpoint.sync(endpoint.entry_lines(1))
        syncs[place].append(perf_counter() - sent)

    async with asyncio.TaskGroup() as group:
        for number in range(count * len(systems)):
            await asyncio.sleep(max(0.0, begun + number / CASES_PER_S - loop.time()))
            place = number % len(systems)
            group.create_task(send(place, systems[place][1]))
    answers = [await _answered(system, begun_at, count) for system, _ in systems]
    return list(zip(answers, syncs, strict=True))


async def _answered(system: UntracedSystem, since: datetime, count: int) -> list[float]:
    assert system.postgres
    database = Database(
        system.postgres.database_url(system.database("registry-bridge")), service_name="bench", max_connections=2
    )
    await database.start()
    answered: list[float] = []

    async def all_answered() -> bool:
        async with database.unit_of_work() as uow:
            rows = await uow.db.fetch(
                """
                SELECT extract(epoch FROM answered_at - asked_at)::float AS seconds FROM request
                WHERE register_name = 'residents' AND asked_at >= $1 AND answered_at IS NOT NULL
                """,
                since,
            )
        answered[:] = [row["seconds"] for row in rows]
        return len(answered) >= count

    try:
        await wait_until(all_answered, timeout_s=120, interval_s=0.5)
    finally:
        await database.stop()
    return answered


@asynccontextmanager
async def _query_load(system: UntracedSystem) -> AsyncIterator[None]:
    """Queries to the two neighbours at a constant rate, through the outbox of intake and signed as intake signs."""
    assert system.postgres
    database = Database(
        system.postgres.database_url(system.database("intake")), service_name="intake", max_connections=2
    )
    await database.start()
    querying = asyncio.create_task(_query(database, system))
    try:
        yield
    finally:
        querying.cancel()
        await asyncio.gather(querying, return_exceptions=True)
        await database.stop()


async def _query(database: Database, system: UntracedSystem) -> None:
    secrets = system.state.secrets
    cipher = FieldCipher(
        SecretStr(secrets.encryption_key),
        authority=shipped_profile().code,
        assertion_signer=AssertionSigner(SecretStr(secrets.assertion_key)),
    )
    while True:
        async with database.unit_of_work() as uow:
            for name in QUERIES:
                uow.emit(_request(name, cipher, uow.now + timedelta(days=1)), version=1)
        await asyncio.sleep(1 / NEIGHBOURS_PER_S)


def _request(register: str, cipher: FieldCipher, deadline: datetime) -> RegisterQueryRequested:
    operation, purpose, question = QUERIES[register]
    case_id = uuid7()
    sealed = cipher.seal(case_id, question)
    about = Assertion("clerk.one@linz", case_id, uuid7(), register, operation, purpose, sealed)
    assert cipher.assertion_signer
    return RegisterQueryRequested(
        case_id=about.case_id,
        request_id=about.request_id,
        register_name=register,
        operation=operation,
        question=about.question,
        purpose=purpose,
        officer=about.officer,
        deadline=deadline,
        assertion=cipher.assertion_signer.sign(about, until=deadline),
    )
