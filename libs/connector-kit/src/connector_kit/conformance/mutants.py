"""One broken bridge for each check: a check that accepts its mutant checks nothing."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import BaseModel

from connector_kit.adapter import AdapterConfig, CallContext, HttpCall, HttpReply, OrderNotFound
from connector_kit.bridge import Bridge, HttpTransport
from connector_kit.call_outcome import (
    CallOutcome,
    NotFound,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
)
from connector_kit.conformance.reference.library.models import Card
from connector_kit.conformance.subject import BridgeUnderTest, make_bridge
from connector_kit.folder import read_folder
from connector_kit.manifest.operation import Idempotency
from connector_kit.resilience.policy import CallKind

REFERENCE: Final = Path(__file__).parent / "reference"
log = structlog.get_logger()


@dataclass(frozen=True)
class BridgeMutant:
    """`number`: the check that must reject it."""

    number: int
    description: str
    make: Callable[[], BridgeUnderTest]


def library() -> BridgeUnderTest:
    return BridgeUnderTest.of(read_folder(REFERENCE / "library"))


def archive() -> BridgeUnderTest:
    return BridgeUnderTest.of(read_folder(REFERENCE / "archive"))


class OverriddenAdapter:
    """The correct adapter, with some functions replaced."""

    def __init__(self, original: Any, **replacements: Callable[..., Any]) -> None:
        self._original, self._replacements = original, replacements

    def __getattr__(self, name: str) -> Any:
        replacement, original = self._replacements.get(name), getattr(self._original, name)
        return (lambda *args: replacement(original, *args)) if replacement else original


def _with(subject: BridgeUnderTest, **replacements: Callable[..., Any]) -> BridgeUnderTest:
    def open_adapter(config: AdapterConfig) -> Any:
        return OverriddenAdapter(subject.folder.open_adapter(config), **replacements)

    return replace(subject, open_adapter=open_adapter)


def _made(make: Callable[[BridgeUnderTest, HttpTransport], Bridge]) -> BridgeUnderTest:
    return replace(library(), make_bridge=make)


def drops_a_released_operation() -> BridgeUnderTest:
    original = library()
    contract = original.folder.published_contract()
    manifest = original.manifest.model_copy(
        update={
            "operations": {name: rules for name, rules in original.manifest.operations.items() if name != "find_card"}
        }
    )
    broken = original.with_manifest(manifest)
    return replace(broken, folder=replace(broken.folder, released=contract))


def logs_the_question() -> BridgeUnderTest:
    def encode(original: Any, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        log.info("library.question", question=question.model_dump())
        call: HttpCall = original(operation, question, context)
        return call

    return _with(library(), encode=encode)


def always_not_found() -> BridgeUnderTest:
    return _with(library(), classify=lambda _good, _operation, _reply: NotFound())


def raises_on_unknown_status() -> BridgeUnderTest:
    def classify(original: Any, operation: str, reply: HttpReply) -> CallOutcome:
        known: dict[int, CallOutcome] = {200: original(operation, reply)}
        return known[reply.status] if reply.status < 300 else original(operation, reply)

    return _with(library(), classify=classify)


def new_key_per_call() -> BridgeUnderTest:
    def encode(original: Any, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        call: HttpCall = original(operation, question, context)
        key = f"{context.call_id}-{time.perf_counter_ns()}"
        return replace(call, headers={**call.headers, "Idempotency-Key": key})

    return _with(library(), encode=encode)


def status_check_finds_nothing() -> BridgeUnderTest:
    return _with(library(), classify_status_check=lambda _good, _operation, _reply: OrderNotFound())


def declares_a_missing_key() -> BridgeUnderTest:
    original = library()
    fine = original.manifest.operations["book_fine"].model_copy(update={"idempotency": Idempotency.BY_KEY})
    return original.with_manifest(
        original.manifest.model_copy(update={"operations": {**original.manifest.operations, "book_fine": fine}})
    )


class SendsEachCallTwice(Bridge):
    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome:
        first, _ = await asyncio.gather(
            super().call(operation, question, context, kind=kind), super().call(operation, question, context, kind=kind)
        )
        return first


class RetriesInvalidQuestions(Bridge):
    """Reports an invalid question as temporarily unavailable."""

    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome:
        try:
            self.models[self.manifest.operations[operation].question].model_validate_json(question)
        except ValueError:
            return TemporarilyUnavailable("perhaps_later")
        return await super().call(operation, question, context, kind=kind)


class IgnoresTimeouts(Bridge):
    """Replaces the manifest's timeouts by a day."""

    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome:
        rules = self.manifest.operations[operation].model_copy(update={"timeout_s": 86_400.0})
        manifest = self.manifest.model_copy(update={"operations": {**self.manifest.operations, operation: rules}})
        bridge = Bridge(manifest, self.adapter, self.transport, self.models)
        return await bridge.call(operation, question, context, kind=kind)


class SkipsTelemetry(Bridge):
    """Bypasses the kit's telemetry."""

    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome:
        return await self._call(operation, question, context, kind)


def of_class(kind: type[Bridge]) -> Callable[[], BridgeUnderTest]:
    def make(subject: BridgeUnderTest, transport: HttpTransport) -> Bridge:
        original = make_bridge(subject, transport)
        return kind(original.manifest, original.adapter, original.transport, original.models)

    return lambda: _made(make)


def sleeps_in_the_adapter() -> BridgeUnderTest:
    def classify(original: Any, operation: str, reply: HttpReply) -> CallOutcome:
        time.sleep(0.001)
        outcome: CallOutcome = original(operation, reply)
        return outcome

    return _with(library(), classify=classify)


def _outcome_for_status(status: int, fixed: CallOutcome) -> BridgeUnderTest:
    def classify(original: Any, operation: str, reply: HttpReply) -> CallOutcome:
        outcome: CallOutcome = fixed if reply.status == status else original(operation, reply)
        return outcome

    return _with(library(), classify=classify)


def fails_after_first_failure() -> BridgeUnderTest:
    original = library()

    def open_adapter(config: AdapterConfig) -> Any:
        failed: list[bool] = []

        def classify(read: Any, operation: str, reply: HttpReply) -> CallOutcome:
            if reply.status >= 500:
                failed.append(True)
            outcome: CallOutcome = TemporarilyUnavailable("after_failure") if failed else read(operation, reply)
            return outcome

        return OverriddenAdapter(original.folder.open_adapter(config), classify=classify)

    return replace(original, open_adapter=open_adapter)


def result_contains_read_time() -> BridgeUnderTest:
    def classify(original: Any, operation: str, reply: HttpReply) -> CallOutcome:
        outcome: CallOutcome = original(operation, reply)
        if isinstance(outcome, Succeeded):
            return Succeeded(outcome.result.model_copy(update={"holder": f"as of {time.perf_counter_ns()}"}))
        return outcome

    return _with(library(), classify=classify)


def accepts_incomplete_files() -> BridgeUnderTest:
    original = archive()
    files = original.manifest.files
    assert files  # noqa: S101 -- the reference bridge has it
    return original.with_manifest(
        original.manifest.model_copy(update={"files": files.model_copy(update={"trailer": False})})
    )


def ignores_encoding_errors() -> BridgeUnderTest:
    def classify(original: Any, operation: str, reply: HttpReply) -> CallOutcome:
        text = reply.body.decode("utf-8", "replace")
        outcome: CallOutcome = original(operation, replace(reply, body=text.encode()))
        return outcome

    return _with(library(), classify=classify)


def slow_unrepeatable_order() -> BridgeUnderTest:
    original = library()
    slow = original.manifest.operations["book_fine"].model_copy(update={"timeout_s": 60.0})
    operations = {**original.manifest.operations, "book_fine": slow}
    return original.with_manifest(original.manifest.model_copy(update={"operations": operations}))


def empty_object_is_a_card() -> BridgeUnderTest:
    def classify(original: Any, operation: str, reply: HttpReply) -> CallOutcome:
        outcome: CallOutcome = original(operation, reply)
        return Succeeded(Card.model_construct(number="", holder="")) if reply.body == b"{}" else outcome

    return _with(library(), classify=classify)


def takes_the_first_hit() -> BridgeUnderTest:
    def classify(original: Any, operation: str, reply: HttpReply) -> CallOutcome:
        try:
            content = json.loads(reply.body)
        except ValueError:
            content = None
        first = json.dumps(content[0]).encode() if isinstance(content, list) and content else reply.body
        outcome: CallOutcome = original(operation, replace(reply, body=first))
        return outcome

    return _with(library(), classify=classify)


MUTANTS: Final = (
    BridgeMutant(1, "an operation of the last release was removed", drops_a_released_operation),
    BridgeMutant(2, "the question is logged", logs_the_question),
    BridgeMutant(3, "every answer becomes not_found", always_not_found),
    BridgeMutant(4, "an unexpected status raises", raises_on_unknown_status),
    BridgeMutant(5, "each call has a new idempotency key", new_key_per_call),
    BridgeMutant(6, "its status check never finds the order", status_check_finds_nothing),
    BridgeMutant(7, "idempotency by_key is declared, but no key is sent", declares_a_missing_key),
    BridgeMutant(8, "each call is sent twice", of_class(SendsEachCallTwice)),
    BridgeMutant(9, "the adapter sleeps", sleeps_in_the_adapter),
    BridgeMutant(10, "unavailability is reported as rejection", lambda: _outcome_for_status(503, Rejected("no"))),
    BridgeMutant(
        11,
        "failed authentication is retried",
        lambda: _outcome_for_status(401, TemporarilyUnavailable("http_401")),
    ),
    BridgeMutant(12, "after one failure, every answer becomes a failure", fails_after_first_failure),
    BridgeMutant(13, "an unreadable question is retried forever", of_class(RetriesInvalidQuestions)),
    BridgeMutant(
        14,
        "certain non-execution is reported as possible execution",
        lambda: _outcome_for_status(503, PossiblyExecuted("e")),
    ),
    BridgeMutant(15, "an answer contains the time when it was read", result_contains_read_time),
    BridgeMutant(16, "an incomplete file is read as complete", accepts_incomplete_files),
    BridgeMutant(17, "invalid bytes are replaced instead of rejected", ignores_encoding_errors),
    BridgeMutant(18, "an unrepeatable order lasts longer than the drain time", slow_unrepeatable_order),
    BridgeMutant(19, "it bypasses the kit's telemetry", of_class(SkipsTelemetry)),
    BridgeMutant(20, "it ignores its timeouts", of_class(IgnoresTimeouts)),
    BridgeMutant(21, "an empty object is read as a card", empty_object_is_a_card),
    BridgeMutant(22, "of several cards the first is taken", takes_the_first_hit),
)
