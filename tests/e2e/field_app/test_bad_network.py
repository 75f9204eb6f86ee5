"""Entries captured offline and sent over a bad network: every entry arrives once, in order, and none is stuck.

The long run is CASES=44 KILLS=20: about 200 entries and 50 photos.
"""

import asyncio
import os
import random

import pytest
from browser_fixtures import MakeTablet
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from wanderamt_faults.tablet import Tablet

CASES = int(os.environ.get("CASES", "4"))
KILLS = int(os.environ.get("KILLS", "4"))
LOSS, TRUNCATE, DUPLICATE = 0.3, 0.15, 0.1  # shares of requests
DEADLINE_S = 600
WRONG_CLOCK_SCRIPT = """(() => {
    const offset = 2 * 24 * 3600 * 1000, RealDate = Date;
    const shifted = () => RealDate.now() + offset;
    globalThis.Date = class extends RealDate {
        constructor(...args) { args.length ? super(...args) : super(shifted()); }
        static now() { return shifted(); }
    };
})();"""


def connect_badly(tablet: Tablet) -> None:
    tablet.proxy.down = False
    tablet.proxy.loss, tablet.proxy.truncate, tablet.proxy.duplicate = LOSS, TRUNCATE, DUPLICATE


def services() -> list[str]:
    """Per seven cases four dog registrations, with two photos each, and three registration confirmations."""
    return [
        "dog_registration" if number % 7 in {0, 2, 4, 6} else "registration_confirmation" for number in range(CASES)
    ]


async def capture_cases(tablet: Tablet) -> None:
    for number, service in enumerate(services()):
        await tablet.complete_case(service, family=f"Öztürk {chr(97 + number % 26)}")


async def send_all(tablet: Tablet) -> None:
    connect_badly(tablet)
    await tablet.page.goto(f"{tablet.url}#/outbox")
    await tablet.wait_until_all_sent(deadline_s=DEADLINE_S)


async def assert_everything_arrived_once(tablet: Tablet, *, cases: int) -> dict[str, int]:
    """The office holds exactly the entries of the device: each once, applied, in the order of its case."""
    device_id = await tablet.device_id()
    entries, files = await tablet.rows("entries"), await tablet.rows("files")
    assert {row["state"] for row in entries} == {"accepted"}
    assert {row["state"] for row in files} <= {"accepted"}
    received = await tablet.sql("SELECT * FROM entry WHERE device_id = $1 ORDER BY device_seq", device_id)
    assert {str(row["entry_id"]) for row in received} == {row["entry_id"] for row in entries}
    assert {row["status"] for row in received} == {"applied"}
    assert [row["device_seq"] for row in received] == list(range(1, len(entries) + 1))
    histories = await tablet.sql(
        """
        SELECT h.case_id, array_agg(e.case_seq ORDER BY h.version) AS seqs FROM case_history h
        JOIN entry e USING (entry_id) WHERE e.device_id = $1 GROUP BY h.case_id
        """,
        device_id,
    )
    assert len(histories) == cases
    for history in histories:
        assert list(dict.fromkeys(history["seqs"])) == list(range(1, max(history["seqs"]) + 1)), "in order, none twice"
    uploads = await tablet.sql("SELECT attachment_id, completed_at FROM attachment WHERE device_id = $1", device_id)
    assert {str(upload["attachment_id"]) for upload in uploads} == {row["attachment_id"] for row in files}
    assert all(upload["completed_at"] for upload in uploads)
    documents = await tablet.sql(
        "SELECT case_id, count(*) FROM document JOIN case_file USING (case_id) WHERE device_id = $1 GROUP BY case_id",
        device_id,
    )
    assert [row["count"] for row in documents] == [1] * cases
    return {"entries": len(entries), "photos": len(files), **tablet.proxy.outcomes}


async def test_a_network_that_loses_cuts_and_duplicates(tablet: Tablet) -> None:
    tablet.proxy.down = True
    await capture_cases(tablet)
    assert await tablet.unsynced() == len(await tablet.rows("entries")) + len(await tablet.rows("files"))
    await send_all(tablet)
    print(await assert_everything_arrived_once(tablet, cases=CASES))


async def test_a_clock_that_is_two_days_wrong(make_tablet: MakeTablet) -> None:
    tablet = await make_tablet(seed=2)
    tablet.scripts.append(WRONG_CLOCK_SCRIPT)
    await tablet.prepare()
    tablet.proxy.down = True
    await capture_cases(tablet)
    await send_all(tablet)
    print(await assert_everything_arrived_once(tablet, cases=CASES))
    device_id = await tablet.device_id()
    [device] = await tablet.sql("SELECT clock_off_s FROM device WHERE device_id = $1", device_id)
    assert device["clock_off_s"] == pytest.approx(2 * 24 * 3600, abs=60)
    [difference] = await tablet.sql(
        "SELECT max(abs(extract(epoch FROM received_at - captured_at))) AS s FROM entry WHERE device_id = $1", device_id
    )
    assert difference["s"] < 3600, "captured_at uses the office's time"


async def test_a_tab_that_is_killed_again_and_again(tablet: Tablet) -> None:
    rng, killed = random.Random(3), 0
    tablet.proxy.down = True
    for number, service in enumerate(services()):
        killing = (
            asyncio.create_task(asyncio.sleep(rng.uniform(0.1, 2.5)))
            if killed < KILLS * 2 // 5 and number % 2
            else None
        )
        working = asyncio.create_task(tablet.complete_case(service))
        if killing:
            await asyncio.wait({working, killing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await tablet.kill_tab()
                killed += 1
        try:
            await working
        except PlaywrightError:
            await tablet.finish_open_cases()
    cases = len({row["case_id"] for row in await tablet.rows("entries")})
    connect_badly(tablet)
    while killed < KILLS:
        await tablet.page.goto(f"{tablet.url}#/outbox")
        await asyncio.sleep(rng.uniform(0.1, 2.0))
        await tablet.kill_tab()
        killed += 1
    await send_all(tablet)
    print(await assert_everything_arrived_once(tablet, cases=cases), f"{killed} kills")


async def test_a_request_that_the_network_delivers_twice_is_repeated_with_a_new_proof(tablet: Tablet) -> None:
    """The office takes each proof once: the app gets the refusal of the second copy, and sends again by itself."""
    proofs: list[str] = []
    page: Page = tablet.page
    page.on("request", lambda request: proofs.extend(filter(None, [request.headers.get("dpop")])))
    tablet.proxy.duplicate = 0.6
    await tablet.complete_case("registration_confirmation")
    await tablet.wait_until_all_sent()
    async with asyncio.timeout(60):
        while not tablet.proxy.outcomes["request duplicated"]:
            await tablet.send_now()
            await asyncio.sleep(0.2)
    await tablet.wait_until_all_sent()
    assert len(proofs) == len(set(proofs)) > 4
    assert (await tablet.get_fact("session"))["token"], "nobody has to sign in again"
    await assert_everything_arrived_once(tablet, cases=1)
