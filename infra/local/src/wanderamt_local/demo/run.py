"""Sets up, starts everything, plays the morning, waits for the last notice, counts, stops everything."""

import asyncio
import json
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table
from wanderamt.backbone.sources import Sources, utc_now
from wanderamt.security.roles import Role
from wanderamt.shell.telemetry import start_traces

from wanderamt_local.demo.device import Device, Tap
from wanderamt_local.demo.ledger import Ledger, Seen, settle
from wanderamt_local.demo.morning import Morning, Visit, read_morning
from wanderamt_local.demo.papers import Checker
from wanderamt_local.demo.waterfall import draw, read_spans
from wanderamt_local.state import State, state_root
from wanderamt_local.system import System

SETTLE_TIMEOUT_S = 90
REFRESH_S = 0.4
SLOW_LATENCY_S = 3.0


@dataclass
class Watch:
    """What the screen shows while the morning runs."""

    moment: str = ""
    tapped: int = 0
    waiting: int = 0
    states: dict[str, int] = field(default_factory=dict)
    sms: int = 0
    mails: int = 0

    def table(self, total: int) -> Table:
        table = Table(title="Südbahnhofmarkt, Linz", caption=self.moment, min_width=64)
        for name in ("taps", "on the device", "provisional", "final", "needs visit", "SMS", "mails"):
            table.add_column(name, justify="right")
        states = [str(self.states.get(name, 0)) for name in ("provisional", "final", "needs_visit")]
        table.add_row(f"{self.tapped}/{total}", str(self.waiting), *states, str(self.sms), str(self.mails))
        return table


@dataclass
class Demo:
    system: System
    morning: Morning
    seconds: float
    kill: str
    console: Console
    sources: Sources = field(default_factory=Sources)
    watch: Watch = field(default_factory=Watch)
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=10))
    device: Device = field(init=False)

    async def play(self) -> Ledger:
        stand_id = await self._schedule_stand()
        self.device = await self._enrol(stand_id)
        with Live(self.watch.table(len(self.morning.visits)), console=self.console, transient=True) as live:
            refreshing = asyncio.create_task(self._refresh(live))
            await asyncio.gather(self._taps(), self._troubles())
            await self._settle()
            refreshing.cancel()
        return await self._count()

    async def _schedule_stand(self) -> Any:
        token = self.system.token("planner@linz", Role.PLANNER, audience="scheduling")
        stand_id = self.sources.new_id()
        now = self.sources.clock()
        stand = {
            "stand_id": str(stand_id),
            "place": "Südbahnhofmarkt",
            "district": "Innere Stadt",
            "starts_at": now.isoformat(),
            "ends_at": (now + timedelta(hours=5)).isoformat(),
            "crew": "Team Süd",
            "vehicle": "Bus 1",
            "kit": "Koffer 1",
            "services": sorted({visit.service for visit in self.morning.visits}),
            "occasion": "Wochenmarkt",
        }
        reply = await self.client.post(f"{self.system.url('scheduling')}/stands", json=stand, headers=_bearer(token))
        reply.raise_for_status()
        operator = self.system.token("operator@linz", Role.OPERATOR, audience="intake")
        async with asyncio.timeout(30):
            while not any(one["stand_id"] == str(stand_id) for one in await self._get("intake", "/stands", operator)):
                await asyncio.sleep(0.1)
        return stand_id

    async def _enrol(self, stand_id: Any) -> Device:
        device_id = self.sources.new_id()
        token = await self.system.enrol(device_id, stand_id)
        device = Device(device_id, stand_id, self.system.url("intake"), token, self.sources)
        await device.prepare()
        return device

    async def _taps(self) -> None:
        syncing = asyncio.create_task(self._keep_syncing())
        clock = asyncio.get_running_loop().time
        start = clock()
        for visit in self.morning.visits:
            await asyncio.sleep(max(0.0, start + visit.at * self.seconds - clock()))
            self._tap(visit)
        async with asyncio.timeout(60):
            while self.device.waiting:
                await asyncio.sleep(0.1)
        syncing.cancel()

    def _tap(self, visit: Visit) -> None:
        online = not self.morning.offline(visit.at)
        if online and not self.device.online:
            self.device.lose_next_answer = True  # the first answer after the dead spot is lost: everything goes twice
        self.device.online = online
        self.device.tap(visit.body(self.device.numbers))
        self.watch.tapped += 1
        self.watch.moment = "online" if online else "no network: entries wait on the device"

    async def _keep_syncing(self) -> None:
        while True:
            await self.device.sync()
            await asyncio.sleep(0.1)

    async def _troubles(self) -> None:
        """What goes wrong that morning: one SMS error, a slow register, and a kill if asked for."""
        troubles = [
            (self.morning.sms_error_at, self.system.turn("gate", {"fail_next": 1})),
            (self.morning.register_slow_from, self.system.turn("residents", {"latency_s": SLOW_LATENCY_S})),
            (self.morning.register_slow_until, self.system.turn("residents", {"latency_s": 1.0})),
        ]
        if self.kill:
            troubles.append((self.morning.kill_at, self._kill()))
        await asyncio.gather(*(self._later(at, trouble) for at, trouble in troubles))

    async def _later(self, at: float, trouble: Any) -> None:
        await asyncio.sleep(at * self.seconds)
        await trouble

    async def _kill(self) -> None:
        self.system.children.kill(self.kill)
        self.watch.moment = f"{self.kill} was killed with -9"

    async def _settle(self) -> None:
        """Until every case has ended and every notice was answered for, or the time is up: then the numbers speak."""
        loop = asyncio.get_running_loop()
        end = loop.time() + SETTLE_TIMEOUT_S
        while loop.time() < end:
            cases = await self._cases()
            ended = all(case["state"] != "provisional" for case in cases)
            if len(cases) == len(self.morning.visits) and ended:
                told = len(await self._told(cases))
                notices = await self._notices()
                if told >= self._expected_notices(cases) and not {"decided", "sending"} & notices.keys():
                    return
            await asyncio.sleep(0.2)

    async def _refresh(self, live: Live) -> None:
        while True:
            try:
                cases, received = await self._cases(), await self._received()
            except httpx.HTTPError:
                await asyncio.sleep(REFRESH_S)
                continue
            self.watch.states = {}
            for case in cases:
                self.watch.states[case["state"]] = self.watch.states.get(case["state"], 0) + 1
            self.watch.sms, self.watch.mails = len(received[0]), len(received[1])
            self.watch.waiting = self.device.waiting
            live.update(self.watch.table(len(self.morning.visits)))
            await asyncio.sleep(REFRESH_S)

    async def _count(self) -> Ledger:
        cases, pdfs = await self._documents()
        (sms, mails), checker = await self._received(), await self.checker()
        seen = Seen(
            cases=cases,
            notices=await self._notices(),
            sms=sms,
            mails=mails,
            pdfs=pdfs,
            valid_papers=await asyncio.to_thread(checker.count_valid, list(pdfs.values()), now=utc_now()),
            expected_notices=self._expected_notices(cases),
            told_cases=len(await self._told(cases)),
        )
        papers = {case["document_number"]: case["case_id"] for case in cases if case["document_number"]}
        sms_at = {case: one["at"] for one in sms for paper, case in papers.items() if paper in one["text"]}
        ledger = settle(self.device.taps, seen, sms_at)
        ledger.killed = self.kill
        ledger.restarts = self.system.children.restarts(self.kill) if self.kill else 0
        if self.kill and not ledger.restarts:
            ledger.complaints.append(f"{self.kill} was to be killed and was not")
        return ledger

    async def _documents(self) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        token = self.system.token("clerk.one@linz", Role.CLERK, audience="intake")
        cases = [await self._get("intake", f"/cases/{case['case_id']}", token) for case in await self._cases()]
        pdfs = {}
        for case in cases:
            if case["document_id"]:
                url = f"{self.system.url('intake')}/documents/{case['document_id']}.pdf"
                reply = await self.client.get(url, headers=_bearer(token))
                reply.raise_for_status()
                pdfs[case["case_id"]] = reply.content
        return cases, pdfs

    async def _told(self, cases: list[dict[str, Any]]) -> list[str]:
        """Cases whose citizens were told how it ended."""
        token = self.system.token("clerk.one@linz", Role.CLERK, audience="notifications")
        told = []
        for case in cases:
            notices = await self._get("notifications", f"/cases/{case['case_id']}/notices", token)
            if any(one["kind"] != "case_opened" and one["state"] in {"sent", "delivered"} for one in notices):
                told.append(case["case_id"])
        return told

    def _expected_notices(self, cases: list[dict[str, Any]]) -> int:
        """One for each citizen who left an address."""
        contacts = {str(tap.case_id): tap.entry["body"]["contact"] for tap in self.device.taps}
        return sum(bool(contacts.get(case["case_id"])) for case in cases)

    async def _cases(self) -> list[dict[str, Any]]:
        token = self.system.token("clerk.one@linz", Role.CLERK, audience="intake")
        found = await self._get("intake", f"/stands/{self.device.stand_id}/cases", token)
        return list(found)

    async def _received(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Texts, by whichever provider, and mails by their id."""
        received = await self.system.messengers()
        return [*received["gate"]["messages"], *received["smsc"]["messages"]], received["post"]["mails"]

    async def _notices(self) -> dict[str, int]:
        token = self.system.token("operator@linz", Role.OPERATOR, audience="notifications")
        return dict(await self._get("notifications", "/notices/counts", token))

    async def _get(self, service: str, path: str, token: str) -> Any:
        reply = await self.client.get(f"{self.system.url(service)}{path}", headers=_bearer(token))
        reply.raise_for_status()
        return reply.json()

    async def checker(self) -> Checker:
        """What everybody may have, without a token."""
        url = self.system.url("intake")
        certificate, status_list = [
            (await self.client.get(f"{url}/{name}")).raise_for_status() for name in ("authority.pem", "status-list")
        ]
        return Checker(certificate.text, status_list.content)

    async def report(self) -> str:
        """The stand's report, as the office reads it."""
        token = self.system.token("planner@linz", Role.PLANNER, audience="intake")
        url = f"{self.system.url('intake')}/report.html"
        reply = await self.client.get(url, params={"stand_id": str(self.device.stand_id)}, headers=_bearer(token))
        reply.raise_for_status()
        return reply.text

    def traced_tap(self) -> Tap:
        """A citizen served online who asked the register and wants to be told by mail: the longest way there is."""
        return next(
            tap
            for tap in self.device.taps
            if not tap.offline
            and tap.entry["body"]["contact"].get("prefer") == "email"
            and tap.entry["body"]["service"] == "registration_confirmation"
        )


async def run_demo(out: Path, *, kill: str, seconds: float, console: Console) -> bool:
    """Writes `out`/demo.json and `out`/demo/; True when the numbers add up."""
    state = State(state_root() / "demo")
    shutil.rmtree(state.folder, ignore_errors=True)
    folder = out / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    morning = read_morning()
    people = state.sub("people") / "known.jsonl"
    people.write_text("".join(json.dumps(v.applicant) + "\n" for v in morning.visits if v.known), encoding="utf-8")
    system = System(state, people=people, say=console.print)
    traces = start_traces("field-app", otlp_endpoint="", trace_folder=str(state.sub("traces")))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await system.start()
    demo = Demo(system, morning, seconds, kill, console)
    try:
        console.print("playing the morning: 40 citizens, a dead spot, a slow register, an SMS error")
        ledger = await demo.play()
        _keep_pdfs(folder, await demo._documents())
        (await demo.checker()).keep(folder)
        (folder / "report.html").write_text(await demo.report(), encoding="utf-8")
    finally:
        await demo.client.aclose()
        if traces:
            traces.shutdown()
        await system.stop()
    ledger.seconds = round(loop.time() - began, 1)
    spans = _keep_trace(folder, state.folder / "traces", demo.traced_tap())
    if not {"intake", "registry-bridge", "notifications"} <= {span["service"] for span in spans} or len(spans) < 8:
        ledger.complaints.append(f"the trace of one case has {len(spans)} spans and does not cover all services")
    shutil.copytree(state.folder / "mails", folder / "mails")
    (out / "demo.json").write_text(json.dumps(ledger.as_dict(), indent=2) + "\n")
    console.print(_summary(ledger))
    console.print(
        f"Numbers: {out / 'demo.json'}. PDFs, mails, the stand's report, one case's trace and its picture: {folder}/"
    )
    for complaint in ledger.complaints:
        console.print(f"[red]does not add up:[/] {complaint}")
    return not ledger.complaints


def _keep_pdfs(folder: Path, found: tuple[list[dict[str, Any]], dict[str, bytes]]) -> None:
    cases, pdfs = found
    (folder / "documents").mkdir()
    for case in cases:
        if case["case_id"] in pdfs:
            (folder / "documents" / f"{case['document_number']}.pdf").write_bytes(pdfs[case["case_id"]])


def _keep_trace(folder: Path, traces: Path, tap: Tap) -> list[dict[str, Any]]:
    spans = read_spans(traces, tap.trace_id)
    content = {"trace_id": tap.trace_id, "case_id": str(tap.case_id), "spans": spans}
    (folder / "trace.json").write_text(json.dumps(content, indent=2) + "\n")
    (folder / "trace.svg").write_text(draw(spans, f"One case from the tap to the SMTP reply: {len(spans)} spans"))
    return spans


def _summary(ledger: Ledger) -> Table:
    table = Table("", "", title="The morning in numbers", show_header=False)
    for name, value in ledger.as_dict().items():
        if name not in {"complaints"} and value != "":
            table.add_row(name.replace("_", " "), str(value))
    return table


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
