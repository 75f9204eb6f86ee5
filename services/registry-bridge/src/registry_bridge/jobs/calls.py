"""Calls to registers and file exchanges, outside any transaction. Questions are decrypted here, not earlier.

Invariants: nothing is sent to a register without a valid assertion signed by intake, verified at the time of the call.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

from connector_kit.adapter import CallContext
from connector_kit.bridge import Bridge
from connector_kit.call_outcome import QUESTION_INVALID
from connector_kit.files.file_bridge import FileBridge, OutgoingRow
from connector_kit.files.file_exchange import (
    FileChunk,
    ListFolder,
    ReadChunk,
    ReturnRejects,
    TransferFailure,
    Uploaded,
    UploadFile,
)
from connector_kit.files.remote_files import FolderListing
from connector_kit.resilience.policy import OperatorNeeded
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keys import FieldCipher

from registry_bridge.domain.request import (
    CallResult,
    CallTask,
    FileResult,
    FileTask,
    NotAllowed,
    RegisterRequest,
    configuration_fault,
)


@dataclass(frozen=True)
class CallDependencies:
    """Keys and clock for calls."""

    cipher: FieldCipher
    signer: AssertionSigner
    clock: Callable[[], datetime]

    def assertion_problem(self, request: RegisterRequest) -> str:
        """A code, or an empty string when the assertion is valid."""
        return self.signer.verify(request.assertion, request.expected_assertion(), now=self.clock())


async def call_register(
    task: CallTask | OperatorNeeded, *, bridge: Bridge, dependencies: CallDependencies
) -> CallResult | OperatorNeeded | NotAllowed:
    if isinstance(task, OperatorNeeded):
        return task
    await asyncio.sleep(task.wait_s)  # until its slot in the rate limit of the register
    request = task.request
    if code := dependencies.assertion_problem(request):
        return NotAllowed(code)
    started = perf_counter()
    question = dependencies.cipher.open(request.question)
    call_context = CallContext(request.id, request.officer, request.purpose)
    outcome = await bridge.call(request.operation, question, call_context, kind=task.call_kind)
    canonical = bridge.canonical_question(request.operation, question)
    question_hash = dependencies.cipher.keyed_hash(canonical) if canonical else b""
    return CallResult(outcome, perf_counter() - started, task.call_kind, task.attempt, question_hash)


async def check_configuration(
    request: RegisterRequest, *, bridges: Mapping[str, Bridge | FileBridge], dependencies: CallDependencies
) -> str:
    """Why no bridge can carry out the request; empty if one can. Calls nobody."""
    bridge = bridges.get(request.register)
    fault = configuration_fault(bridge.manifest if bridge else None, request.operation, request.purpose)
    if fault or not bridge:
        return fault
    call_context = CallContext(request.id, request.officer, request.purpose)
    accepted = bridge.accepts(request.operation, dependencies.cipher.open(request.question), call_context)
    return "" if accepted else QUESTION_INVALID.code


async def exchange_files(task: FileTask, *, bridge: FileBridge, dependencies: CallDependencies) -> FileResult:
    started = perf_counter()
    not_allowed = {request.id: code for request in task.requests if (code := dependencies.assertion_problem(request))}
    allowed = [request for request in task.requests if request.id not in not_allowed]
    rows = [_outgoing_row(request, dependencies.cipher) for request in allowed]
    outcome = await _run_step(task, bridge, rows, dependencies.clock())
    return FileResult(task.step, outcome, perf_counter() - started, not_allowed)


async def _run_step(
    task: FileTask, bridge: FileBridge, rows: list[OutgoingRow], now: datetime
) -> Uploaded | FolderListing | FileChunk | TransferFailure:
    match task.step:
        case UploadFile(name):
            return await bridge.upload(name, rows)
        case ReadChunk(file):
            return await bridge.read_chunk(file.file, ends_at=file.ends_at, line=file.line)
        case ReturnRejects(name, rejects):
            return await bridge.return_rejects(name, rejects)
        case ListFolder():
            return await bridge.list_files(now=now)


def _outgoing_row(request: RegisterRequest, cipher: FieldCipher) -> OutgoingRow:
    call_context = CallContext(request.id, request.officer, request.purpose)
    return OutgoingRow(request.operation, cipher.open(request.question), call_context)
