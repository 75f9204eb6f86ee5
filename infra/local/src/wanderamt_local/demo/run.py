"""Runs the demo: starts the system, plays the scenario, waits for the last notice, counts, stops the system."""

import asyncio
import json
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.live import Live
from wanderamt.backbone.environment import Environment, utc_now
from wanderamt.security.roles import Role
from wanderamt.shell.access import REASON_HEADER
from wanderamt.shell.telemetry import start_traces

from wanderamt_local.demo.device import DemoDevice, DemoEntry
from wanderamt_local.demo.document_checker import DocumentChecker
from wanderamt_local.demo.nightly_files import NightlyFiles
from wanderamt_local.demo.papers import save_papers
from wanderamt_local.demo.result import DemoObservations, DemoResult, evaluate
from wanderamt_local.demo.scenario import DemoScenario, read_scenario
from wanderamt_local.demo.screen import DemoProgress, figures_table, services_table
from wanderamt_local.demo.trace_chart import draw_trace, read_spans
from wanderamt_local.state import StateFolder, state_root
from wanderamt_local.system import REGISTERS, System

SENT_TIMEOUT_S = 40
COMPLETE_TIMEOUT_S = 90
REFRESH_S = 0.4
SLOW_LATENCY_S = 3.0


@dataclass
class Demo:
    """`pdfs`, `titles`, `numbers`: of the papers at the end, by case."""

    system: System
    scenario: DemoScenario
    nightly_files: NightlyFiles
    seconds: float
    kill: str
    console: Console
    restarts: int = 0
    pdfs: dict[str, bytes] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    environment: Environment = field(default_factory=Environment)
    progress: DemoProgress = field(default_factory=DemoProgress)
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=10))
    device: DemoDevice = field(init=False)

    async def play(self) -> DemoResult:
        stand_id = await self._schedule_stand()
        self.device = await self._enrol(stand_id)
        with Live(self.progress.table(len(self.scenario.visits)), console=self.console, transient=True) as live:
            refreshing = asyncio.create_task(self._refresh(live))
            await asyncio.gather(self._capture_entries(), self._inject_faults())
            await self._bring_night()
            await self._wait_until_complete()
            refreshing.cancel()
        return await self._count()

    async def _schedule_stand(self) -> Any:
        token = self.system.token("planner@linz", Role.PLANNER, audience="scheduling")
        stand_id = self.environment.new_id()
        now = self.environment.clock()
        new_stand = {
            "stand_id": str(stand_id),
            "place": "Südbahnhofmarkt",
            "district": "Innere Stadt",
            "starts_at": now.isoformat(),
            "ends_at": (now + timedelta(hours=5)).isoformat(),
            "crew": "Team Süd",
            "vehicle": "Bus 1",
            "kit": "Koffer 1",
            "services": sorted({visit.service for visit in self.scenario.visits}),
            "occasion": "Wochenmarkt",
        }
        reply = await self.client.post(
            f"{self.system.url('scheduling')}/stands", json=new_stand, headers=_bearer(token)
        )
        reply.raise_for_status()
        operator = self.system.token("operator@linz", Role.OPERATOR, audience="intake")
        async with asyncio.timeout(30):
            while not any(
                stand["stand_id"] == str(stand_id) for stand in await self._get("intake", "/stands", operator)
            ):
                await asyncio.sleep(0.1)
        return stand_id

    async def _enrol(self, stand_id: Any) -> DemoDevice:
        device_id = self.environment.new_id()
        token = await self.system.enrol(device_id, stand_id)
        device = DemoDevice(device_id, stand_id, self.system.url("intake"), token, self.environment)
        await device.prepare()
        return device

    async def _capture_entries(self) -> None:
        syncing = asyncio.create_task(self._keep_syncing())
        clock = asyncio.get_running_loop().time
        start = clock()
        for visit in self.scenario.visits:
            await asyncio.sleep(max(0.0, start + visit.at * self.seconds - clock()))
            online = not self.scenario.is_offline(visit.at)
            if online and not self.device.online:
                # the first answer after the dead spot is lost, so the device sends everything again
                self.device.lose_next_answer = True
            self.device.online = online
            self.device.capture(visit)
            self.progress.captured += 1
            self.progress.caption = "online" if online else "no network: entries wait on the device"
        end = clock() + SENT_TIMEOUT_S
        while self.device.pending and clock() < end and not syncing.done():
            await asyncio.sleep(0.1)
        syncing.cancel()
        if self.device.pending:
            raise RuntimeError(f"the device could not send everything: {self.device.pending_text()}")

    async def _keep_syncing(self) -> None:
        while True:
            await self.device.sync()
            await asyncio.sleep(0.1)

    async def _inject_faults(self) -> None:
        """The faults of the scenario: one SMS error, a slow register, and a kill if requested."""
        faults = [
            (self.scenario.sms_error_at, self.system.set_faults("gate", {"fail_next": 1})),
            (self.scenario.register_slow_from, self.system.set_faults("residents", {"latency_s": SLOW_LATENCY_S})),
            (self.scenario.register_slow_until, self.system.set_faults("residents", {"latency_s": 1.0})),
        ]
        if self.kill:
            faults.append((self.scenario.kill_at, self._kill()))
        await asyncio.gather(*(self._later(at, fault) for at, fault in faults))

    async def _later(self, at: float, fault: Any) -> None:
        await asyncio.sleep(at * self.seconds)
        await fault

    async def _kill(self) -> None:
        self.system.supervisor.kill(self.kill)
        self.progress.caption = f"{self.kill} was killed with -9"

    async def _bring_night(self) -> None:
        """The dog register gets its orders in the evening and answers them at night."""
        self.restarts = self.system.supervisor.restarts(self.kill) if self.kill else 0
        self.progress.caption = "evening and night: files for the dog register"
        dogs = sum(visit.service == "dog_registration" for visit in self.scenario.visits)
        await self.nightly_files.bring_evening_and_night(self.system, dogs, now=self.environment.clock())

    async def _wait_until_complete(self) -> None:
        """Waits until every case is complete and every notice has a result, or the time is up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + COMPLETE_TIMEOUT_S
        while loop.time() < end:
            cases = await self._cases()
            complete = all(case["state"] != "provisional" for case in cases)
            if len(cases) == len(self.scenario.visits) and complete:
                notified = len(await self._notified_cases(cases))
                notices = await self._notices()
                if notified >= self._expected_notices(cases) and not {"created", "sending"} & notices.keys():
                    return
            await asyncio.sleep(0.2)

    async def _refresh(self, live: Live) -> None:
        while True:
            try:
                cases, received = await self._cases(), await self._received()
            except httpx.HTTPError:
                await asyncio.sleep(REFRESH_S)
                continue
            self.progress.states = {}
            for case in cases:
                self.progress.states[case["state"]] = self.progress.states.get(case["state"], 0) + 1
            self.progress.sms, self.progress.mails = len(received[0]), len(received[1])
            self.progress.pending = self.device.pending
            live.update(self.progress.table(len(self.scenario.visits)))
            await asyncio.sleep(REFRESH_S)

    async def _count(self) -> DemoResult:
        cases, self.pdfs = await self._documents()
        (sms, mails), checker = await self._received(), await self.document_checker()
        pdfs = list(self.pdfs.values())
        self.titles = dict(zip(self.pdfs, await asyncio.to_thread(checker.titles, pdfs), strict=True))
        observed = DemoObservations(
            cases=cases,
            notices=await self._notices(),
            sms=sms,
            mails=mails,
            pdfs=self.pdfs,
            valid_documents=await asyncio.to_thread(checker.count_valid, pdfs, now=utc_now()),
            expected_notices=self._expected_notices(cases),
            notified_cases=len(await self._notified_cases(cases)),
            tables={register: await self.system.register_rows(register) for register in REGISTERS},
            titles=self.titles,
        )
        self.numbers = {case["case_id"]: case["document_number"] for case in cases if case["document_number"]}
        sms_at = {case: text["at"] for text in sms for case, number in self.numbers.items() if number in text["text"]}
        result = evaluate(self.device.entries, observed, sms_at)
        result.killed = self.kill
        result.restarts = self.restarts
        if self.kill and not result.restarts:
            result.problems.append(f"{self.kill} should have been killed but was not restarted")
        return result

    async def _documents(self) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
        token = self.system.token("office@linz", Role.OFFICE, audience="intake")
        headers = _bearer(token) | {REASON_HEADER: quote("result of the demo")}
        cases = [await self._get("intake", f"/cases/{case['case_id']}", token) for case in await self._cases()]
        pdfs = {}
        for case in cases:
            if case["document_id"]:
                url = f"{self.system.url('intake')}/documents/{case['document_id']}.pdf"
                reply = await self.client.get(url, headers=headers)
                reply.raise_for_status()
                pdfs[case["case_id"]] = reply.content
        return cases, pdfs

    async def _notified_cases(self, cases: list[dict[str, Any]]) -> list[str]:
        """Ids of the cases whose citizens received a notice about the result."""
        token = self.system.token("clerk.one@linz", Role.CLERK, audience="notifications")
        notified = []
        for case in cases:
            notices = await self._get("notifications", f"/cases/{case['case_id']}/notices", token)
            if any(n["kind"] != "case_opened" and n["state"] in {"sent", "delivered"} for n in notices):
                notified.append(case["case_id"])
        return notified

    def _expected_notices(self, cases: list[dict[str, Any]]) -> int:
        """One per citizen with a contact."""
        contacts = {str(entry.case_id): entry.entry["body"]["contact"] for entry in self.device.entries}
        return sum(bool(contacts.get(case["case_id"])) for case in cases)

    async def _cases(self) -> list[dict[str, Any]]:
        token = self.system.token("office@linz", Role.OFFICE, audience="intake")
        return list(await self._get("intake", f"/stands/{self.device.stand_id}/cases", token))

    async def _received(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """The text messages of all providers, and the number of deliveries per mail id."""
        received = await self.system.received_messages()
        return [*received["gate"]["messages"], *received["smsc"]["messages"]], received["post"]["mails"]

    async def _notices(self) -> dict[str, int]:
        token = self.system.token("operator@linz", Role.OPERATOR, audience="notifications")
        return dict(await self._get("notifications", "/notices/counts", token))

    async def _get(self, service: str, path: str, token: str) -> Any:
        reply = await self.client.get(f"{self.system.url(service)}{path}", headers=_bearer(token))
        reply.raise_for_status()
        return reply.json()

    async def document_checker(self) -> DocumentChecker:
        """Downloads the public files; they need no token."""
        url = self.system.url("intake")
        certificate, status_list = [
            (await self.client.get(f"{url}/{name}")).raise_for_status() for name in ("authority.pem", "status-list")
        ]
        return DocumentChecker(certificate.text, status_list.content)

    async def report(self) -> str:
        """The report of the stand for the back office, as HTML."""
        token = self.system.token("planner@linz", Role.PLANNER, audience="intake")
        url = f"{self.system.url('intake')}/report.html"
        reply = await self.client.get(url, params={"stand_id": str(self.device.stand_id)}, headers=_bearer(token))
        reply.raise_for_status()
        return reply.text

    def traced_entry(self) -> DemoEntry:
        """An entry captured online, with a register query and a notice by mail: the longest path through the system."""
        return next(
            entry
            for entry in self.device.entries
            if not entry.offline
            and entry.entry["body"]["contact"].get("prefer") == "email"
            and entry.entry["body"]["service"] == "registration_confirmation"
        )


async def run_demo(out: Path, *, kill: str, seconds: float) -> bool:
    """Writes `out`/demo.json and `out`/demo/. Returns True if all checks pass."""
    console = Console()
    state = StateFolder(state_root() / "demo")
    shutil.rmtree(state.folder, ignore_errors=True)
    folder = out / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scenario = read_scenario()
    people = state.subfolder("people") / "known.jsonl"
    people.write_text("".join(json.dumps(person) + "\n" for person in scenario.people()), encoding="utf-8")
    nightly_files = NightlyFiles(state.subfolder("dogs-of-the-demo"))
    system = System(state, residents_file=people, settings=nightly_files.prepare(), report=console.print)
    traces = start_traces("field-app", trace_folder=str(state.subfolder("traces")))
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    await system.start()
    demo = Demo(system, scenario, nightly_files, seconds, kill, console)
    try:
        console.print("Playing a morning at the market: 40 citizens, a dead spot, slow registers, an SMS error.")
        result = await demo.play()
        (await demo.document_checker()).save(folder)
        (folder / "report.html").write_text(await demo.report(), encoding="utf-8")
    finally:
        await demo.client.aclose()
        if traces:
            traces.shutdown()
        await system.stop()
    result.seconds = round(loop.time() - started_at, 1)
    spans = _save_trace(folder, state.folder / "traces", demo.traced_entry())
    if not {"intake", "registry-bridge", "notifications"} <= {span["service"] for span in spans} or len(spans) < 8:
        result.problems.append(f"the trace of one case has {len(spans)} spans and does not reach all services")
    _save_pdfs(folder, demo)
    shutil.copytree(state.folder / "mails", folder / "mails")
    (out / "demo.json").write_text(json.dumps(result.as_dict(), indent=2) + "\n")
    console.print(figures_table(result), services_table(result))
    console.print(
        f"Figures: {out / 'demo.json'}. A paper of each kind: {folder / 'papers'}/. All documents, mails, the"
    )
    console.print(f"stand report and the trace of one case: {folder}/")
    for problem in result.problems:
        console.print(f"[red]check failed:[/] {problem}")
    return not result.problems


def _save_pdfs(folder: Path, demo: Demo) -> None:
    """All documents, and a paper of each kind, in the order in which the citizens came."""
    captured = [case for entry in demo.device.entries if (case := str(entry.case_id)) in demo.pdfs]
    (folder / "documents").mkdir()
    for case in captured:
        (folder / "documents" / f"{demo.numbers[case]}.pdf").write_bytes(demo.pdfs[case])
    save_papers(folder / "papers", [(demo.titles[case], demo.pdfs[case]) for case in captured])


def _save_trace(folder: Path, traces: Path, entry: DemoEntry) -> list[dict[str, Any]]:
    spans = read_spans(traces, entry.trace_id)
    content = {"trace_id": entry.trace_id, "case_id": str(entry.case_id), "spans": spans}
    (folder / "trace.json").write_text(json.dumps(content, indent=2) + "\n")
    (folder / "trace.svg").write_text(
        draw_trace(spans, f"One case from the entry on the device to the SMTP reply: {len(spans)} spans")
    )
    return spans


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
