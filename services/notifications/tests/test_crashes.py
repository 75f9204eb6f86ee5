"""Processes die by kill -9 at every commit point around the send; nothing is sent twice by whoever can tell, and what
nobody can tell ends as unknown and is reconciled by its receipt.

RUNS=500 pytest …: how many seeded runs, from the seed FIRST on; the suite takes fewer.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from uuid_utils.compat import uuid7

FIRST, RUNS = int(os.environ.get("FIRST", "0")), int(os.environ.get("RUNS", "9"))
PROVIDERS = ("gate", "courier", "smsc")
POINTS = ("claim.open", "claim.committed", "call.under way", "call.ended", "record.open", "record.committed")
NOTICES = 5
LEASE_OVER_S = 8
LATENCY_S = 0.02


class Nursery:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.killed = 0

    async def life(self, settings: dict[str, Any], *, seed: int, point: str, ahead_s: float) -> None:
        assert self._process.stdin
        assert self._process.stdout
        line = json.dumps({"settings": settings, "seed": seed, "point": point, "ahead_s": ahead_s})
        self._process.stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(60):
            ended = json.loads(await self._process.stdout.readline())
        assert ended["killed"] or ended["code"] == 0, ended
        self.killed += ended["killed"]


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    script = Path(__file__).parent / "nursery.py"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), stdin=pipe, stdout=pipe)
    try:
        yield Nursery(process)
    finally:
        process.kill()
        await process.wait()


async def test_seeded_kills_around_the_send(open_city: Any) -> None:
    async with open_city(*PROVIDERS, parts=(), receipt_hours=72) as city, nursery() as lives:
        for one in (city.gate, city.courier, city.smsc):
            one.knobs = one.knobs.model_copy(update={"latency_s": LATENCY_S})
        city.smsc.knobs = city.smsc.knobs.model_copy(update={"receipts": True, "receipt_after_s": 0.01})
        unknown = reconciled = 0
        for seed in range(FIRST, FIRST + RUNS):
            provider = PROVIDERS[seed % 3]
            ids = await _run(city, lives, provider, seed)
            rows = {row["notice_id"]: row for row in await city.notices() if row["notice_id"] in ids}
            assert len(rows) == NOTICES
            for row in rows.values():
                times = _times(city, provider, row)
                assert times <= 1, (seed, provider, row["state"], "doubled")
                if provider == "smsc":
                    assert row["state"] == ("delivered" if times else "unknown"), (seed, row["state"], times)
                    unknown += not times
                else:
                    assert (row["state"], times) == ("sent", 1), (seed, provider, row["state"])
            told = await city.rows("SELECT type, aggregate FROM outbox WHERE type LIKE '%unknown%'")
            reconciled = (
                len([one for one in told if rows.get(one["aggregate"], {}).get("state") == "delivered"]) + reconciled
            )
        assert lives.killed >= RUNS // 2
        if RUNS >= 100:
            assert unknown > 0  # those that never left, and are never sent again
            assert reconciled > 0  # those that had left, as their receipts say
        print(f"{RUNS} runs, {lives.killed} kills, {unknown} unknown and never sent, {reconciled} reconciled")


async def _run(city: Any, lives: Nursery, provider: str, seed: int) -> set[Any]:
    """One run: some notices, up to three deaths, and lives until all is done."""
    rng = random.Random(seed)  # noqa: S311 -- seeded, not secret
    await city.rows("DELETE FROM provider")
    city.ahead *= 0
    events = [city.issued(case_id=uuid7()) for _ in range(NOTICES)]
    await city.hear(*events)
    cases = {event.case_id for event in events}
    ids = {row["notice_id"] for row in await city.notices() if row["about_id"] in cases}
    settings = {**city.settings, "providers": {provider: city.settings["providers"][provider]}}
    ahead_s = 0.0
    for death in range(rng.randrange(1, 4)):
        await lives.life(settings, seed=1000 * seed + death, point=rng.choice(POINTS), ahead_s=ahead_s)
        ahead_s += LEASE_OVER_S
    for _ in range(8):
        await lives.life(settings, seed=seed, point="", ahead_s=ahead_s)
        if not await city.rows("SELECT 1 FROM job"):
            return ids
        ahead_s += 45
    raise AssertionError(f"seed {seed}: jobs are left")


def _times(city: Any, provider: str, row: dict[str, Any]) -> int:
    """How often it reached a telephone."""
    if provider == "gate":
        return sum(one["reference"] == str(row["notice_id"]) for one in city.gate.messages)
    if provider == "courier":
        return int(city.courier.seen.effects[str(row["notice_id"])])
    paper = f"MB-2026-{row['about_id'].int % 10**6:06}"
    return sum(one.reference == row["short_ref"] and paper in one.text for one in city.smsc.messages)
