"""A new release of the app over what the one before has captured and not sent."""

import tarfile
from importlib.resources import files
from pathlib import Path
from typing import Any

RELEASES = Path(__file__).parents[3] / "apps" / "field" / "tests" / "releases"
UNSENT = 50


async def test_an_update_over_fifty_unsent_entries_loses_none(make_tablet: Any, tmp_path: Path) -> None:
    before = tmp_path / "before"
    newest = sorted(RELEASES.glob("*.tar.gz"))[-1]
    with tarfile.open(newest) as release:
        release.extractall(before, filter="data")
    tablet = await make_tablet()
    tablet.door.app = before
    await tablet.ready()
    tablet.door.down = True
    while await tablet.waiting() < UNSENT:
        await tablet.whole("registration_confirmation")
    old = await tablet.rows("entries")
    assert "bytes" not in old[0], "this is the form of the release before"

    tablet.door.app = Path(str(files("intake.pages") / "field"))
    tablet.door.down = False
    tablet.door.loss = 1.0  # the office cannot be reached, the new version can
    await tablet.page.evaluate("navigator.serviceWorker.getRegistration('/field/').then((one) => one.update())")
    update = tablet.page.get_by_test_id("update")
    await update.wait_for()
    assert len(await tablet.rows("entries")) == len(old)
    async with tablet.page.expect_navigation():
        await update.click()
    await tablet.page.get_by_test_id("walk-in").wait_for()
    await tablet.page.wait_for_function("document.querySelector('[data-testid=not-at-office]')?.dataset.count > 0")
    new = await tablet.rows("entries")
    assert {one["entry_id"] for one in new} == {one["entry_id"] for one in old}
    assert all(one["bytes"] > 0 for one in new)
    assert await tablet.waiting() == len(old)

    await tablet.whole("registration_confirmation")  # and the work goes on in the new version
    tablet.door.loss = 0.0
    await tablet.send_now()
    await tablet.all_sent()
    device_id = await tablet.device_id()
    taken = await tablet.sql("SELECT fate FROM entry WHERE device_id = $1", device_id)
    assert [one["fate"] for one in taken] == ["applied"] * (len(old) + 4)
