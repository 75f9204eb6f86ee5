"""A bridge as a service drives it: manifest, adapter and wire together. One call, one verdict, no try more.

Kept true: a call ends in a verdict whatever the wire, the register or the adapter do; an adapter that fails is told as
such and holds up nobody; an order whose answer cannot be read is one that may have happened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog
from pydantic import BaseModel, ValidationError

from connector_kit.adapter import Adapter, Happened, HttpCall, HttpReply, NotHappened, Probed, Probing, Stamp
from connector_kit.manifest import Effect, Manifest
from connector_kit.policy import Beat
from connector_kit.seen_calls import seen
from connector_kit.transport import Trouble
from connector_kit.verdict import (
    AuthFailed,
    Malformed,
    NotDone,
    Raw,
    Rejected,
    RetryLater,
    Throttled,
    Unknown,
    Verdict,
    code_of,
)

MAX_RAW_BYTES: Final = 256 * 1024

log = structlog.get_logger()


class Wire(Protocol):
    async def send(self, call: HttpCall, *, timeout_s: float) -> HttpReply | Trouble: ...

    async def close(self) -> None: ...


class BrokenBridge(Exception):
    """The parts do not fit together; says which. Raised at start, never during a call."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """`models`: those that the manifest names."""

    manifest: Manifest
    adapter: Adapter
    wire: Wire
    models: Mapping[str, type[BaseModel]]

    def __post_init__(self) -> None:
        for name, operation in self.manifest.operations.items():
            for model in (operation.question, operation.answer):
                if model and model not in self.models:
                    raise BrokenBridge(f"{self.manifest.id}: {name} names the model {model}, which models.py lacks")
            if operation.effect is Effect.PROBE and not hasattr(self.adapter, "encode_probe"):
                raise BrokenBridge(f"{self.manifest.id}: {name} is looked up by a probe, and the adapter has none")

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict:
        """`question`: JSON of the operation's model. A question that is none was made wrong: it is rejected."""
        return await seen(self.manifest.id, operation, self._call(operation, question, stamp, beat))

    async def _call(self, operation: str, question: bytes, stamp: Stamp, beat: Beat) -> Verdict:
        rules = self.manifest.operations.get(operation)
        if not rules:
            return Rejected("no_such_operation")
        try:
            asked = self.models[rules.question].model_validate_json(question)
        except ValidationError:
            return Rejected("question_invalid")
        encode, read = self._way(beat)
        try:
            call = encode(operation, asked, stamp)
        except Exception as error:  # an adapter is written elsewhere: it may fail, and must fail alone
            return self._failed("encode", error)
        reply = await self.wire.send(call, timeout_s=rules.timeout_s)
        if isinstance(reply, Trouble):
            return _of_trouble(reply)
        try:
            verdict = read(operation, reply)
        except Exception as error:
            verdict = self._failed("classify", error)
        if isinstance(verdict, Malformed):
            kind = reply.headers.get("content-type", "")
            return replace(verdict, raw=Raw(reply.status, kind, reply.body[:MAX_RAW_BYTES]))
        return verdict

    def read_again(self, operation: str, raw: Raw) -> Verdict:
        """What the adapter makes of an answer that was kept because nobody could read it."""
        try:
            return self.adapter.classify(operation, HttpReply(raw.status, {"content-type": raw.content_type}, raw.body))
        except Exception as error:
            return self._failed("classify", error)

    def canonical(self, operation: str, question: bytes) -> bytes:
        """The same bytes for the same question, however it was written; empty for none."""
        rules = self.manifest.operations.get(operation)
        try:
            asked = self.models[rules.question].model_validate_json(question) if rules else None
        except ValidationError:
            return b""
        return f"{self.manifest.id} {operation} {asked.model_dump_json()}".encode() if asked else b""

    def _way(
        self, beat: Beat
    ) -> tuple[Callable[[str, BaseModel, Stamp], HttpCall], Callable[[str, HttpReply], Verdict]]:
        adapter = self.adapter
        if beat is Beat.CALL:
            return adapter.encode, adapter.classify
        probing: Probing = adapter  # type: ignore[assignment]  # held by __post_init__

        def read(operation: str, reply: HttpReply) -> Verdict:
            return of_probe(probing.classify_probe(operation, reply))

        return probing.encode_probe, read

    def _failed(self, part: str, error: Exception) -> Verdict:
        """The kind of error alone: its text may hold what was asked."""
        log.error("bridge.adapter_failed", bridge=self.manifest.id, part=part, error=type(error).__name__)
        code = code_of(f"{part}_{type(error).__name__}")
        return RetryLater(code) if part == "encode" else Malformed(code)


def of_probe(probed: Probed) -> Verdict:
    """What a probe found, as a verdict."""
    match probed:
        case Happened(verdict):
            return verdict
        case NotHappened():
            return NotDone()
    return probed


def by_status(reply: HttpReply) -> Verdict | None:
    """What the status of an HTTP answer says by itself; None where the body decides (2xx, 404, 409, 422)."""
    match reply.status:
        case 401 | 403 | 407 | 511:
            return AuthFailed(f"http_{reply.status}")
        case 429:
            return Throttled(reply.retry_after_s)
        case 503:
            return RetryLater("http_503", reply.retry_after_s)
        case 408 | 425 | 502:
            return RetryLater(f"http_{reply.status}")
        case 404 | 409 | 422:
            return None
        case status if 300 <= status < 400:
            return Malformed(f"http_{status}")
        case status if 400 <= status < 500:
            return Rejected(f"http_{status}")
        case status if status >= 500:
            return Unknown(f"http_{status}")
    return None


def _of_trouble(trouble: Trouble) -> Verdict:
    match trouble:
        case Trouble.UNREACHABLE:
            return RetryLater("unreachable")
        case Trouble.NO_ANSWER:
            return Unknown("no_answer")
        case Trouble.TOO_LONG:
            return Malformed("too_long")
