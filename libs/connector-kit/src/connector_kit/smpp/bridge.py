"""A bridge over SMPP: as `bridge.Bridge` does it over HTTP, with one connection that is made when it is needed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel

from connector_kit.adapter import Stamp
from connector_kit.manifest import Manifest
from connector_kit.policy import Beat
from connector_kit.seen_calls import seen
from connector_kit.smpp.link import Address, Keep, Link, NotBound
from connector_kit.smpp.pdu import Pdu, Status, Submit, read_message_id, submit_body
from connector_kit.verdict import AuthFailed, Rejected, RetryLater, Throttled, Unknown, Verdict
from connector_kit.window import Window

NOT_LET_IN = frozenset({Status.BIND_FAILED, Status.INVALID_PASSWORD, Status.INVALID_SYSTEM_ID})
LATER = frozenset({Status.SYSTEM_ERROR, Status.SUBMIT_FAILED, Status.TEMPORARY_APP_ERROR, Status.WRONG_BIND_STATE})
TOO_MANY = frozenset({Status.THROTTLED, Status.QUEUE_FULL})


class SmppAdapter(Protocol):
    """What a team writes. `taken`: what the operator's acceptance is, as the operation's answer."""

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> Submit: ...

    def taken(self, operation: str, message_id: str) -> Verdict: ...


@dataclass
class SmppBridge:
    """`keep`: what is done with what the operator delivers (receipts, words of citizens), before it is answered."""

    manifest: Manifest
    adapter: SmppAdapter
    models: Mapping[str, type[BaseModel]]
    address: Address
    keep: Keep
    _link: Link | None = None
    _binding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _window: Window = field(init=False)

    def __post_init__(self) -> None:
        self._window = Window(self.manifest.limits.rate_per_s)

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict:
        """Ends in a verdict, whatever the operator does. There is no probe: an answer that was lost stays lost."""
        return await seen(self.manifest.id, operation, self._call(operation, question, stamp))

    async def connect(self) -> None:
        """Binds now, so that what waits to be delivered comes. Raises NotBound."""
        await self._bound()

    async def close(self) -> None:
        if self._link:
            await self._link.unbind()

    async def _call(self, operation: str, question: bytes, stamp: Stamp) -> Verdict:
        rules = self.manifest.operations[operation]
        try:
            submit = self.adapter.encode(operation, self.models[rules.question].model_validate_json(question), stamp)
            body = submit_body(submit)
        except ValueError:
            return Rejected("question_invalid")
        await self._window.enter()
        try:
            answering = (await self._bound()).submit(body)
        except NotBound as error:
            return _not_bound(error)
        try:
            async with asyncio.timeout(rules.timeout_s):
                answer = await answering
        except TimeoutError:
            return Unknown("no_answer")
        return self._of_answer(operation, answer)

    def _of_answer(self, operation: str, answer: Pdu | None) -> Verdict:
        if answer is None:
            return Unknown("no_answer")
        match answer.status:
            case Status.OK:
                return self.adapter.taken(operation, read_message_id(answer.body))
            case status if status in TOO_MANY:
                return Throttled()
            case status if status in LATER:
                return RetryLater(f"smpp_{status:#x}")
            case status:
                return Rejected(f"smpp_{status:#x}")

    async def _bound(self) -> Link:
        if self._link and self._link.alive:
            return self._link
        async with self._binding:
            if not self._link or not self._link.alive:
                self._link = await Link.bind(self.address, self.keep, timeout_s=self.manifest.connect_timeout_s)
            return self._link


def _not_bound(error: NotBound) -> Verdict:
    if error.status in NOT_LET_IN:
        return AuthFailed(f"smpp_{error.status:#x}")
    return RetryLater("unreachable")
