"""Intake is restored from an older backup: the next contact sends everything of the last 14 days again, once."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
from browser_fixtures import MakeTablet
from wanderamt_local.system import System
from wanderamt_testing.servers import LoopThread


async def execute_on_server(system: System, *statements: str) -> None:
    parts = urlsplit(system.env("intake")["WANDERAMT_DATABASE_URL"])
    connection = await asyncpg.connect(parts._replace(path="/postgres").geturl())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def execute_while_intake_is_down(system: System, loop_thread: LoopThread, *statements: str) -> None:
    await asyncio.to_thread(loop_thread.run, system.supervisor.stop_one("intake"))
    await execute_on_server(system, *statements)
    await asyncio.to_thread(loop_thread.run, system.supervisor.start(system.service_spec("intake")))


async def test_a_restored_office_gets_everything_again_once(
    make_tablet: MakeTablet, running_system: System, loop_thread: LoopThread
) -> None:
    old, new = await make_tablet(seed=1), await make_tablet(seed=2)
    await old.prepare()
    await old.complete_case("registration_confirmation")
    await old.wait_until_all_sent()
    await new.switch_on()
    await new.enrol()
    await new.sign_in()
    await new.start_shift()
    await new.page.get_by_test_id("load").wait_for()
    await execute_while_intake_is_down(running_system, loop_thread, "CREATE DATABASE intake_backup TEMPLATE intake")

    await new.load_stand()  # leases its numbers after the backup was made
    await new.worker_ready()
    for tablet in (old, new):
        await tablet.page.goto(f"{tablet.url}#/shift")
        await tablet.page.locator("#float").fill("100")
        await tablet.page.get_by_test_id("open-till").click()
        await tablet.page.get_by_test_id("close-till").wait_for()
        await tablet.complete_case("dog_registration")
        await tablet.complete_case("registration_confirmation")
        await tablet.wait_until_all_sent()
    before = {}
    for tablet in (old, new):
        device_id = await tablet.device_id()
        before[device_id] = len(await tablet.rows("entries"))
        assert len(await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)) == before[device_id]
        tablet.proxy.down = True  # no contact before the test has seen what the backup lacks

    await execute_while_intake_is_down(
        running_system,
        loop_thread,
        "DROP DATABASE intake WITH (FORCE)",
        "CREATE DATABASE intake TEMPLATE intake_backup",
        "DROP DATABASE intake_backup",
    )
    for tablet, cases in ((old, 3), (new, 2)):
        device_id = await tablet.device_id()
        remaining = await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)
        assert len(remaining) < before[device_id], "the backup is older"
        tablet.proxy.down = False
        await tablet.page.goto(f"{tablet.url}#/queue")
        await tablet.page.evaluate("dispatchEvent(new Event('online'))")
        async with asyncio.timeout(120):
            while len(await tablet.sql("SELECT 1 FROM entry WHERE device_id = $1", device_id)) < before[device_id]:
                await asyncio.sleep(0.3)
        await tablet.wait_until_all_sent()
        received = await tablet.sql("SELECT * FROM entry WHERE device_id = $1", device_id)
        assert len(received) == before[device_id]
        assert {row["status"] for row in received} == {"applied"}
        assert {str(row["entry_id"]) for row in received} == {row["entry_id"] for row in await tablet.rows("entries")}
        assert len(await tablet.sql("SELECT 1 FROM case_file WHERE device_id = $1", device_id)) == cases
        files = await tablet.sql("SELECT completed_at FROM attachment WHERE device_id = $1", device_id)
        assert [bool(row["completed_at"]) for row in files] == [True, True]
        tills = await tablet.sql("SELECT float_cents FROM till WHERE device_id = $1", device_id)
        assert [row["float_cents"] for row in tills] == [10_000]
        [spent] = await tablet.sql(
            "SELECT count(*) AS n, count(DISTINCT (s.series, s.year, s.serial)) AS once FROM spent_number s "
            "JOIN number_block b USING (block_id) WHERE b.device_id = $1",
            device_id,
        )
        assert spent["n"] == spent["once"] > 0
