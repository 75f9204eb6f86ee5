"""64 planners and 64 bookers at once on the same few crews, places and slots, through the door of a running service.

What is counted in the end: stands that share a resource at a time, slots that hold more than they take or other than
is booked, deadlocks, server errors. All of them must be 0; the speed is what is left to report.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from time import perf_counter
from typing import Any

import asyncpg
import httpx
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller, TokenSigner
from wanderamt_local.processes import Command
from wanderamt_local.state import Secrets, free_port
from wanderamt_local.system import says_ok

from wanderamt_bench.stage import Stage

PLANNERS, BOOKERS = 64, 64
SECONDS, QUICK_S = 60.0, 6.0
DAYS, HOURS = 12, (7, 9, 11, 13)
FEW = {"place": 6, "crew": 5, "vehicle": 4, "kit": 4}
SERVICES = ["active_pass", "registration", "voting_card"]
NAMES = {"place": "Platz", "crew": "Team", "vehicle": "Bus", "kit": "Koffer"}

OVERLAPS = """
    SELECT count(*) FROM stand a JOIN stand b ON a.stand_id < b.stand_id AND a.busy && b.busy
    AND (a.pitch_id = b.pitch_id OR a.crew_id = b.crew_id OR a.vehicle_id = b.vehicle_id OR a.kit_id = b.kit_id)
    WHERE a.state NOT IN ('draft', 'cancelled') AND b.state NOT IN ('draft', 'cancelled')
"""
WRONG_SLOTS = """
    SELECT count(*) FROM slot s WHERE booked > capacity OR booked <> (
        SELECT count(*) FROM appointment a WHERE a.stand_id = s.stand_id AND a.state IN ('held', 'booked')
        AND a.starts_at <= s.starts_at AND s.starts_at < a.ends_at)
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@dataclass
class Crowd:
    """What everybody did, by step and answer; `stands`: those that could be booked."""

    http: httpx.AsyncClient
    planner: dict[str, str]
    until: float
    begin: datetime
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    stands: list[str] = field(default_factory=list)

    async def ask(self, step: str, method: str, path: str, **more: Any) -> httpx.Response:
        reply = await self.http.request(method, path, **more)
        self.answers[step, reply.status_code] += 1
        return reply

    @property
    def on(self) -> bool:
        return perf_counter() < self.until


async def bench_booking(stage: Stage) -> None:
    secrets, port = Secrets.make(), free_port()
    topics = await stage.topics()
    async with stage.database("scheduling") as database:
        url = f"http://127.0.0.1:{port}"
        command = Command(
            name="scheduling",
            argv=[sys.executable, "-m", "wanderamt.shell", "run", "scheduling"],
            env={
                "WANDERAMT_DATABASE_URL": database.url,
                "WANDERAMT_DATABASE_CONNECTIONS": "24",
                "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": stage.kafka.bootstrap_servers,
                "WANDERAMT_TOPIC_PREFIX": topics.prefix,
                "WANDERAMT_PORT": str(port),
                "WANDERAMT_TOKEN_PUBLIC_KEY": secrets.token_public_key,
                "WANDERAMT_SEALING_KEY": secrets.sealing_key,
                "WANDERAMT_HOLDS_AT_ONCE": "1000000",
                "WANDERAMT_OPEN_APPOINTMENTS": "1000000",
                "WANDERAMT_HOLD_MIN": "0.1",
            },
            log=stage.folder / "booking.log",
            ready=lambda: says_ok(f"{url}/health/ready"),
        )
        await stage.children.start(command)
        try:
            crowd = await _play(url, secrets, QUICK_S if stage.quick else SECONDS)
            await asyncio.sleep(1)
            found = await _audit(database.url)
        finally:
            await stage.children.stop_one("scheduling")
    _report(stage, crowd, found, QUICK_S if stage.quick else SECONDS)


async def _play(url: str, secrets: Secrets, seconds: float) -> Crowd:
    caller = Caller("planner@bench", frozenset({Role.PLANNER}))
    signer = TokenSigner(secrets.token_private_key)
    token = signer.sign(caller, audience="scheduling", now=utc_now(), lifetime=timedelta(hours=1))
    limits = httpx.Limits(max_connections=PLANNERS + BOOKERS)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as http:
        begin = (utc_now() + timedelta(days=10)).replace(hour=0, minute=0, second=0, microsecond=0)
        crowd = Crowd(http, {"Authorization": f"Bearer {token}"}, perf_counter() + seconds, begin)
        planners = [_plan(crowd, Random(seed)) for seed in range(PLANNERS)]
        await asyncio.gather(*planners, *(_book(crowd, Random(1000 + seed)) for seed in range(BOOKERS)))
    return crowd


async def _plan(crowd: Crowd, chance: Random) -> None:
    mine: list[str] = []
    while crowd.on:
        stand = _some_stand(crowd.begin, chance)
        reply = await crowd.ask("plan", "POST", "/stands", json=stand, headers=crowd.planner)
        if reply.status_code == 201:
            mine.append(stand["stand_id"])
            crowd.stands.append(stand["stand_id"])
        if mine and chance.random() < 0.3:
            id_ = mine[chance.randrange(len(mine))]
            order = {**_some_stand(crowd.begin, chance), "reason": "moved"}
            for field_ in ("stand_id", "state"):
                order.pop(field_, None)
            await crowd.ask("move stand", "POST", f"/stands/{id_}/move", json=order, headers=crowd.planner)
        if len(mine) > 2 and chance.random() < 0.3:
            id_ = mine.pop(chance.randrange(len(mine)))
            why = {"reason": "rain"}
            await crowd.ask("cancel stand", "POST", f"/stands/{id_}/cancel", json=why, headers=crowd.planner)


def _some_stand(begin: datetime, chance: Random) -> dict[str, Any]:
    at = begin + timedelta(days=chance.randrange(DAYS), hours=chance.choice(HOURS))
    names = {what: f"{NAMES[what]} {chance.randrange(many)}" for what, many in FEW.items()}
    return names | {
        "stand_id": str(uuid7()),
        "district": "Innere Stadt",
        "starts_at": at.isoformat(),
        "ends_at": (at + timedelta(hours=2)).isoformat(),
        "services": SERVICES,
        "setup_min": 15,
        "teardown_min": 15,
        "desks": 2,
    }


async def _book(crowd: Crowd, chance: Random) -> None:
    while crowd.on:
        if not crowd.stands:
            await asyncio.sleep(0.05)
            continue
        stand_id, service = chance.choice(crowd.stands[-40:]), chance.choice(SERVICES)
        path = f"/public/stands/{stand_id}"
        reply = await crowd.ask("times", "GET", f"{path}/times", params={"service": service})
        times = reply.json() if reply.status_code == 200 else []
        if not times:
            continue
        hold = {"hold_id": str(uuid7()), "service": service, "starts_at": chance.choice(times[:6])}
        reply = await crowd.ask("hold", "POST", f"{path}/holds", json=hold)
        if reply.status_code != 201 or chance.random() < 0.1:
            continue
        born = f"19{chance.randrange(40, 99)}-05-04"
        who = {"phone": f"+43660{chance.randrange(10**7):07}", "born": born, "consent": "2026-1"}
        reply = await crowd.ask("confirm", "POST", f"/public/holds/{hold['hold_id']}/confirm", json=who)
        if reply.status_code != 201 or chance.random() < 0.4:
            continue
        look = {"code": reply.json()["code"], "born": born}
        found = await crowd.ask("look up", "POST", "/public/appointments/look-up", json=look)
        if found.status_code != 200:
            continue
        ticket = {"ticket": found.json()["ticket"]}
        if chance.random() < 0.6:
            to = {"stand_id": chance.choice(crowd.stands[-40:]), "starts_at": chance.choice(times)}
            await crowd.ask("move", "POST", "/public/appointments/move", json=ticket | to)
        else:
            await crowd.ask("cancel", "POST", "/public/appointments/cancel", json=ticket)


async def _audit(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    try:
        return {
            "stands that share a resource": await connection.fetchval(OVERLAPS),
            "slots that hold what they should not": await connection.fetchval(WRONG_SLOTS),
            "deadlocks": await connection.fetchval(DEADLOCKS),
            "appointments": await connection.fetchval("SELECT count(*) FROM appointment"),
            "stands": await connection.fetchval("SELECT count(*) FROM stand"),
        }
    finally:
        await connection.close()


def _report(stage: Stage, crowd: Crowd, found: dict[str, int], seconds: float) -> None:
    load = f"{PLANNERS} planners and {BOOKERS} bookers for {seconds:g} s, {found['stands']} stands"
    for step in ("plan", "move stand", "cancel stand", "hold", "confirm", "move", "cancel"):
        done = sum(many for (name, status), many in crowd.answers.items() if name == step and status < 300)
        refused = sum(many for (name, status), many in crowd.answers.items() if name == step and status >= 400)
        stage.note_alone(f"booking / {step}", done / seconds, "done/s", f"{load}; {refused} refused")
    every = sum(crowd.answers.values())
    stage.note_alone("booking / requests", every / seconds, "requests/s", load)
    errors = sum(many for (_, status), many in crowd.answers.items() if status >= 500)
    stage.note_alone("booking / server errors", errors, "answers", load)
    for what in ("stands that share a resource", "slots that hold what they should not", "deadlocks"):
        stage.note_alone(f"booking / {what}", found[what], "found", load)
    assert every > 0
    assert not errors, crowd.answers
    assert not any(found[what] for what in list(found)[:3]), found
