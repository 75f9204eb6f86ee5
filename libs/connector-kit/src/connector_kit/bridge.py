"""A bridge as a service uses it: manifest, adapter and transport together. One call gives one outcome, without retries.

Invariants: every call ends in an outcome, whatever the transport, the register or the adapter do; an adapter that
raises is reported as such and blocks nobody; an order whose answer is unreadable may have been executed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog
from pydantic import BaseModel, ValidationError

from connector_kit.adapter import (
    Adapter,
    CallContext,
    HttpCall,
    HttpReply,
    OrderFound,
    OrderNotFound,
    StatusCheckingAdapter,
    StatusCheckResult,
)
from connector_kit.call_outcome import (
    QUESTION_INVALID,
    CallOutcome,
    NotExecuted,
    PossiblyExecuted,
    RawResponse,
    Rejected,
    TemporarilyUnavailable,
    UnreadableResponse,
    to_code,
)
from connector_kit.call_telemetry import instrument
from connector_kit.manifest.manifest import Manifest
from connector_kit.manifest.operation import Idempotency
from connector_kit.resilience.policy import CallKind
from connector_kit.transports.http import HttpFailure

MAX_RAW_BYTES: Final = 256 * 1024

log = structlog.get_logger()


class HttpTransport(Protocol):
    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | HttpFailure: ...

    async def close(self) -> None: ...


class InvalidBridgeError(Exception):
    """The parts do not fit together; the message says which. Raised at start, never during a call."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """`models`: those that the manifest names."""

    manifest: Manifest
    adapter: Adapter
    transport: HttpTransport
    models: Mapping[str, type[BaseModel]]

    def __post_init__(self) -> None:
        for name, operation in self.manifest.operations.items():
            for model in (operation.question, operation.answer):
                if model and model not in self.models:
                    raise InvalidBridgeError(
                        f"{self.manifest.id}: operation {name} names the model {model}, which models.py lacks"
                    )
            if operation.idempotency is Idempotency.BY_LOOKUP and not hasattr(self.adapter, "encode_status_check"):
                raise InvalidBridgeError(
                    f"{self.manifest.id}: {name} has idempotency by_lookup, but the adapter has no encode_status_check"
                )

    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome:
        """`question`: JSON of the operation's model. An invalid question is rejected."""
        return await instrument(self.manifest.id, operation, self._call(operation, question, context, kind))

    async def _call(self, operation: str, question: bytes, context: CallContext, kind: CallKind) -> CallOutcome:
        rules = self.manifest.operations.get(operation)
        if not rules:
            return Rejected("no_such_operation")
        try:
            question_model = self.models[rules.question].model_validate_json(question)
        except ValidationError:
            return QUESTION_INVALID
        encode, read = self._functions_for(kind)
        try:
            call = encode(operation, question_model, context)
        except Exception as error:  # an adapter is third-party code: its failure must stay its own
            if isinstance(error, ValueError) and kind is CallKind.EXECUTE:  # such as a character that XML cannot hold
                return QUESTION_INVALID
            return self._failed("encode", error)
        reply = await self.transport.send(call, timeout_s=rules.timeout_s)
        if isinstance(reply, HttpFailure):
            return _outcome_of_failure(reply)
        try:
            outcome = read(operation, reply)
        except Exception as error:
            outcome = self._failed("classify", error)
        if isinstance(outcome, UnreadableResponse):
            content_type = reply.headers.get("content-type", "")
            return replace(outcome, raw=RawResponse(reply.status, content_type, reply.body[:MAX_RAW_BYTES]))
        return outcome

    def reparse(self, operation: str, raw: RawResponse) -> CallOutcome:
        """Classifies a stored answer again, after its adapter was fixed."""
        try:
            return self.adapter.classify(operation, HttpReply(raw.status, {"content-type": raw.content_type}, raw.body))
        except Exception as error:
            return self._failed("classify", error)

    def accepts(self, operation: str, question: bytes, context: CallContext) -> bool:
        """Whether this question (JSON) can be sent. Sends nothing."""
        model = self.read_question(operation, question)
        try:
            return bool(model and self.adapter.encode(operation, model, context))
        except ValueError:
            return False
        except Exception as error:  # as above: the call would fail in the same way, and be tried again
            self._failed("encode", error)
            return True

    def read_question(self, operation: str, question: bytes) -> BaseModel | None:
        """The question (JSON) as the operation's model; None for an invalid one."""
        rules = self.manifest.operations.get(operation)
        try:
            return self.models[rules.question].model_validate_json(question) if rules else None
        except ValidationError:
            return None

    def canonical_question(self, operation: str, question: bytes) -> bytes:
        """The same bytes for equal questions, however they were written; empty for an invalid question."""
        model = self.read_question(operation, question)
        return f"{self.manifest.id} {operation} {model.model_dump_json()}".encode() if model else b""

    def _functions_for(
        self, kind: CallKind
    ) -> tuple[Callable[[str, BaseModel, CallContext], HttpCall], Callable[[str, HttpReply], CallOutcome]]:
        adapter = self.adapter
        if kind is CallKind.EXECUTE:
            return adapter.encode, adapter.classify
        probing: StatusCheckingAdapter = adapter  # type: ignore[assignment]  # held by __post_init__

        def read(operation: str, reply: HttpReply) -> CallOutcome:
            return outcome_of_status_check(probing.classify_status_check(operation, reply))

        return probing.encode_status_check, read

    def _failed(self, part: str, error: Exception) -> CallOutcome:
        """Reports the class of the error only: its text may contain the question."""
        log.error("bridge.adapter_failed", bridge=self.manifest.id, part=part, error=type(error).__name__)
        code = to_code(f"{part}_{type(error).__name__}")
        return TemporarilyUnavailable(code, asked=False) if part == "encode" else UnreadableResponse(code)


def outcome_of_status_check(probed: StatusCheckResult) -> CallOutcome:
    """The result of a status check as an outcome."""
    match probed:
        case OrderFound(outcome):
            return outcome
        case OrderNotFound():
            return NotExecuted()
    return probed


def _outcome_of_failure(failure: HttpFailure) -> CallOutcome:
    match failure:
        case HttpFailure.UNREACHABLE:
            return TemporarilyUnavailable("unreachable")
        case HttpFailure.NO_ANSWER:
            return PossiblyExecuted("no_answer")
        case HttpFailure.TOO_LONG:
            return UnreadableResponse("too_long")
