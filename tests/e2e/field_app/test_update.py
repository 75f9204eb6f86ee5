"""Updates the app while entries captured with the previous release are unsent."""

import tarfile
from importlib.resources import files
from pathlib import Path

from browser_fixtures import MakeTablet

RELEASES = Path(__file__).parents[3] / "apps" / "field" / "tests" / "releases"
UNSENT = 50


async def test_an_update_over_fifty_unsent_entries_loses_none(make_tablet: MakeTablet, tmp_path: Path) -> None:
    previous_app = tmp_path / "previous"
    newest = sorted(RELEASES.glob("*.tar.gz"))[-1]
    with tarfile.open(newest) as release:
        release.extractall(previous_app, filter="data")
    tablet = await make_tablet()
    tablet.proxy.app_folder = previous_app
    await tablet.prepare()
    tablet.proxy.down = True
    while await tablet.unsynced() < UNSENT:
        await tablet.complete_case("registration_confirmation")
    old = await tablet.rows("entries")
    assert "bytes" not in old[0], "the previous release stored no size"

    tablet.proxy.app_folder = Path(str(files("intake.pages") / "field"))
    tablet.proxy.down = False
    tablet.proxy.loss = 1.0  # intake cannot be reached, but the new version can
    await tablet.page.evaluate(
        "navigator.serviceWorker.getRegistration('/field/').then((registration) => registration.update())"
    )
    update = tablet.page.get_by_test_id("update")
    await update.wait_for()
    assert len(await tablet.rows("entries")) == len(old)
    async with tablet.page.expect_navigation():
        await update.click()
    await tablet.page.get_by_test_id("walk-in").wait_for()
    await tablet.page.wait_for_function("document.querySelector('[data-testid=not-at-office]')?.dataset.count > 0")
    new = await tablet.rows("entries")
    assert {row["entry_id"] for row in new} == {row["entry_id"] for row in old}
    assert all(row["bytes"] > 0 for row in new)
    assert await tablet.unsynced() == len(old)

    await tablet.complete_case("registration_confirmation")  # the clerk goes on working in the new version
    tablet.proxy.loss = 0.0
    await tablet.send_now()
    await tablet.wait_until_all_sent()
    device_id = await tablet.device_id()
    received = await tablet.sql("SELECT status FROM entry WHERE device_id = $1", device_id)
    assert [row["status"] for row in received] == ["applied"] * (len(old) + 4)
