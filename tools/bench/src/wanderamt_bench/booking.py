"""64 planners and 64 citizens compete for a few crews, pitches and slots, through the API of a running service.

At the end the scene counts stands that share a resource at the same time, slots with a wrong booking counter, deadlocks
and server errors. All of these must be 0.
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
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt_local.processes import ProcessSpec
from wanderamt_local.state import Secrets, free_port
from wanderamt_local.system import responds_ok

from wanderamt_bench.bench_environment import BenchEnvironment

PLANNERS, CITIZENS = 64, 64
SECONDS, QUICK_SECONDS = 60.0, 3.0
DAYS, HOURS = 12, (7, 9, 11, 13)
RESOURCE_COUNTS = {"place": 6, "crew": 5, "vehicle": 4, "kit": 4}
LIMITS = (
    "WANDERAMT_MAX_HOLDS",
    "WANDERAMT_HOLDS_PER_HOUR",
    "WANDERAMT_MAX_OPEN_APPOINTMENTS",
    "WANDERAMT_UNCONFIRMED_PER_DAY",
    "WANDERAMT_MAX_OPEN_PER_NETWORK",
)
SERVICES = ["active_pass", "registration", "voting_card"]
RESOURCE_NAMES = {"place": "Platz", "crew": "Team", "vehicle": "Bus", "kit": "Koffer"}

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
class BookingRun:
    """Counts of answers by step and status. `stands`: ids of the stands that citizens can book."""

    http: httpx.AsyncClient
    planner_headers: dict[str, str]
    ends_at: float
    first_day: datetime
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    stands: list[str] = field(default_factory=list)

    async def request(self, step: str, method: str, path: str, **options: Any) -> httpx.Response:
        reply = await self.http.request(method, path, **options)
        self.answers[step, reply.status_code] += 1
        return reply

    @property
    def running(self) -> bool:
        return perf_counter() < self.ends_at


async def bench_booking(bench: BenchEnvironment) -> None:
    secrets, port = Secrets.generate(), free_port()
    topics = await bench.topics()
    async with bench.database("scheduling") as database:
        url = f"http://127.0.0.1:{port}"
        command = ProcessSpec(
            name="scheduling",
            argv=[sys.executable, "-m", "wanderamt.shell", "run", "scheduling"],
            env={
                "WANDERAMT_DATABASE_URL": database.url,
                "WANDERAMT_DATABASE_CONNECTIONS": "24",
                "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": bench.kafka.bootstrap_servers,
                "WANDERAMT_TOPIC_PREFIX": topics.prefix,
                "WANDERAMT_PORT": str(port),
                "WANDERAMT_TOKEN_PUBLIC_KEY": secrets.token_public_key,
                "WANDERAMT_ENCRYPTION_KEY": secrets.encryption_key,
                "WANDERAMT_TRUSTED_PROXIES": "none",
                # all citizens share one address
                **dict.fromkeys(LIMITS, "1000000"),
                "WANDERAMT_STAND_SHARE": "1",
                "WANDERAMT_HOLD_MINUTES": "0.1",
            },
            log=bench.folder / "booking.log",
            ready=lambda: responds_ok(f"{url}/health/ready"),
        )
        await bench.supervisor.start(command)
        try:
            booking_run = await _play(url, secrets, QUICK_SECONDS if bench.quick else SECONDS)
            await asyncio.sleep(1)
            counts = await _audit(database.url)
        finally:
            await bench.supervisor.stop_one("scheduling")
    _report(bench, booking_run, counts, QUICK_SECONDS if bench.quick else SECONDS)


async def _play(url: str, secrets: Secrets, seconds: float) -> BookingRun:
    caller = Principal("planner@bench", frozenset({Role.PLANNER}))
    signer = TokenSigner(secrets.token_private_key)
    token = signer.sign(caller, audience="scheduling", now=utc_now(), lifetime=timedelta(hours=1))
    limits = httpx.Limits(max_connections=PLANNERS + CITIZENS)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as http:
        begin = (utc_now() + timedelta(days=10)).replace(hour=0, minute=0, second=0, microsecond=0)
        booking_run = BookingRun(http, {"Authorization": f"Bearer {token}"}, perf_counter() + seconds, begin)
        planners = [_run_planner(booking_run, Random(seed)) for seed in range(PLANNERS)]
        await asyncio.gather(*planners, *(_run_citizen(booking_run, Random(1000 + seed)) for seed in range(CITIZENS)))
    return booking_run


async def _run_planner(booking_run: BookingRun, rng: Random) -> None:
    own_stands: list[str] = []
    while booking_run.running:
        stand = _some_stand(booking_run.first_day, rng)
        reply = await booking_run.request("plan", "POST", "/stands", json=stand, headers=booking_run.planner_headers)
        if reply.status_code == 201:
            own_stands.append(stand["stand_id"])
            booking_run.stands.append(stand["stand_id"])
        if own_stands and rng.random() < 0.3:
            stand_id = own_stands[rng.randrange(len(own_stands))]
            move = {**_some_stand(booking_run.first_day, rng), "reason": "moved"}
            for name in ("stand_id", "state"):
                move.pop(name, None)
            await booking_run.request(
                "move stand", "POST", f"/stands/{stand_id}/move", json=move, headers=booking_run.planner_headers
            )
        if len(own_stands) > 2 and rng.random() < 0.3:
            stand_id = own_stands.pop(rng.randrange(len(own_stands)))
            cancellation = {"reason": "rain"}
            await booking_run.request(
                "cancel stand",
                "POST",
                f"/stands/{stand_id}/cancel",
                json=cancellation,
                headers=booking_run.planner_headers,
            )


def _some_stand(begin: datetime, rng: Random) -> dict[str, Any]:
    at = begin + timedelta(days=rng.randrange(DAYS), hours=rng.choice(HOURS))
    names = {kind: f"{RESOURCE_NAMES[kind]} {rng.randrange(count)}" for kind, count in RESOURCE_COUNTS.items()}
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


async def _run_citizen(booking_run: BookingRun, rng: Random) -> None:
    while booking_run.running:
        if not booking_run.stands:
            await asyncio.sleep(0.05)
            continue
        stand_id, service = rng.choice(booking_run.stands[-40:]), rng.choice(SERVICES)
        path = f"/public/stands/{stand_id}"
        reply = await booking_run.request("times", "GET", f"{path}/times", params={"service": service})
        times = reply.json() if reply.status_code == 200 else []
        if not times:
            continue
        hold = {"hold_id": str(uuid7()), "service": service, "starts_at": rng.choice(times[:6])}
        reply = await booking_run.request("hold", "POST", f"{path}/holds", json=hold)
        if reply.status_code != 201 or rng.random() < 0.1:
            continue
        held, born = reply.json(), f"19{rng.randrange(40, 99)}-05-04"
        citizen = {"phone": f"+43660{rng.randrange(10**7):07}", "born": born, "consent": "2026-1"}
        citizen |= {"token": held["token"]}
        reply = await booking_run.request("confirm", "POST", f"/public/holds/{held['hold_id']}/confirm", json=citizen)
        if reply.status_code != 201 or rng.random() < 0.4:
            continue
        look_up = {"code": reply.json()["code"], "born": born}
        reply = await booking_run.request("look up", "POST", "/public/appointments/look-up", json=look_up)
        if reply.status_code != 200:
            continue
        token = {"token": reply.json()["token"]}
        if rng.random() < 0.6:
            to = {"stand_id": rng.choice(booking_run.stands[-40:]), "starts_at": rng.choice(times)}
            await booking_run.request("move", "POST", "/public/appointments/move", json=token | to)
        else:
            await booking_run.request("cancel", "POST", "/public/appointments/cancel", json=token)


async def _audit(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    try:
        return {
            "stands that share a resource": await connection.fetchval(OVERLAPS),
            "slots with a wrong counter": await connection.fetchval(WRONG_SLOTS),
            "deadlocks": await connection.fetchval(DEADLOCKS),
            "appointments": await connection.fetchval("SELECT count(*) FROM appointment"),
            "stands": await connection.fetchval("SELECT count(*) FROM stand"),
        }
    finally:
        await connection.close()


def _report(bench: BenchEnvironment, booking_run: BookingRun, counts: dict[str, int], seconds: float) -> None:
    load = f"{PLANNERS} planners and {CITIZENS} citizens for {seconds:g} s, {counts['stands']} stands"
    for step in ("plan", "move stand", "cancel stand", "hold", "confirm", "move", "cancel"):
        done = sum(number for (name, status), number in booking_run.answers.items() if name == step and status < 300)
        refused = sum(
            number for (name, status), number in booking_run.answers.items() if name == step and status >= 400
        )
        bench.record_value(f"booking / {step}", done / seconds, "done/s", f"{load}; {refused} refused")
    total = sum(booking_run.answers.values())
    bench.record_value("booking / requests", total / seconds, "requests/s", load)
    errors = sum(number for (_, status), number in booking_run.answers.items() if status >= 500)
    bench.record_value("booking / server errors", errors, "answers", load)
    for what in ("stands that share a resource", "slots with a wrong counter", "deadlocks"):
        bench.record_value(f"booking / {what}", counts[what], "found", load)
    assert total > 0
    assert not errors, booking_run.answers
    assert not any(counts[what] for what in list(counts)[:3]), counts
