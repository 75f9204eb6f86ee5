"""What goes wrong on a device: said in a sentence that tells what to do, and nothing is lost."""

import asyncio
from datetime import timedelta
from typing import Any

from wanderamt.backbone.sources import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller, TokenSigner

DISK_BYTES = 2_400_000  # the app, and one photo or two


async def test_a_full_disk(make_tablet: Any) -> None:
    tablet = await make_tablet()
    tablet.disk_bytes = DISK_BYTES
    await tablet.ready()
    tablet.door.down = True
    full = tablet.page.get_by_role("alert").filter(has_text="Der Speicher dieses Geräts ist voll")
    for _ in range(6):
        await tablet.start_case("dog_registration")
        await tablet.go_on_until("papers")
        await tablet.choose_photo()
        before = await tablet.rows("entries"), await tablet.rows("files")
        await tablet.page.get_by_test_id("keep-photo").click()
        await full.or_(tablet.page.locator(".checks li.good")).first.wait_for()
        if await full.count():
            break
    await full.wait_for()
    assert (await tablet.rows("entries"), await tablet.rows("files")) == before, "nothing was written by halves"
    seqs = [one["device_seq"] for one in before[0]]
    assert sorted(seqs) == list(range(1, len(seqs) + 1)), "no gap"
    await tablet.set_disk(None)
    async with asyncio.timeout(60):
        while not await tablet.page.locator(".checks li.good").count():  # somebody made room, and the clerk tries again
            await tablet.page.get_by_test_id("keep-photo").click()
            await asyncio.sleep(2)
    assert len(await tablet.rows("files")) == len(before[1]) + 1


async def test_a_denied_camera(tablet: Any) -> None:
    session = await tablet.context.new_cdp_session(tablet.page)
    profile = (await session.send("Target.getTargetInfo"))["targetInfo"]["browserContextId"]
    denied = {
        "permission": {"name": "camera"},
        "setting": "denied",
        "origin": tablet.door.url,
        "browserContextId": profile,
    }
    await session.send("Browser.setPermission", denied)
    await tablet.start_case("dog_registration")
    await tablet.go_on_until("papers")
    await tablet.page.get_by_role("button", name="Kamera öffnen").click()
    await tablet.page.get_by_role("alert").filter(has_text="Die Kamera ist nicht erlaubt").wait_for()
    await tablet.choose_photo()  # a file will do
    await tablet.page.get_by_test_id("keep-photo").click()
    await tablet.page.locator(".checks li.good").wait_for()
    await session.send("Browser.setPermission", denied | {"setting": "granted"})
    await tablet.page.get_by_role("button", name="Kamera öffnen").click()
    await tablet.page.get_by_role("button", name="Foto machen").click()
    await tablet.page.locator("figure").wait_for()
    await tablet.page.get_by_test_id("keep-photo").click()
    await tablet.page.locator("[data-stage=paper]").wait_for()


async def test_storage_that_was_thrown_away(tablet: Any) -> None:
    await tablet.whole("registration_confirmation")
    await tablet.all_sent()
    device_id = await tablet.device_id()
    session = await tablet.context.new_cdp_session(tablet.page)
    await tablet.page.goto("about:blank")
    await session.send("Storage.clearDataForOrigin", {"origin": tablet.door.url, "storageTypes": "indexeddb"})
    await tablet.page.goto(tablet.url)
    await (
        tablet.page.get_by_role("alert").filter(has_text="Der Browser hat die Daten dieses Geräts gelöscht").wait_for()
    )
    await tablet.page.get_by_text(str(device_id)).first.wait_for()
    taken = await tablet.sql("SELECT fate FROM entry WHERE device_id = $1", device_id)
    assert [one["fate"] for one in taken] == ["applied"] * 4


async def test_a_login_that_has_run_out(tablet: Any) -> None:
    tablet.door.down = True
    await tablet.whole("registration_confirmation")
    session, device = await tablet.fact("session"), await tablet.fact("device")
    old = Caller("anna.huber@linz", frozenset({Role.CLERK}), await tablet.device_id(), tablet.stand_id)
    signer = TokenSigner(tablet.system.state.secrets.session_key)
    token = signer.sign(old, audience="intake", now=utc_now() - timedelta(hours=13), lifetime=timedelta(hours=12))
    assert device["label"] == tablet.label
    await tablet.put_fact("session", session | {"token": token})
    tablet.door.down = False
    await tablet.send_now()
    await tablet.page.get_by_text("Die Anmeldung ist abgelaufen. Nichts ist verloren: 4").first.wait_for()
    assert await tablet.waiting() == 4
    await tablet.whole("registration_confirmation")  # the work at the desk goes on
    assert await tablet.waiting() == 8
    await tablet.page.goto(f"{tablet.url}#/signin")
    await tablet.sign_in()
    await tablet.begin()
    await tablet.all_sent()


async def test_a_bundle_with_a_wrong_signature(tablet: Any) -> None:
    before = await tablet.fact("bundle")

    def forge(path: str, answer: bytes) -> bytes:
        head, between, body = answer.partition(b"\r\n\r\n")
        if not path.endswith("/bundle"):
            return answer
        lines = head.split(b"\r\n")
        at = next(at for at, line in enumerate(lines) if line.lower().startswith(b"x-jws-signature"))
        lines[at] = lines[at][:-6] + b"AAAAAA"
        return b"\r\n".join(lines) + between + body

    tablet.door.tamper = forge
    await tablet.page.goto(f"{tablet.url}#/prepare")
    await tablet.page.get_by_test_id("load").click()
    await tablet.page.get_by_role("alert").filter(has_text="nicht richtig unterschrieben").wait_for()
    assert await tablet.fact("bundle") == before, "the old one stays in use"
    await tablet.whole("registration_confirmation")


async def test_one_bad_entry_holds_up_no_other_case_and_can_be_corrected(tablet: Any, make_gallery: Any) -> None:
    """A name in another script slips past the form (an older one, say): the office refuses it, with a word."""
    tablet.door.down = True
    await tablet.page.evaluate("String.prototype.normalize = () => 'Latin'")
    await tablet.whole("registration_confirmation", family="Дмитрий")
    await tablet.page.reload()
    await tablet.whole("registration_confirmation", family="Novák")
    tablet.door.down = False
    await tablet.send_now()
    async with asyncio.timeout(30):
        while [one["state"] for one in await tablet.rows("entries")].count("refused") != 4:
            await asyncio.sleep(0.1)
    rows = await tablet.rows("entries")
    assert sorted(one["state"] for one in rows) == ["accepted"] * 4 + ["refused"] * 4
    await tablet.page.get_by_text("Nicht angenommen: Eine Angabe im Formular stimmt nicht").first.wait_for()
    gallery = make_gallery(tablet, "de-refused")
    await gallery.look("list")
    await tablet.page.locator("li[data-state=refused] a").first.click()
    await tablet.page.get_by_role("button", name="Berichtigen").wait_for()
    await gallery.look("case")
    assert gallery.found == []
    await tablet.page.get_by_role("button", name="Berichtigen").click()
    await tablet.page.locator("#family_name").fill("Dmitrij")
    await tablet.page.get_by_test_id("form-done").click()
    await tablet.page.locator("[data-stage=paper]").wait_for()
    case_id = next(one["case_id"] for one in rows if one["state"] == "refused")
    async with asyncio.timeout(30):
        while not await tablet.sql("SELECT 1 FROM case_file WHERE case_id = $1 AND state <> 'open'", case_id):
            await asyncio.sleep(0.1)
    await tablet.page.goto(f"{tablet.url}#/outbox")
    await tablet.all_sent(deadline_s=30)


async def test_an_office_of_before_cannot_unpack(tablet: Any) -> None:
    """An update under way: the app is the new one, the instance that answers the old one."""
    tablet.door.down = True
    await tablet.whole("registration_confirmation")
    tablet.door.old = True
    tablet.door.down = False
    await tablet.send_now()
    await tablet.all_sent()
    assert {one["state"] for one in await tablet.rows("entries")} == {"accepted"}


async def test_errors_reach_the_office_without_a_name(tablet: Any) -> None:
    secret = "Geheimhuber"
    tablet.door.down = True
    await tablet.page.evaluate(f"setTimeout(() => {{ throw new RangeError('{secret}') }})")
    async with asyncio.timeout(10):
        while "RangeError" not in {one["code"] for one in await tablet.rows("reports")}:
            await asyncio.sleep(0.1)
    tablet.door.down = False
    await tablet.page.evaluate("dispatchEvent(new Event('online'))")
    log = tablet.system.state.sub("logs") / "intake.log"
    async with asyncio.timeout(40):
        while "RangeError" not in log.read_text():
            await asyncio.sleep(0.2)
    assert "field.report" in log.read_text()
    assert secret not in log.read_text()
