"""A bridge that sends SMS over SMPP: the counterpart of `bridge.Bridge`, with one connection that is opened when
needed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel

from connector_kit.adapter import CallContext
from connector_kit.call_outcome import (
    QUESTION_INVALID,
    AuthFailed,
    CallOutcome,
    PossiblyExecuted,
    Rejected,
    TemporarilyUnavailable,
    Throttled,
)
from connector_kit.call_telemetry import instrument
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.call_pacer import CallPacer
from connector_kit.resilience.policy import CallKind
from connector_kit.transports.smpp.connection import NotBoundError, SmppConnection, SmppTarget, StoreDeliveries
from connector_kit.transports.smpp.pdu import Pdu, SmppStatus, SubmitMessage, read_message_id, submit_body

AUTH_STATUSES = frozenset({SmppStatus.BIND_FAILED, SmppStatus.INVALID_PASSWORD, SmppStatus.INVALID_SYSTEM_ID})
TEMPORARY_STATUSES = frozenset(
    {SmppStatus.SYSTEM_ERROR, SmppStatus.SUBMIT_FAILED, SmppStatus.TEMPORARY_APP_ERROR, SmppStatus.WRONG_BIND_STATE}
)
THROTTLING_STATUSES = frozenset({SmppStatus.THROTTLED, SmppStatus.QUEUE_FULL})


class SmppAdapter(Protocol):
    """What a team writes. `accepted`: the answer of the operation when the operator accepted the message."""

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> SubmitMessage: ...

    def accepted(self, operation: str, message_id: str) -> CallOutcome: ...


@dataclass
class SmppBridge:
    """`store`: stores what the operator delivers (receipts, messages of citizens) before we acknowledge it."""

    manifest: Manifest
    adapter: SmppAdapter
    models: Mapping[str, type[BaseModel]]
    target: SmppTarget
    store: StoreDeliveries
    _connection: SmppConnection | None = None
    _binding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pacer: CallPacer = field(init=False)

    def __post_init__(self) -> None:
        self._pacer = CallPacer(self.manifest.limits.rate_per_s)

    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome:
        """Ends in an outcome, whatever the operator does. There is no status check: a lost answer stays lost."""
        return await instrument(self.manifest.id, operation, self._call(operation, question, context))

    async def connect(self) -> None:
        """Binds now, so that pending deliveries arrive. Raises NotBoundError."""
        await self._bound()

    async def close(self) -> None:
        if self._connection:
            await self._connection.unbind()

    async def _call(self, operation: str, question: bytes, context: CallContext) -> CallOutcome:
        rules = self.manifest.operations[operation]
        try:
            submit = self.adapter.encode(operation, self.models[rules.question].model_validate_json(question), context)
            body = submit_body(submit)
        except ValueError:
            return QUESTION_INVALID
        await self._pacer.wait_for_turn()
        try:
            answering = (await self._bound()).submit(body)
        except NotBoundError as error:
            return _outcome_of_bind_error(error)
        try:
            async with asyncio.timeout(rules.timeout_s):
                answer = await answering
        except TimeoutError:
            return PossiblyExecuted("no_answer")
        return self._outcome_of_answer(operation, answer)

    def _outcome_of_answer(self, operation: str, answer: Pdu | None) -> CallOutcome:
        if answer is None:
            return PossiblyExecuted("no_answer")
        match answer.status:
            case SmppStatus.OK:
                return self.adapter.accepted(operation, read_message_id(answer.body))
            case status if status in THROTTLING_STATUSES:
                return Throttled()
            case status if status in TEMPORARY_STATUSES:
                return TemporarilyUnavailable(f"smpp_{status:#x}")
            case status:
                return Rejected(f"smpp_{status:#x}")

    async def _bound(self) -> SmppConnection:
        if self._connection and self._connection.alive:
            return self._connection
        async with self._binding:
            if not self._connection or not self._connection.alive:
                self._connection = await SmppConnection.bind(
                    self.target, self.store, timeout_s=self.manifest.connect_timeout_s
                )
            return self._connection


def _outcome_of_bind_error(error: NotBoundError) -> CallOutcome:
    if error.status in AUTH_STATUSES:
        return AuthFailed(f"smpp_{error.status:#x}")
    return TemporarilyUnavailable("unreachable")
