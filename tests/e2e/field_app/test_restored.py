"""The office comes back from an older backup: after the next contact everything of the last 14 days is there, once."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import asyncpg


async def on_server(system: Any, *statements: str) -> None:
    parts = urlsplit(system.env("intake")["WANDERAMT_DATABASE_URL"])
    connection = await asyncpg.connect(parts._replace(path="/postgres").geturl())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def stopped(system: Any, loop_thread: Any, *statements: str) -> None:
    """Intake is down while these run."""
    await asyncio.to_thread(loop_thread.run, system.children.stop_one("intake"))
    await on_server(system, *statements)
    await asyncio.to_thread(loop_thread.run, system.children.start(system.command("intake")))


async def test_everything_is_there_again_once(make_tablet: Any, running_system: Any, loop_thread: Any) -> None:
    old, new = await make_tablet(seed=1), await make_tablet(seed=2)
    await old.ready()
    await old.whole("registration_confirmation")
    await old.all_sent()
    await new.switch_on()
    await new.enrol()
    await new.sign_in()
    await new.begin()
    await new.page.get_by_test_id("load").wait_for()
    await stopped(running_system, loop_thread, "CREATE DATABASE intake_backup TEMPLATE intake")

    await new.load()  # its numbers are leased later than the backup was made
    await new.worker_ready()
    for tablet in (old, new):
        await tablet.page.goto(f"{tablet.url}#/shift")
        await tablet.page.locator("#float").fill("100")
        await tablet.page.get_by_test_id("open-till").click()
        await tablet.page.get_by_test_id("close-till").wait_for()
        await tablet.whole("dog_registration")
        await tablet.whole("registration_confirmation")
        await tablet.all_sent()
    before = {}
    for tablet in (old, new):
        device_id = await tablet.device_id()
        before[device_id] = len(await tablet.rows("entries"))
        assert len(await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)) == before[device_id]

    await stopped(
        running_system,
        loop_thread,
        "DROP DATABASE intake WITH (FORCE)",
        "CREATE DATABASE intake TEMPLATE intake_backup",
        "DROP DATABASE intake_backup",
    )
    for tablet, cases in ((old, 3), (new, 2)):
        device_id = await tablet.device_id()
        lost = await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)
        assert len(lost) < before[device_id], "the backup is older"
        await tablet.page.goto(f"{tablet.url}#/queue")
        await tablet.page.evaluate("dispatchEvent(new Event('online'))")
        async with asyncio.timeout(120):
            while len(await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)) < before[device_id]:
                await asyncio.sleep(0.3)
        await tablet.all_sent()
        taken = await tablet.sql("SELECT * FROM entry WHERE device_id = $1", device_id)
        assert len(taken) == before[device_id]
        assert {one["fate"] for one in taken} == {"applied"}
        assert {str(one["entry_id"]) for one in taken} == {one["entry_id"] for one in await tablet.rows("entries")}
        assert len(await tablet.sql("SELECT 1 FROM case_file WHERE device_id = $1", device_id)) == cases
        files = await tablet.sql("SELECT completed_at FROM attachment WHERE device_id = $1", device_id)
        assert [bool(one["completed_at"]) for one in files] == [True, True]
        tills = await tablet.sql("SELECT float_cents FROM till WHERE device_id = $1", device_id)
        assert [one["float_cents"] for one in tills] == [10_000]
        spent = await tablet.sql(
            "SELECT count(*) AS n, count(DISTINCT (g.series, g.year, g.serial)) AS once FROM number_gone g "
            "JOIN number_block b USING (block_id) WHERE b.device_id = $1",
            device_id,
        )
        assert spent[0]["n"] == spent[0]["once"] > 0
