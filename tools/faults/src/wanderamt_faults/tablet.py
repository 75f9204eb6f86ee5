"""A clerk with a tablet: the crew's app in a real Chromium, behind a lossy proxy."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
from playwright.async_api import BrowserContext, Page, Playwright
from playwright.async_api import Error as PlaywrightError
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import case_entry
from wanderamt_local.system import System

from wanderamt_faults.lossy_proxy import LossyProxy

CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS: Final = [
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--use-fake-device-for-media-stream"),
]
PIN: Final = "471100"
DEADLINE_S: Final = 240
UNSYNCED_STATES: Final = {"device", "sent", "held", "conflict", "refused"}


@dataclass
class Tablet:
    """Chromium with its own profile, and the proxy between it and intake."""

    system: System
    playwright: Playwright
    profile: Path
    proxy: LossyProxy
    stand_id: UUID = field(default_factory=uuid7)
    options: dict[str, Any] = field(default_factory=dict)
    context: BrowserContext | None = None
    page: Any = None  # a Page while the tablet is on
    label: str = "Tablet 7"
    photo: bytes = b""
    disk_bytes: int = 0
    disk: Any = None
    scripts: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.proxy.url}/field/"

    async def switch_on(self) -> Page:
        executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
        assert executable, "Chromium is missing: 'make test' installs it with apt if it has the rights; else install it"
        options = {
            "viewport": {"width": 820, "height": 1180},
            "locale": "de-AT",
            "accept_downloads": True,
            **self.options,
        }
        self.context = await self.playwright.chromium.launch_persistent_context(
            str(self.profile), executable_path=executable, headless=True, args=CHROMIUM_FLAGS, **options
        )
        for script in self.scripts:
            await self.context.add_init_script(script)
        if self.disk_bytes:
            self.disk = await self.context.new_cdp_session(self.context.pages[0])
            await self.set_disk(self.disk_bytes)
        return await self.open()

    async def set_disk(self, size: int | None) -> None:
        """Limits the storage quota of the app, in bytes; None: no limit. Chromium caches the quota for 30 s."""
        quota = {"origin": self.proxy.url} | ({"quotaSize": size} if size else {})
        await self.disk.send("Storage.overrideQuotaForOrigin", quota)

    async def open(self, path: str = "") -> Page:
        assert self.context
        page = await self.context.new_page()
        self.page = page
        page.set_default_timeout(20_000)
        await page.goto(self.url + path)
        return page

    async def switch_off(self) -> None:
        if self.context:
            await self.context.close()
            self.context = None

    async def kill_tab(self) -> None:
        """Crashes the renderer process at once and opens the app again."""
        assert self.context
        page = self.page
        session = await self.context.new_cdp_session(page)
        with contextlib.suppress(PlaywrightError, TimeoutError):
            await asyncio.wait_for(session.send("Page.crash"), 1)
        await page.close()
        await self.open("#/queue")

    async def new_enrolment_code(self) -> str:
        operator = {"Authorization": f"Bearer {self.system.token('o@linz', Role.OPERATOR, audience='intake')}"}
        async with httpx.AsyncClient(base_url=self.system.url("intake"), headers=operator) as http:
            return str((await http.post("/devices/codes", json={"label": self.label})).json()["code"])

    async def enrol(self) -> None:
        await self.page.locator("#code").fill(await self.new_enrolment_code())
        await self.page.get_by_test_id("enrol").click()
        await self.page.get_by_test_id("sign-in").wait_for()

    async def sign_in(self, clerk: str = "Anna Huber") -> None:
        await self.page.get_by_test_id("sign-in").click()
        await self.page.get_by_role("button", name=clerk).click()
        await self.page.get_by_test_id("begin").wait_for()

    async def start_shift(self) -> None:
        await self.page.locator(f"input[name=stand][value='{self.stand_id}']").check()
        await self.page.locator("#pin").fill(PIN)
        await self.page.locator("#pin-again").fill(PIN)
        await self.page.get_by_test_id("begin").click()

    async def load_stand(self) -> None:
        await self.page.get_by_test_id("load").click()
        await self.page.locator("main a[href='#/queue']").wait_for()

    async def worker_ready(self) -> None:
        """Returns when the service worker has stored the whole app, so that it opens without a network."""
        await self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        await self.page.wait_for_function("navigator.serviceWorker.controller !== null")

    async def prepare(self) -> None:
        """Enrols the tablet, signs in, and loads the stand."""
        await self.switch_on()
        await self.enrol()
        await self.sign_in()
        await self.start_shift()
        await self.load_stand()
        await self.worker_ready()
        await self.page.locator("main a[href='#/queue']").click()
        await self.page.get_by_test_id("walk-in").wait_for()

    async def start_case(self, service: str) -> None:
        await self.page.goto(f"{self.url}#/queue")
        await self.page.get_by_test_id("walk-in").click()
        start = self.page.get_by_test_id(f"start-{service}")
        choice = self.page.locator(f"input[name=service][value={service}]")  # of the release 0.1.0
        await start.or_(choice).wait_for()
        if await choice.count():
            await choice.check()
            start = self.page.get_by_test_id("start")
        await start.click()
        await self.page.locator("[data-stage]").wait_for()

    async def complete_case(self, service: str, *, family: str = "Öztürk", phone: str = "") -> str:
        """Processes a case from the first question to the handed-over document; returns the text of its QR code."""
        await self.start_case(service)
        return await self.finish_case(family=family, phone=phone)

    async def finish_case(self, *, family: str = "Öztürk", phone: str = "") -> str:
        """Continues the case on the screen until its document is handed over."""
        stamp = await self.continue_to_document(family=family, phone=phone)
        await self.page.get_by_test_id("hand-over").click()
        await self.page.get_by_test_id("walk-in").wait_for()
        return stamp

    async def continue_until(self, *stages: str) -> None:
        """Continues until the case is at one of these."""
        await self.continue_to_document(until=stages)

    async def continue_to_document(
        self, *, family: str = "Öztürk", phone: str = "", until: Collection[str] = ()
    ) -> str:
        while True:
            stage = await self.page.locator("[data-stage]").get_attribute("data-stage")
            if stage in until:
                return ""
            match stage:
                case "form":
                    await self._fill(family, phone)
                case "check":
                    await self.page.get_by_test_id("check-done").click()
                case "identify":
                    await self._identify()
                case "papers":
                    await self._check_document()
                    continue
                case "fee":
                    await self.page.locator("input[name=payment][value=cash]").check()
                    await self.page.get_by_test_id("pay").click()
                case "paper":
                    code = self.page.get_by_test_id("code")
                    if not await code.count():
                        await self.page.get_by_test_id("give-paper").click()
                    return str(await code.get_attribute("data-stamp"))
            await self.page.locator(f"[data-stage]:not([data-stage={stage}])").wait_for()

    async def _fill(self, family: str, phone: str) -> None:
        page = self.page
        await page.locator("#given_name").fill("Šemsa")
        await page.locator("#family_name").fill(family)
        await page.locator("#birth_date").fill("1971-12-31")
        for answer in ("channel][value=spoken", "register_asked][value=central", "recipient_named][value=yes"):
            if await page.locator(f"input[name=fact-{answer}]").count():
                await page.locator(f"input[name=fact-{answer}]").check()
        if await page.locator("#fact-dog_born_on").count():
            await page.locator("#fact-dog_born_on").fill("2026-01-10")
            await page.locator("#fact-twelve_weeks_on").fill("2026-04-04")
            if await page.locator("#fact-chip").count():  # not in the release 0.1.0
                await page.locator("#fact-dog_name").fill("Bello")
                await page.locator("#fact-chip").fill("040098100000123")
                await page.locator("#fact-breed").fill("Labrador")
                await page.locator("input[name=fact-taken_over][value=no]").check()
            await page.locator("input[name=fact-pet_database_shown][value=yes]").check()
            await page.locator("input[name=fact-large_dog][value=no]").check()
        if phone:
            await page.locator("#phone").fill(phone)
            await page.locator("#consent").check()
        await page.get_by_test_id("form-done").click()

    async def _identify(self) -> None:
        choice = self.page.locator("input[name=level][value=photo_id]")  # of the release 0.1.0
        proof = self.page.get_by_test_id("identify-photo_id")
        await proof.or_(choice).wait_for()
        if await choice.count():
            await choice.check()
            proof = self.page.get_by_test_id("identify")
        await proof.click()

    async def _check_document(self) -> None:
        page, done = self.page, await self.page.locator(".checks li.good").count()
        if await page.get_by_test_id("seen").count():
            await page.get_by_test_id("seen").click()
        else:
            await self.choose_photo()
            await page.get_by_test_id("keep-photo").click()
        await page.wait_for_function(
            "(done) => document.querySelector('[data-stage]')?.dataset.stage !== 'papers' "
            "|| document.querySelectorAll('.checks li.good').length > done",
            arg=done,
        )

    async def choose_photo(self) -> None:
        picture = {"name": "paper.jpg", "mimeType": "image/jpeg", "buffer": self.photo}
        await self.page.locator("#photo-file").set_input_files(picture)
        await self.page.locator("figure").wait_for()

    async def finish_open_cases(self) -> None:
        """Completes the cases that are not handed over, such as those that a killed tab leaves."""
        open_cases = self.page.locator("a[href^='#/case/']")
        while True:
            await self.page.goto(f"{self.url}#/queue")
            await self.page.get_by_test_id("walk-in").wait_for()
            if not await open_cases.count():
                return
            await open_cases.first.click()
            await self.page.locator("[data-stage]").wait_for()
            await self.finish_case()

    async def unsynced(self) -> int:
        """The number of unsynced rows that the app shows, read once it agrees with the app's database."""
        async with asyncio.timeout(DEADLINE_S):
            while (shown := await self._shown_unsynced()) != await self._stored_unsynced():
                await asyncio.sleep(0.05)
        return shown

    async def _shown_unsynced(self) -> int:
        return int(await self.page.get_by_test_id("not-at-office").get_attribute("data-count"))

    async def _stored_unsynced(self) -> int:
        rows = await self.rows("entries") + await self.rows("files")
        return sum(row["state"] in UNSYNCED_STATES for row in rows)

    async def wait_until_all_sent(self, *, deadline_s: float = DEADLINE_S) -> None:
        async with asyncio.timeout(deadline_s):
            while await self.unsynced():
                await asyncio.sleep(0.2)

    async def rows(self, store: str) -> list[dict[str, Any]]:
        """The rows of a store in the browser's database, without their encrypted part."""
        stored = await self.page.evaluate(
            """(store) => new Promise((done, failed) => {
                const opening = indexedDB.open('wanderamt-field');
                opening.onerror = () => failed(opening.error);
                opening.onsuccess = () => {
                    const all = opening.result.transaction(store).objectStore(store).getAll();
                    all.onsuccess = () => {
                        opening.result.close();
                        done(JSON.stringify(all.result.map(({ sealed, ...row }) => row)));
                    };
                };
            })""",
            store,
        )
        return list(json.loads(stored))

    async def get_fact(self, name: str) -> Any:
        """A value of the store `facts` in the browser's database, as JSON."""
        stored = await self.page.evaluate(
            """(name) => new Promise((done) => {
                const opening = indexedDB.open('wanderamt-field');
                opening.onsuccess = () => {
                    const request = opening.result.transaction('facts').objectStore('facts').get(name);
                    request.onsuccess = () => { opening.result.close(); done(JSON.stringify(request.result ?? null)); };
                };
            })""",
            name,
        )
        return json.loads(stored)

    async def put_fact(self, name: str, value: Any) -> None:
        await self.page.evaluate(
            """([name, value]) => new Promise((done) => {
                const opening = indexedDB.open('wanderamt-field');
                opening.onsuccess = () => {
                    const tx = opening.result.transaction('facts', 'readwrite');
                    tx.objectStore('facts').put(value, name);
                    tx.oncomplete = () => { opening.result.close(); done(); };
                };
            })""",
            [name, value],
        )

    async def sql(self, query: str, *args: object) -> list[Any]:
        """Runs a query in the database of intake."""
        connection = await asyncpg.connect(self.system.env("intake")["WANDERAMT_DATABASE_URL"])
        try:
            return list(await connection.fetch(query, *args))
        finally:
            await connection.close()

    async def device_id(self) -> UUID:
        return UUID((await self.get_fact("device"))["device_id"])

    async def send_now(self) -> None:
        await self.page.goto(f"{self.url}#/outbox")
        await self.page.get_by_test_id("send-now").click()

    async def fill_on_other_device(self, case_id: str, body: dict[str, Any]) -> None:
        """Lets another device of the stand fill the same case."""
        device_id = uuid7()
        token = await self.system.enrol(device_id, self.stand_id, label="Tablet 8")
        [case] = await self.sql("SELECT version FROM case_file WHERE case_id = $1", UUID(case_id))
        entry = case_entry(
            "case.fill",
            uuid7(),
            UUID(case_id),
            self.stand_id,
            device_seq=1,
            case_seq=1,
            captured_at=utc_now(),
            body=body,
        )
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=self.system.url("intake"), headers=headers) as http:
            reply = await http.post("/sync", json={"entries": [entry | {"base_version": case["version"]}]})
        assert reply.json()["results"][0]["status"] == "accepted", reply.text

    async def revoke(self, device_id: UUID) -> None:
        operator = {"Authorization": f"Bearer {self.system.token('o@linz', Role.OPERATOR, audience='intake')}"}
        async with httpx.AsyncClient(base_url=self.system.url("intake"), headers=operator) as http:
            (await http.post(f"/devices/{device_id}/revoke")).raise_for_status()

    async def enrol_again(self, device_id: UUID) -> None:
        operator = {"Authorization": f"Bearer {self.system.token('o@linz', Role.OPERATOR, audience='intake')}"}
        async with httpx.AsyncClient(base_url=self.system.url("intake"), headers=operator) as http:
            order = {"device_id": str(device_id), "label": self.label}
            (await http.post("/devices", json=order)).raise_for_status()
