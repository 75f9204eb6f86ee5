"""Checks for registers that exchange files: the same guarantees as for calls, through nights that go wrong."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from connector_kit.call_outcome import Rejected
from connector_kit.conformance.harness import FileHarness, clock, id_of
from connector_kit.conformance.loop import run
from connector_kit.conformance.subject import BridgeUnderTest, CheckFailedError, NotApplicableError
from connector_kit.files.file_exchange import IncomingState, overdue_files
from connector_kit.testing.driver import DrivenRequestState, DriverStage, SimulatedCrashError

COMPLETED = {DrivenRequestState.COMPLETED}


def file_check(body: Callable[[BridgeUnderTest, Path], Awaitable[None]]) -> Callable[[BridgeUnderTest], None]:
    """A check for file bridges, run in its own event loop and folder."""

    def check(subject: BridgeUnderTest) -> None:
        if not subject.folder.uses_files:
            raise NotApplicableError("this register is called, it exchanges no files")
        with TemporaryDirectory() as folder:
            run(lambda: body(subject, Path(folder)))

    return check


@file_check
async def incomplete_duplicate_missing_and_resumed(subject: BridgeUnderTest, root: Path) -> None:
    name = next(iter(subject.manifest.operations))
    for fault, faults in (
        ("truncated", {"truncated": True}),
        ("duplicated", {"duplicated": True}),
        ("missing", {"missing": True}),
    ):
        folder = root / fault
        folder.mkdir()
        harness = FileHarness(subject, folder, **faults)
        for _ in range(10):
            harness.submit(name)
        await harness.run(1.5)
        early = [row for row in harness.store.rows.values() if row.state is DrivenRequestState.COMPLETED]
        if fault != "duplicated" and early:
            raise CheckFailedError(f"the answer file was {fault}, but {len(early)} orders were answered by it")
        if fault == "missing" and not overdue_files(harness.store.exchange, subject.manifest, now=clock()):
            raise CheckFailedError("the answer file has been missing for hours and nothing reports it")
        harness.set_faults(**dict.fromkeys(faults, False))
        await harness.run(2)
        harness.expect(COMPLETED, situation=f"after the answer file was {fault}")
    await _unreadable_rows(subject, root)
    await _resumed(subject, root)


async def _unreadable_rows(subject: BridgeUnderTest, root: Path) -> None:
    folder = root / "garbled"
    folder.mkdir()
    harness = FileHarness(subject, folder, garbled_rows=3)
    harness.submit(next(iter(subject.manifest.operations)))
    await harness.run(2)
    harness.expect(COMPLETED, situation="rows beside unreadable ones")
    sent = [len(text.splitlines()) for text in harness.simulator.rejects().values()]
    if not sent or set(sent) != {3}:
        raise CheckFailedError(f"each file had three unreadable rows, but {sent} were returned")


async def _resumed(subject: BridgeUnderTest, root: Path) -> None:
    """Content and progress of a file are stored: check 6 crashes the process between two chunks."""
    folder = root / "resumed"
    folder.mkdir()
    harness = FileHarness(subject, folder)
    for _ in range(3):
        harness.submit(next(iter(subject.manifest.operations)))
    await harness.run(1)
    read = [file for file in harness.store.exchange.incoming if file.state is IncomingState.READ]
    if not read or any(not file.sha256 or not file.ends_at for file in read):
        raise CheckFailedError("a file was read, but its checkpoint and content hash were not stored")


@file_check
async def crash_loses_and_duplicates_no_row(subject: BridgeUnderTest, root: Path) -> None:
    name = next(iter(subject.manifest.operations))
    for crash_stage in DriverStage:
        for after in range(1, 5):
            folder = root / f"{crash_stage}-{after}"
            folder.mkdir()
            harness = FileHarness(subject, folder)
            for _ in range(5):
                harness.submit(name)
            harness.new_driver(_crash_at(crash_stage, after))
            while True:
                try:
                    await harness.run(3)
                    break
                except SimulatedCrashError:
                    harness.new_driver()
            harness.expect(COMPLETED, situation=f"crashed when {crash_stage}, at step {after}")


@file_check
async def outage_costs_no_try(subject: BridgeUnderTest, root: Path) -> None:
    name = next(iter(subject.manifest.operations))
    harness = FileHarness(subject, root, down=True)
    for _ in range(5):
        harness.submit(name)
    await harness.run(1)
    sessions = harness.simulator.call_log.concurrent
    if harness.simulator.call_log.max_concurrent > subject.manifest.limits.max_concurrent_calls or sessions:
        raise CheckFailedError("more simultaneous sessions than the manifest allows")
    harness.set_faults(down=False)
    await harness.run(3)
    harness.expect(COMPLETED, situation="after the register was down")


@file_check
async def deadline_ends_a_row_once(subject: BridgeUnderTest, root: Path) -> None:
    name, operation = next(iter(subject.manifest.operations.items()))
    harness = FileHarness(subject, root, missing=True)
    for _ in range(5):
        harness.submit(name)
    await harness.run(operation.deadline_s / 86_400 + 1)
    harness.expect({DrivenRequestState.EXPIRED}, situation="no answer file came before the deadline")
    harness.set_faults(missing=False)
    await harness.run(2)
    harness.expect({DrivenRequestState.EXPIRED}, situation="and one after it")


@file_check
async def unreadable_order_is_rejected(subject: BridgeUnderTest, root: Path) -> None:
    name = next(iter(subject.manifest.operations))
    harness = FileHarness(subject, root)
    harness.driver.submit(id_of(99), name, b"no question")
    harness.submit(name)
    await harness.run(2)
    harness.expect(COMPLETED, situation="an unreadable order beside a good one")
    if harness.store.rows[id_of(99)].outcome != Rejected("question_invalid"):
        raise CheckFailedError("an unreadable order was not rejected")


def _crash_at(crash_stage: DriverStage, after: int) -> Callable[[DriverStage], None]:
    left = [after]

    def crash(stage: DriverStage) -> None:
        if stage is crash_stage:
            left[0] -= 1
            if not left[0]:
                raise SimulatedCrashError

    return crash
