"""Calls and files. Sees no transaction; the person is opened here, nowhere earlier.

Kept true: nothing goes to a register unless intake has signed that this officer may ask it, checked at this moment.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

from connector_kit.adapter import Stamp
from connector_kit.batch import FileBridge, Order
from connector_kit.bridge import Bridge
from connector_kit.exchange import Laid, Lay, LookThere, Portion, ReadOn, SendBack, Trouble
from connector_kit.files import Look
from connector_kit.policy import ForHuman
from wanderamt.security.assertions import Voucher
from wanderamt.security.keys import Sealer

from registry_bridge.domain.request import Called, FilesDone, FilesTask, NotAllowed, Request, Task


@dataclass(frozen=True)
class Desk:
    """What every call needs: keys, and the time."""

    sealer: Sealer
    voucher: Voucher
    clock: Callable[[], datetime]

    def why_not(self, request: Request) -> str:
        return self.voucher.why_not(request.assertion, request.asserted(), now=self.clock())


async def ask(task: Task | ForHuman, *, bridge: Bridge, desk: Desk) -> Called | ForHuman | NotAllowed:
    if isinstance(task, ForHuman):
        return task
    await asyncio.sleep(task.wait_s)  # its moment in the pace of the register
    request = task.request
    if code := desk.why_not(request):
        return NotAllowed(code)
    begun = perf_counter()
    question = desk.sealer.open(request.question)
    stamp = Stamp(request.id, request.officer, request.purpose)
    verdict = await bridge.call(request.operation, question, stamp, beat=task.beat)
    same = bridge.canonical(request.operation, question)
    fingerprint = desk.sealer.fingerprint(same) if same else b""
    return Called(verdict, perf_counter() - begun, task.beat, task.attempt, fingerprint)


async def exchange(task: FilesTask, *, bridge: FileBridge, desk: Desk) -> FilesDone:
    begun = perf_counter()
    not_allowed = {one.id: code for one in task.orders if (code := desk.why_not(one))}
    orders = [_order(one, desk.sealer) for one in task.orders if one.id not in not_allowed]
    outcome = await _step(task, bridge, orders, desk.clock())
    return FilesDone(task.step, outcome, perf_counter() - begun, not_allowed)


async def _step(
    task: FilesTask, bridge: FileBridge, orders: list[Order], now: datetime
) -> Laid | Look | Portion | Trouble:
    match task.step:
        case Lay(name):
            return await bridge.lay(name, orders)
        case ReadOn(file):
            return await bridge.read(file.lying, ends_at=file.ends_at, line=file.line)
        case SendBack(name, rejects):
            return await bridge.send_back(name, rejects)
        case LookThere():
            return await bridge.look(now=now)


def _order(request: Request, sealer: Sealer) -> Order:
    stamp = Stamp(request.id, request.officer, request.purpose)
    return Order(request.operation, sealer.open(request.question), stamp)
