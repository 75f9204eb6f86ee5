"""One bridge for each check that must fail it: a check that lets its mutant pass checks nothing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import BaseModel

from connector_kit.adapter import HttpCall, HttpReply, NotHappened, Setup, Stamp
from connector_kit.bridge import Bridge, Wire
from connector_kit.conformance.candidate import Candidate, make_bridge
from connector_kit.folder import read_folder
from connector_kit.manifest import Effect
from connector_kit.policy import Beat
from connector_kit.verdict import Done, NotFound, Rejected, RetryLater, Unknown, Verdict

REFERENCE: Final = Path(__file__).parent / "reference"
log = structlog.get_logger()


@dataclass(frozen=True)
class Mutant:
    """`number`: of the check that must fail it."""

    number: int
    what: str
    bend: Callable[[], Candidate]


def library() -> Candidate:
    return Candidate.of(read_folder(REFERENCE / "library"))


def archive() -> Candidate:
    return Candidate.of(read_folder(REFERENCE / "archive"))


class Bent:
    """The good adapter, with some of its functions replaced."""

    def __init__(self, good: Any, **instead: Callable[..., Any]) -> None:
        self._good, self._instead = good, instead

    def __getattr__(self, name: str) -> Any:
        instead, good = self._instead.get(name), getattr(self._good, name)
        return (lambda *args: instead(good, *args)) if instead else good


def _with(candidate: Candidate, **instead: Callable[..., Any]) -> Candidate:
    def open_adapter(setup: Setup) -> Any:
        return Bent(candidate.folder.open_adapter(setup), **instead)

    return replace(candidate, open_adapter=open_adapter)


def _made(make: Callable[[Candidate, Wire], Bridge]) -> Candidate:
    return replace(library(), make=make)


def forgets_an_operation() -> Candidate:
    good = library()
    promised = good.folder.promise()
    manifest = good.manifest.model_copy(
        update={"operations": {name: one for name, one in good.manifest.operations.items() if name != "find_card"}}
    )
    bent = good.with_manifest(manifest)
    return replace(bent, folder=replace(bent.folder, released=promised))


def logs_the_question() -> Candidate:
    def encode(good: Any, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        log.info("library.asked", question=question.model_dump())
        call: HttpCall = good(operation, question, stamp)
        return call

    return _with(library(), encode=encode)


def finds_nobody() -> Candidate:
    return _with(library(), classify=lambda _good, _operation, _reply: NotFound())


def stumbles_over_a_teapot() -> Candidate:
    def classify(good: Any, operation: str, reply: HttpReply) -> Verdict:
        known: dict[int, Verdict] = {200: good(operation, reply)}
        return known[reply.status] if reply.status < 300 else good(operation, reply)

    return _with(library(), classify=classify)


def makes_a_new_key_each_time() -> Candidate:
    def encode(good: Any, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        call: HttpCall = good(operation, question, stamp)
        key = f"{stamp.call_id}-{time.perf_counter_ns()}"
        return replace(call, headers={**call.headers, "Idempotency-Key": key})

    return _with(library(), encode=encode)


def never_finds_its_order() -> Candidate:
    return _with(library(), classify_probe=lambda _good, _operation, _reply: NotHappened())


def calls_the_unsafe_natural() -> Candidate:
    good = library()
    fine = good.manifest.operations["book_fine"].model_copy(update={"effect": Effect.KEY})
    return good.with_manifest(
        good.manifest.model_copy(update={"operations": {**good.manifest.operations, "book_fine": fine}})
    )


class Eager(Bridge):
    """Asks twice, to be sure."""

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict:
        first, _ = await asyncio.gather(
            super().call(operation, question, stamp, beat=beat), super().call(operation, question, stamp, beat=beat)
        )
        return first


class Fragile(Bridge):
    """Lets an error of the question out."""

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict:
        try:
            self.models[self.manifest.operations[operation].question].model_validate_json(question)
        except ValueError:
            return RetryLater("perhaps_later")
        return await super().call(operation, question, stamp, beat=beat)


class Patient(Bridge):
    """Knows better how long to wait."""

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict:
        rules = self.manifest.operations[operation].model_copy(update={"timeout_s": 86_400.0})
        manifest = self.manifest.model_copy(update={"operations": {**self.manifest.operations, operation: rules}})
        bridge = Bridge(manifest, self.adapter, self.wire, self.models)
        return await bridge.call(operation, question, stamp, beat=beat)


class Silent(Bridge):
    """Goes around the kit, and is seen by nobody."""

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict:
        return await self._call(operation, question, stamp, beat)


def of_class(kind: type[Bridge]) -> Callable[[], Candidate]:
    def make(candidate: Candidate, wire: Wire) -> Bridge:
        good = make_bridge(candidate, wire)
        return kind(good.manifest, good.adapter, good.wire, good.models)

    return lambda: _made(make)


def sleeps_in_the_adapter() -> Candidate:
    def classify(good: Any, operation: str, reply: HttpReply) -> Verdict:
        time.sleep(0.001)
        verdict: Verdict = good(operation, reply)
        return verdict

    return _with(library(), classify=classify)


def _instead_of_status(status: int, verdict: Verdict) -> Candidate:
    def classify(good: Any, operation: str, reply: HttpReply) -> Verdict:
        told: Verdict = verdict if reply.status == status else good(operation, reply)
        return told

    return _with(library(), classify=classify)


def gives_up_after_one_failure() -> Candidate:
    good = library()

    def open_adapter(setup: Setup) -> Any:
        failed: list[bool] = []

        def classify(read: Any, operation: str, reply: HttpReply) -> Verdict:
            if reply.status >= 500:
                failed.append(True)
            told: Verdict = RetryLater("sulking") if failed else read(operation, reply)
            return told

        return Bent(good.folder.open_adapter(setup), classify=classify)

    return replace(good, open_adapter=open_adapter)


def tells_its_own_moment() -> Candidate:
    def classify(good: Any, operation: str, reply: HttpReply) -> Verdict:
        verdict: Verdict = good(operation, reply)
        if isinstance(verdict, Done):
            return Done(verdict.result.model_copy(update={"holder": f"as of {time.perf_counter_ns()}"}))
        return verdict

    return _with(library(), classify=classify)


def takes_half_a_file() -> Candidate:
    good = archive()
    files = good.manifest.files
    assert files  # noqa: S101 -- of the reference
    return good.with_manifest(good.manifest.model_copy(update={"files": files.model_copy(update={"trailer": False})}))


def reads_any_charset() -> Candidate:
    def classify(good: Any, operation: str, reply: HttpReply) -> Verdict:
        text = reply.body.decode("utf-8", "replace")
        verdict: Verdict = good(operation, replace(reply, body=text.encode()))
        return verdict

    return _with(library(), classify=classify)


def takes_its_time_with_an_unsafe_order() -> Candidate:
    good = library()
    slow = good.manifest.operations["book_fine"].model_copy(update={"timeout_s": 60.0})
    operations = {**good.manifest.operations, "book_fine": slow}
    return good.with_manifest(good.manifest.model_copy(update={"operations": operations}))


MUTANTS: Final = (
    Mutant(1, "an operation of the last release is gone", forgets_an_operation),
    Mutant(2, "the question stands in its log", logs_the_question),
    Mutant(3, "every answer is read as: nobody found", finds_nobody),
    Mutant(4, "a status nobody thought of raises", stumbles_over_a_teapot),
    Mutant(5, "each call has a key of its own", makes_a_new_key_each_time),
    Mutant(6, "its probe never finds what was done", never_finds_its_order),
    Mutant(7, "an order without a key is declared to have one", calls_the_unsafe_natural),
    Mutant(8, "each call goes out twice", of_class(Eager)),
    Mutant(9, "the adapter sleeps", sleeps_in_the_adapter),
    Mutant(10, "a failing register is told as one that rejects", lambda: _instead_of_status(503, Rejected("no"))),
    Mutant(11, "a portal that lets nobody in is asked again", lambda: _instead_of_status(401, RetryLater("http_401"))),
    Mutant(12, "after one failure every answer is one", gives_up_after_one_failure),
    Mutant(13, "a question nobody can read is tried again for ever", of_class(Fragile)),
    Mutant(
        14, "a register that did nothing is told as one that may have", lambda: _instead_of_status(503, Unknown("e"))
    ),
    Mutant(15, "an answer holds the moment it was read", tells_its_own_moment),
    Mutant(16, "half a file is taken for a whole", takes_half_a_file),
    Mutant(17, "bytes of another charset are read somehow", reads_any_charset),
    Mutant(18, "an unsafe order lasts longer than a stop waits", takes_its_time_with_an_unsafe_order),
    Mutant(19, "it goes around the kit and leaves no trace", of_class(Silent)),
    Mutant(20, "it waits as long as it likes", of_class(Patient)),
)
