"""Processes die by kill -9 at every commit point around a send: no provider with idempotency gets a message twice, and
an outcome that nobody knows becomes unknown, and is reconciled by its receipt.

RUNS=500 pytest …: the number of seeded runs, from the seed FIRST on.
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
from uuid import UUID

from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from uuid_utils.compat import uuid7

FIRST, RUNS = int(os.environ.get("FIRST", "0")), int(os.environ.get("RUNS", "9"))
PROVIDERS = ("gate", "courier", "smsc")
POINTS = (
    "prepare.open",
    "prepare.committed",
    "execute.running",
    "execute.ended",
    "complete.open",
    "complete.committed",
)
NOTICES = 5
LEASE_EXPIRED_S = 8
LATENCY_S = 0.02


class CrashRunner:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.killed = 0

    async def run(self, settings: dict[str, Any], *, seed: int, point: str, ahead_s: float) -> None:
        assert self._process.stdin
        assert self._process.stdout
        line = json.dumps({"settings": settings, "seed": seed, "point": point, "ahead_s": ahead_s})
        self._process.stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(60):
            end = json.loads(await self._process.stdout.readline())
        assert end["killed"] or end["code"] == 0, end
        self.killed += end["killed"]


@asynccontextmanager
async def start_crash_runner() -> AsyncIterator[CrashRunner]:
    script = Path(__file__).parent / "crash_runner.py"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), stdin=pipe, stdout=pipe)
    try:
        yield CrashRunner(process)
    finally:
        process.kill()
        await process.wait()


async def test_seeded_kills_around_the_send(open_notifications_env: OpenNotificationsEnv) -> None:
    async with (
        open_notifications_env(*PROVIDERS, components=(), receipt_timeout_hours=72) as env,
        start_crash_runner() as runner,
    ):
        for simulator in (env.gate, env.courier, env.smsc):
            simulator.faults = simulator.faults.model_copy(update={"latency_s": LATENCY_S})
        env.smsc.faults = env.smsc.faults.model_copy(update={"receipts": True, "receipt_after_s": 0.01})
        unknown = reconciled = 0
        for seed in range(FIRST, FIRST + RUNS):
            provider = PROVIDERS[seed % 3]
            ids = await _run(env, runner, provider, seed)
            rows = {row["notice_id"]: row for row in await env.notices() if row["notice_id"] in ids}
            assert len(rows) == NOTICES
            for row in rows.values():
                times = _times_received(env, provider, row)
                assert times <= 1, (seed, provider, row["state"], "doubled")
                if provider == "smsc":
                    assert row["state"] == ("delivered" if times else "unknown"), (seed, row["state"], times)
                    unknown += not times
                else:
                    assert (row["state"], times) == ("sent", 1), (seed, provider, row["state"])
            published = await env.rows("SELECT type, aggregate FROM outbox WHERE type LIKE '%unknown%'")
            reconciled += sum(rows.get(event["aggregate"], {}).get("state") == "delivered" for event in published)
        assert runner.killed >= RUNS // 2
        if RUNS >= 100:
            assert unknown > 0  # never left, and are never sent again
            assert reconciled > 0  # had left, as their receipts report
        print(f"{RUNS} runs, {runner.killed} kills, {unknown} unknown and never sent, {reconciled} reconciled")


async def _run(env: NotificationsEnv, runner: CrashRunner, provider: str, seed: int) -> set[UUID]:
    """Some notices, up to three crashes, and then runs without a crash until no job is left."""
    rng = random.Random(seed)  # noqa: S311 -- seeded, not secret
    await env.rows("DELETE FROM provider")
    env.clock.ahead *= 0
    events = [env.document_issued(uuid7()) for _ in range(NOTICES)]
    await env.deliver_events(*events)
    cases = {event.case_id for event in events}
    ids = {row["notice_id"] for row in await env.notices() if row["about_id"] in cases}
    settings = {**env.settings, "providers": {provider: env.settings["providers"][provider]}}
    ahead_s = 0.0
    for crash in range(rng.randrange(1, 4)):
        await runner.run(settings, seed=1000 * seed + crash, point=rng.choice(POINTS), ahead_s=ahead_s)
        ahead_s += LEASE_EXPIRED_S
    for _ in range(8):
        await runner.run(settings, seed=seed, point="", ahead_s=ahead_s)
        if not await env.rows("SELECT 1 FROM job WHERE status <> 'succeeded'"):
            return ids
        ahead_s += 45
    raise AssertionError(f"seed {seed}: jobs are left")


def _times_received(env: NotificationsEnv, provider: str, row: dict[str, Any]) -> int:
    """How often the message reached a telephone."""
    if provider == "gate":
        return sum(sms["reference"] == str(row["notice_id"]) for sms in env.gate.messages)
    if provider == "courier":
        return int(env.courier.call_log.effects[str(row["notice_id"])])
    document_number = f"MB-2026-{row['about_id'].int % 10**6:06}"
    return sum(sms.reference == row["short_ref"] and document_number in sms.text for sms in env.smsc.messages)
