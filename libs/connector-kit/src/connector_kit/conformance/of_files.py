"""Checks of a register of files: the same promises as for calls, kept through nights that go wrong."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from connector_kit.conformance.candidate import Candidate, CheckFailed, DoesNotApply
from connector_kit.conformance.loop import run
from connector_kit.conformance.rig import FileRig, clock, id_of
from connector_kit.driver import Crash, Fate, Point
from connector_kit.exchange import Known, late
from connector_kit.verdict import Rejected

ENDED = {Fate.ENDED}


def of_files(body: Callable[[Candidate, Path], Awaitable[None]]) -> Callable[[Candidate], None]:
    """A check of files, run in a loop and a folder of its own."""

    def check(candidate: Candidate) -> None:
        if not candidate.folder.batch:
            raise DoesNotApply("a register that is called has no files")
        with TemporaryDirectory() as folder:
            run(lambda: body(candidate, Path(folder)))

    return check


@of_files
async def half_double_missing_and_resumed(candidate: Candidate, root: Path) -> None:
    name = next(iter(candidate.manifest.operations))
    for what, knobs in (("half", {"half": True}), ("double", {"twice": True}), ("missing", {"missing": True})):
        folder = root / what
        folder.mkdir()
        rig = FileRig(candidate, folder, **knobs)
        for _ in range(10):
            rig.ask(name)
        await rig.run(1.5)
        early = [one for one in rig.ledger.filed.values() if one.fate is Fate.ENDED]
        if what != "double" and early:
            raise CheckFailed(f"the answer file was {what} and {len(early)} orders were answered by it")
        if what == "missing" and not late(rig.ledger.exchange, candidate.manifest, now=clock()):
            raise CheckFailed("the answer file is missing since hours and nobody is told")
        rig.turn(**dict.fromkeys(knobs, False))
        await rig.run(2)
        rig.expect(ENDED, what=f"after the answer file was {what}")
    await _garbled(candidate, root)
    await _resumed(candidate, root)


async def _garbled(candidate: Candidate, root: Path) -> None:
    folder = root / "garbled"
    folder.mkdir()
    rig = FileRig(candidate, folder, garbled_rows=3)
    rig.ask(next(iter(candidate.manifest.operations)))
    await rig.run(2)
    rig.expect(ENDED, what="rows beside some that nobody can read")
    sent = [len(text.splitlines()) for text in rig.simulator.rejects().values()]
    if not sent or set(sent) != {3}:
        raise CheckFailed(f"three rows of each file nobody can read, and {sent} went back")


async def _resumed(candidate: Candidate, root: Path) -> None:
    """What was read is written down, its content and how far: check 6 kills the process between two portions."""
    folder = root / "resumed"
    folder.mkdir()
    rig = FileRig(candidate, folder)
    for _ in range(3):
        rig.ask(next(iter(candidate.manifest.operations)))
    await rig.run(1)
    read = [one for one in rig.ledger.exchange.incoming if one.known is Known.READ]
    if not read or any(not one.sha256 or not one.ends_at for one in read):
        raise CheckFailed("a file was read and its checkpoint and content were not written down")


@of_files
async def a_kill_loses_and_doubles_no_row(candidate: Candidate, root: Path) -> None:
    name = next(iter(candidate.manifest.operations))
    for point in Point:
        for after in range(1, 5):
            folder = root / f"{point}-{after}"
            folder.mkdir()
            rig = FileRig(candidate, folder)
            for _ in range(5):
                rig.ask(name)
            rig.new_driver(_dies_at(point, after))
            while True:
                try:
                    await rig.run(3)
                    break
                except Crash:
                    rig.new_driver()
            rig.expect(ENDED, what=f"killed when {point}, at step {after}")


@of_files
async def a_down_register_costs_nothing(candidate: Candidate, root: Path) -> None:
    name = next(iter(candidate.manifest.operations))
    rig = FileRig(candidate, root, down=True)
    for _ in range(5):
        rig.ask(name)
    await rig.run(1)
    sessions = rig.simulator.seen.together
    if rig.simulator.seen.most_together > candidate.manifest.limits.concurrency or sessions:
        raise CheckFailed("more sessions at the same time than the manifest says")
    rig.turn(down=False)
    await rig.run(3)
    rig.expect(ENDED, what="after the register was down")


@of_files
async def the_deadline_ends_a_row_once(candidate: Candidate, root: Path) -> None:
    name, operation = next(iter(candidate.manifest.operations.items()))
    rig = FileRig(candidate, root, missing=True)
    for _ in range(5):
        rig.ask(name)
    await rig.run(operation.deadline_s / 86_400 + 1)
    rig.expect({Fate.EXPIRED}, what="no answer file came before the deadline")
    rig.turn(missing=False)
    await rig.run(2)
    rig.expect({Fate.EXPIRED}, what="and one after it")


@of_files
async def a_row_of_no_order_is_refused(candidate: Candidate, root: Path) -> None:
    name = next(iter(candidate.manifest.operations))
    rig = FileRig(candidate, root)
    rig.driver.take(id_of(99), name, b"no question")
    rig.ask(name)
    await rig.run(2)
    rig.expect(ENDED, what="an order nobody can read beside a good one")
    if rig.ledger.filed[id_of(99)].verdict != Rejected("question_invalid"):
        raise CheckFailed("an order nobody can read was not rejected")


def _dies_at(point: Point, after: int) -> Callable[[Point], None]:
    left = [after]

    def at(here: Point) -> None:
        if here is point:
            left[0] -= 1
            if not left[0]:
                raise Crash

    return at
