"""Limits that all processes of a service share, and limits of look-ups by a code."""

import asyncio
from datetime import timedelta

from wanderamt.backbone.environment import Environment
from wanderamt.backbone.persistence.code_lookups import (
    ANSWER_S,
    SLOW_AFTER,
    SLOW_ANSWER_S,
    WRONG_PER_CODE,
    WRONG_PER_NETWORK,
    CodeLookup,
    begin_lookup,
)
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.housekeeping import BackboneRetention, Housekeeping
from wanderamt.backbone.persistence.rate_limits import RateLimit, add_uses, count_uses, find_reached
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.service_env import MovableClock

HOUR = timedelta(hours=1)
TEN = RateLimit(b"a" * 32, 10, HOUR)


async def use(database: Database, limit: RateLimit = TEN) -> bool:
    async with database.unit_of_work() as uow:
        if await find_reached(uow, [limit]):
            return False
        await asyncio.sleep(0.001)
        await add_uses(uow, [limit.key])
        return True


async def look_up(database: Database, code: str, network: str, *, right: bool = False) -> CodeLookup:
    async with database.unit_of_work() as uow:
        lookup = await begin_lookup(uow, lambda plain: plain.ljust(32, b"."), network=network, code=code)
        if not lookup.refused and not right:
            await lookup.count_wrong(uow)
    return lookup


async def test_uses_at_the_same_moment_are_all_counted_and_refused_ones_leave_no_row(
    open_database: OpenDatabase,
) -> None:
    database = await open_database("scheduling")
    passed = await asyncio.gather(*(use(database) for _ in range(40)))
    assert sum(passed) == 10
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT count(*) FROM rate_limit_use") == 10
        assert await count_uses(uow, [TEN, RateLimit(b"b" * 32, 1, HOUR), RateLimit(TEN.key, 1, HOUR)]) == [10, 0, 10]


async def test_the_window_rolls_and_old_uses_are_deleted(open_database: OpenDatabase) -> None:
    database, clock = await open_database("scheduling"), MovableClock()
    database.environment = Environment(clock=clock)
    for _ in range(10):
        assert await use(database)
    assert not await use(database)
    clock.ahead += HOUR
    assert await use(database)
    clock.ahead += timedelta(days=2)
    deleted = await Housekeeping(database, BackboneRetention()).sweep()
    assert deleted["rate_limit_use"] == 11


async def test_many_keys_locked_at_once_never_deadlock(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    keys = [bytes([number]) * 32 for number in range(6)]

    async def use_all(turn: int) -> None:
        async with database.unit_of_work() as uow:
            await count_uses(uow, [RateLimit(keys[(turn + number) % 6], 100, HOUR) for number in range(6)])
            await add_uses(uow, keys)

    await asyncio.wait_for(asyncio.gather(*(use_all(turn) for turn in range(30))), 30)
    async with database.unit_of_work() as uow:
        assert await uow.db.fetchval("SELECT count(*) FROM rate_limit_use") == 180


async def test_right_answers_do_not_count(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    for _ in range(2 * WRONG_PER_NETWORK):
        assert not (await look_up(database, "CODE", "192.0.2.1", right=True)).refused


async def test_who_only_knows_a_code_is_refused_and_its_owner_is_not(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    answers = [await look_up(database, "CODE", "192.0.2.1") for _ in range(60)]
    assert [answer.refused for answer in answers].count(False) == WRONG_PER_CODE
    owner = await look_up(database, "CODE", "198.51.100.9", right=True)
    assert (owner.refused, owner.answer_s) == (False, ANSWER_S)


async def test_a_network_is_refused_after_wrong_codes_and_no_other_network_is(open_database: OpenDatabase) -> None:
    database = await open_database("scheduling")
    answers = [await look_up(database, f"CODE{number}", "192.0.2.1") for number in range(60)]
    assert [answer.refused for answer in answers].count(False) == WRONG_PER_NETWORK
    assert not (await look_up(database, "CODE0", "192.0.2.2", right=True)).refused


async def test_guessing_one_code_from_many_networks_makes_it_slow_and_refuses_nobody(
    open_database: OpenDatabase,
) -> None:
    database = await open_database("scheduling")
    answers = [await look_up(database, "CODE", f"192.0.2.{number // 4}") for number in range(SLOW_AFTER + 20)]
    assert not any(answer.refused for answer in answers)
    slow = [answer.answer_s for answer in answers].index(SLOW_ANSWER_S)
    assert slow == SLOW_AFTER
    owner = await look_up(database, "CODE", "198.51.100.9", right=True)
    assert (owner.refused, owner.answer_s) == (False, SLOW_ANSWER_S)
    assert (await look_up(database, "OTHER", "198.51.100.9")).answer_s == ANSWER_S
