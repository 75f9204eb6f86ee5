"""Captured without a network, sent over a bad one: every entry once, in order, none stuck.

The whole is CASES=44 KILLS=20: some 200 entries and 50 photos.
"""

import asyncio
import os
import random
from typing import Any

import pytest
from playwright.async_api import Error as PlaywrightError

CASES = int(os.environ.get("CASES", "4"))
KILLS = int(os.environ.get("KILLS", "4"))
BAD = {"loss": 0.3, "cut": 0.15, "double": 0.1}
DEADLINE_S = 600
CLOCK_OFF = """(() => {
    const off = 2 * 24 * 3600 * 1000, Real = Date;
    const moved = () => Real.now() + off;
    globalThis.Date = class extends Real {
        constructor(...given) { given.length ? super(...given) : super(moved()); }
        static now() { return moved(); }
    };
})();"""


def worsen(tablet: Any) -> None:
    tablet.door.down = False
    tablet.door.loss, tablet.door.cut, tablet.door.double = BAD["loss"], BAD["cut"], BAD["double"]


def services() -> list[str]:
    """Four dogs with two photos each to three confirmations."""
    return [
        "dog_registration" if number % 7 in {0, 2, 4, 6} else "registration_confirmation" for number in range(CASES)
    ]


async def capture(tablet: Any) -> None:
    for number, service in enumerate(services()):
        await tablet.whole(service, family=f"Öztürk {chr(97 + number % 26)}")


async def send(tablet: Any) -> None:
    worsen(tablet)
    await tablet.page.goto(f"{tablet.url}#/outbox")
    await tablet.all_sent(deadline_s=DEADLINE_S)


async def all_is_there_once(tablet: Any, *, cases: int) -> dict[str, int]:
    """What the device wrote is what the office holds: each once, applied, in the order of its case."""
    device_id = await tablet.device_id()
    entries, files = await tablet.rows("entries"), await tablet.rows("files")
    assert {one["state"] for one in entries} == {"accepted"}
    assert {one["state"] for one in files} <= {"accepted"}
    taken = await tablet.sql("SELECT * FROM entry WHERE device_id = $1 ORDER BY device_seq", device_id)
    assert {str(one["entry_id"]) for one in taken} == {one["entry_id"] for one in entries}
    assert {one["fate"] for one in taken} == {"applied"}
    assert [one["device_seq"] for one in taken] == list(range(1, len(entries) + 1))
    chapters = await tablet.sql(
        """
        SELECT h.case_id, array_agg(e.case_seq ORDER BY h.version) AS seqs FROM case_history h
        JOIN entry e USING (entry_id) WHERE e.device_id = $1 GROUP BY h.case_id
        """,
        device_id,
    )
    assert len(chapters) == cases
    for one in chapters:
        assert list(dict.fromkeys(one["seqs"])) == list(range(1, max(one["seqs"]) + 1)), "in order, none twice"
    whole = await tablet.sql("SELECT attachment_id, completed_at FROM attachment WHERE device_id = $1", device_id)
    assert {str(one["attachment_id"]) for one in whole} == {one["attachment_id"] for one in files}
    assert all(one["completed_at"] for one in whole)
    papers = await tablet.sql(
        "SELECT case_id, count(*) FROM document JOIN case_file USING (case_id) WHERE device_id = $1 GROUP BY case_id",
        device_id,
    )
    assert [one["count"] for one in papers] == [1] * cases
    return {"entries": len(entries), "photos": len(files), **tablet.door.happened}


async def test_a_network_that_loses_cuts_and_doubles(tablet: Any) -> None:
    tablet.door.down = True
    await capture(tablet)
    assert await tablet.waiting() == len(await tablet.rows("entries")) + len(await tablet.rows("files"))
    await send(tablet)
    print(await all_is_there_once(tablet, cases=CASES))


async def test_a_clock_that_is_two_days_wrong(make_tablet: Any) -> None:
    tablet = await make_tablet(seed=2)
    tablet.scripts.append(CLOCK_OFF)
    await tablet.ready()
    tablet.door.down = True
    await capture(tablet)
    await send(tablet)
    print(await all_is_there_once(tablet, cases=CASES))
    device_id = await tablet.device_id()
    [off] = await tablet.sql("SELECT clock_off_s FROM device WHERE device_id = $1", device_id)
    assert off["clock_off_s"] == pytest.approx(2 * 24 * 3600, abs=60)
    [days] = await tablet.sql(
        "SELECT max(abs(extract(epoch FROM received_at - captured_at))) AS s FROM entry WHERE device_id = $1", device_id
    )
    assert days["s"] < 3600, "the time of the tap is the office's"


async def test_a_tab_that_is_killed_again_and_again(tablet: Any) -> None:
    rng, killed = random.Random(3), 0
    tablet.door.down = True
    for number, service in enumerate(services()):
        killing = (
            asyncio.create_task(asyncio.sleep(rng.uniform(0.1, 2.5)))
            if killed < KILLS * 2 // 5 and number % 2
            else None
        )
        working = asyncio.create_task(tablet.whole(service))
        if killing:
            await asyncio.wait({working, killing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await tablet.kill_tab()
                killed += 1
        try:
            await working
        except PlaywrightError:
            await tablet.finish_begun()
    cases = len({one["case_id"] for one in await tablet.rows("entries")})
    worsen(tablet)
    while killed < KILLS:
        await tablet.page.goto(f"{tablet.url}#/outbox")
        await asyncio.sleep(rng.uniform(0.1, 2.0))
        await tablet.kill_tab()
        killed += 1
    await send(tablet)
    print(await all_is_there_once(tablet, cases=cases), f"{killed} kills")
