"""Failures on a device: the app shows a remedy, and nothing is lost."""

import asyncio
from datetime import timedelta

from browser_fixtures import MakeGallery, MakeTablet
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt_faults.tablet import Tablet

DISK_BYTES = 2_400_000  # room for the app and one or two photos


async def test_a_full_disk(make_tablet: MakeTablet) -> None:
    tablet = await make_tablet()
    tablet.disk_bytes = DISK_BYTES
    await tablet.prepare()
    tablet.proxy.down = True
    full = tablet.page.get_by_role("alert").filter(has_text="Der Speicher dieses Geräts ist voll")
    for _ in range(6):
        await tablet.start_case("dog_registration")
        await tablet.continue_until("papers")
        await tablet.choose_photo()
        before = await tablet.rows("entries"), await tablet.rows("files")
        await tablet.page.get_by_test_id("keep-photo").click()
        await full.or_(tablet.page.locator(".checks li.good")).first.wait_for()
        if await full.count():
            break
    await full.wait_for()
    assert (await tablet.rows("entries"), await tablet.rows("files")) == before, "nothing was stored in part"
    seqs = [row["device_seq"] for row in before[0]]
    assert sorted(seqs) == list(range(1, len(seqs) + 1)), "no gap"
    await tablet.set_disk(None)
    async with asyncio.timeout(60):
        while not await tablet.page.locator(".checks li.good").count():  # there is room again, and the clerk retries
            await tablet.page.get_by_test_id("keep-photo").click()
            await asyncio.sleep(2)
    assert len(await tablet.rows("files")) == len(before[1]) + 1


async def test_a_denied_camera(tablet: Tablet) -> None:
    assert tablet.context
    session = await tablet.context.new_cdp_session(tablet.page)
    profile = (await session.send("Target.getTargetInfo"))["targetInfo"]["browserContextId"]
    permission = {
        "permission": {"name": "camera"},
        "setting": "denied",
        "origin": tablet.proxy.url,
        "browserContextId": profile,
    }
    await session.send("Browser.setPermission", permission)
    await tablet.start_case("dog_registration")
    await tablet.continue_until("papers")
    await tablet.page.get_by_role("button", name="Kamera öffnen").click()
    await tablet.page.get_by_role("alert").filter(has_text="Die Kamera ist nicht erlaubt").wait_for()
    await tablet.choose_photo()  # a file replaces the camera
    await tablet.page.get_by_test_id("keep-photo").click()
    await tablet.page.locator(".checks li.good").wait_for()
    await session.send("Browser.setPermission", permission | {"setting": "granted"})
    await tablet.page.get_by_role("button", name="Kamera öffnen").click()
    await tablet.page.get_by_role("button", name="Foto machen").click()
    await tablet.page.locator("figure").wait_for()
    await tablet.page.get_by_test_id("keep-photo").click()
    await tablet.page.locator("[data-stage=paper]").wait_for()


async def test_storage_evicted_by_the_browser(tablet: Tablet) -> None:
    await tablet.complete_case("registration_confirmation")
    await tablet.wait_until_all_sent()
    device_id = await tablet.device_id()
    assert tablet.context
    session = await tablet.context.new_cdp_session(tablet.page)
    await tablet.page.goto("about:blank")
    await session.send("Storage.clearDataForOrigin", {"origin": tablet.proxy.url, "storageTypes": "indexeddb"})
    await tablet.page.goto(tablet.url)
    await (
        tablet.page.get_by_role("alert").filter(has_text="Der Browser hat die Daten dieses Geräts gelöscht").wait_for()
    )
    await tablet.page.get_by_text(str(device_id)).first.wait_for()
    received = await tablet.sql("SELECT status FROM entry WHERE device_id = $1", device_id)
    assert [row["status"] for row in received] == ["applied"] * 4


async def test_an_expired_sign_in(tablet: Tablet) -> None:
    tablet.proxy.down = True
    await tablet.complete_case("registration_confirmation")
    session, device = await tablet.get_fact("session"), await tablet.get_fact("device")
    principal = Principal("anna.huber@linz", frozenset({Role.CLERK}), await tablet.device_id(), tablet.stand_id, "x")
    signer = TokenSigner(tablet.system.state.secrets.session_key)
    token = signer.sign(principal, audience="intake", now=utc_now() - timedelta(hours=13), lifetime=timedelta(hours=12))
    assert device["label"] == tablet.label
    await tablet.put_fact("session", session | {"token": token})
    tablet.proxy.down = False
    await tablet.send_now()
    await tablet.page.get_by_text("Die Anmeldung ist abgelaufen. Nichts ist verloren: 4").first.wait_for()
    assert await tablet.unsynced() == 4
    await tablet.complete_case("registration_confirmation")  # the clerk can go on working
    assert await tablet.unsynced() == 8
    await tablet.page.goto(f"{tablet.url}#/signin")
    await tablet.sign_in()
    await tablet.start_shift()
    await tablet.wait_until_all_sent()


async def test_a_bundle_with_an_invalid_signature(tablet: Tablet) -> None:
    before = await tablet.get_fact("bundle")

    def forge(path: str, answer: bytes) -> bytes:
        head, between, body = answer.partition(b"\r\n\r\n")
        if not path.endswith("/bundle"):
            return answer
        lines = head.split(b"\r\n")
        index = next(index for index, line in enumerate(lines) if line.lower().startswith(b"x-jws-signature"))
        lines[index] = lines[index][:-6] + b"AAAAAA"
        return b"\r\n".join(lines) + between + body

    tablet.proxy.tamper = forge
    await tablet.page.goto(f"{tablet.url}#/prepare")
    await tablet.page.get_by_test_id("load").click()
    await tablet.page.get_by_role("alert").filter(has_text="nicht richtig unterschrieben").wait_for()
    assert await tablet.get_fact("bundle") == before, "the old bundle stays in use"
    await tablet.complete_case("registration_confirmation")


async def test_a_refused_entry_delays_no_other_case_and_can_be_corrected(
    tablet: Tablet, make_gallery: MakeGallery
) -> None:
    """A name in another script passes an older form: the office refuses it with a reason."""
    tablet.proxy.down = True
    await tablet.page.evaluate("String.prototype.normalize = () => 'Latin'")
    await tablet.complete_case("registration_confirmation", family="Дмитрий")
    await tablet.page.reload()
    await tablet.complete_case("registration_confirmation", family="Novák")
    tablet.proxy.down = False
    await tablet.send_now()
    async with asyncio.timeout(30):
        while [row["state"] for row in await tablet.rows("entries")].count("refused") != 4:
            await asyncio.sleep(0.1)
    rows = await tablet.rows("entries")
    assert sorted(row["state"] for row in rows) == ["accepted"] * 4 + ["refused"] * 4
    await tablet.page.get_by_text("Nicht angenommen: Eine Angabe im Formular stimmt nicht").first.wait_for()
    gallery = make_gallery(tablet, "de-refused")
    await gallery.capture("list")
    await tablet.page.locator("li[data-state=refused] a").first.click()
    await tablet.page.get_by_role("button", name="Berichtigen").wait_for()
    await gallery.capture("case")
    assert gallery.violations == []
    await tablet.page.get_by_role("button", name="Berichtigen").click()
    await tablet.page.locator("#family_name").fill("Dmitrij")
    await tablet.page.get_by_test_id("form-done").click()
    await tablet.page.locator("[data-stage=paper]").wait_for()
    case_id = next(row["case_id"] for row in rows if row["state"] == "refused")
    async with asyncio.timeout(30):
        while not await tablet.sql("SELECT 1 FROM case_file WHERE case_id = $1 AND state <> 'open'", case_id):
            await asyncio.sleep(0.1)
    await tablet.page.goto(f"{tablet.url}#/outbox")
    await tablet.wait_until_all_sent(deadline_s=30)


async def test_an_older_office_that_cannot_read_gzip(tablet: Tablet) -> None:
    """During an update: the app is new, the answering instance of intake is old."""
    tablet.proxy.down = True
    await tablet.complete_case("registration_confirmation")
    tablet.proxy.without_compression = True
    tablet.proxy.down = False
    await tablet.send_now()
    await tablet.wait_until_all_sent()
    assert {row["state"] for row in await tablet.rows("entries")} == {"accepted"}


async def test_errors_reach_the_office_without_a_name(tablet: Tablet) -> None:
    secret = "Geheimhuber"
    tablet.proxy.down = True
    await tablet.page.evaluate(f"setTimeout(() => {{ throw new RangeError('{secret}') }})")
    async with asyncio.timeout(10):
        while "RangeError" not in {report["code"] for report in await tablet.rows("reports")}:
            await asyncio.sleep(0.1)
    tablet.proxy.down = False
    await tablet.page.evaluate("dispatchEvent(new Event('online'))")
    log = tablet.system.state.subfolder("logs") / "intake.log"
    async with asyncio.timeout(40):
        while "RangeError" not in log.read_text():
            await asyncio.sleep(0.2)
    assert "field.report" in log.read_text()
    assert secret not in log.read_text()
