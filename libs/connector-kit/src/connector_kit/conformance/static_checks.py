"""Checks of the manifest and the adapter: nothing is driven, nothing is sent."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from connector_kit.adapter import AnswerRow, CallContext, HttpReply, IgnoredLine, Trailer, UnreadableLine
from connector_kit.bridge import outcome_of_status_check
from connector_kit.call_outcome import CallOutcome, Succeeded, UnreadableResponse
from connector_kit.conformance.harness import id_of
from connector_kit.conformance.subject import BridgeUnderTest, CheckFailedError, NotApplicableError
from connector_kit.scenarios import OUTCOME_NAMES, Scenario, differences

NO_PURPOSE = "state-the-legal-ground"  # placeholder in a new bridge
LINE_TYPES = (AnswerRow, Trailer, IgnoredLine, UnreadableLine)
HYPOTHESIS_SETTINGS = settings(
    max_examples=300, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
CONTENT_TYPES = ("application/json", "text/xml; charset=utf-8", "text/html", "text/plain", "")
_recorders: list[set[str]] = []
BLOCKING_EVENTS = (
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "open",
    "urllib.Request",
)


def contract_is_unbroken(subject: BridgeUnderTest) -> None:
    for name, operation in subject.manifest.operations.items():
        if NO_PURPOSE in operation.purposes:
            raise CheckFailedError(f"operation {name}: replace {NO_PURPOSE} in bridge.toml by the legal ground")
    if subject.folder.released is None:
        return
    if broken := contract_breaks(subject.folder.released, subject.folder.published_contract()):
        raise CheckFailedError(
            f"{broken[0]}; use a new name for the changed operation or model, or release the break: verify --release"
        )


def contract_breaks(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """How `now` breaks what callers relied on in `before` (both from BridgeFolder.published_contract)."""
    breaks = []
    for name, was in before["operations"].items():
        operation = now["operations"].get(name)
        if not operation:
            breaks.append(f"operation {name} was removed")
            continue
        breaks += [
            f"operation {name}: {part} was {was[part]}, is {operation[part]}"
            for part in ("kind", "idempotency", "question", "answer", "ordering_key")
            if was[part] != operation[part]
        ]
        breaks += [
            f"operation {name}: purpose {purpose} was removed"
            for purpose in set(was["purposes"]) - set(operation["purposes"])
        ]
        if operation["question"] == was["question"]:
            question_before, question_now = before["models"][was["question"]], now["models"][was["question"]]
            new = set(question_now.get("required", ())) - set(question_before.get("required", ()))
            breaks += [f"{was['question']}.{name} is now required" for name in sorted(new)]
        if was["answer"] and operation["answer"] == was["answer"]:
            properties_before, properties_now = before["models"][was["answer"]], now["models"][was["answer"]]
            gone = set(properties_before.get("properties", ())) - set(properties_now.get("properties", ()))
            breaks += [f"{was['answer']}.{name} was removed" for name in sorted(gone)]
    return breaks


def scenarios_match(subject: BridgeUnderTest) -> None:
    adapter = subject.adapter()
    for scenario in subject.scenarios:
        if scenario.operation not in subject.manifest.operations:
            raise CheckFailedError(
                f"scenario {scenario.name} uses an operation that the manifest lacks: {scenario.operation}"
            )
        outcome = outcome_of(subject, adapter, scenario)
        if sentences := differences(scenario.expect, outcome):
            raise CheckFailedError(f"scenario {scenario.name}: {sentences[0]}")
    for name in subject.manifest.operations:
        subject.example(name)
    if all(scenario.expect.outcome == "succeeded" for scenario in subject.scenarios):
        raise CheckFailedError("no scenario shows how this register refuses or fails: record one")


def outcome_of(subject: BridgeUnderTest, adapter: Any, scenario: Scenario) -> CallOutcome:
    if scenario.line is not None:
        match adapter.read_row(scenario.line):
            case AnswerRow(_, outcome):
                return outcome
            case UnreadableLine(code):
                return UnreadableResponse(code)
            case other:
                raise CheckFailedError(
                    f"scenario {scenario.name}: the line is a {type(other).__name__}, not an AnswerRow"
                )
    assert scenario.reply  # noqa: S101 -- validated: a reply or a line
    if scenario.call_kind == "status_check":
        return outcome_of_status_check(
            adapter.classify_status_check(scenario.operation, scenario.reply.to_http_reply())
        )
    called: CallOutcome = adapter.classify(scenario.operation, scenario.reply.to_http_reply())
    return called


def classify_is_total(subject: BridgeUnderTest) -> None:
    adapter = subject.adapter()
    if subject.folder.uses_files:
        _lines_are_total(subject, adapter)
        return
    bodies = st.one_of(
        st.binary(max_size=200), *(_corrupted_body(scenario) for scenario in subject.scenarios if scenario.reply)
    )
    operations = st.sampled_from(sorted(subject.manifest.operations))

    @HYPOTHESIS_SETTINGS
    @given(operations, st.integers(100, 599), bodies, st.sampled_from(CONTENT_TYPES))
    def total(operation: str, status: int, body: bytes, content_type: str) -> None:
        reply = HttpReply(status, {"content-type": content_type}, body)
        try:
            outcome = adapter.classify(operation, reply)
        except Exception as error:
            raise CheckFailedError(
                f"classify raises {type(error).__name__} for an HTTP {status} of {content_type or 'no type'}"
            ) from error
        if type(outcome) not in OUTCOME_NAMES:
            raise CheckFailedError(
                f"classify returns {type(outcome).__name__}, which is no outcome, for an HTTP {status}"
            )

    total()


def _lines_are_total(subject: BridgeUnderTest, adapter: Any) -> None:
    known = [scenario.line for scenario in subject.scenarios if scenario.line]
    cut = st.builds(lambda line, at: line[:at], st.sampled_from(known), st.integers(0, 80))

    @HYPOTHESIS_SETTINGS
    @given(st.one_of(st.text(max_size=80), cut))
    def total(text: str) -> None:
        try:
            read = adapter.read_row(text)
        except Exception as error:
            raise CheckFailedError(
                f"read_row raises {type(error).__name__} for a line of {len(text)} characters"
            ) from error
        if not isinstance(read, LINE_TYPES):
            raise CheckFailedError(f"read_row returns {type(read).__name__}, which is none of {LINE_TYPES}")

    total()


def _corrupted_body(scenario: Scenario) -> st.SearchStrategy[bytes]:
    """A recorded body, cut off or with one byte changed: closer to real errors than noise."""
    assert scenario.reply  # noqa: S101 -- called only with a reply
    body = scenario.reply.to_http_reply().body or b"{}"
    cut = st.integers(0, len(body)).map(lambda at: body[:at])
    changed = st.builds(
        lambda at, byte: body[:at] + bytes([byte]) + body[at + 1 :],
        st.integers(0, len(body) - 1),
        st.integers(0, 255),
    )
    return st.one_of(cut, changed)


def attacks_are_rejected(subject: BridgeUnderTest) -> None:
    """Wrong charsets, expanding entities, external entities: never succeeded, and no file opened."""
    adapter = subject.adapter()
    if subject.folder.uses_files:
        _characters_outside_charset(subject)
        return
    for scenario in (subject.example(name) for name in subject.manifest.operations):
        assert scenario.reply  # noqa: S101 -- an HTTP bridge
        reply = scenario.reply.to_http_reply()
        for attack, body in _attacks(reply.body):
            with record_side_effects() as effects:
                outcome = adapter.classify(scenario.operation, HttpReply(reply.status, reply.headers, body))
            if effects:
                raise CheckFailedError(
                    f"{scenario.operation}, {attack}: reading the answer used {', '.join(sorted(effects))}"
                )
            if isinstance(outcome, Succeeded):
                raise CheckFailedError(f"{scenario.operation}, {attack}: the outcome is succeeded")


def _attacks(body: bytes) -> Iterator[tuple[str, bytes]]:
    text = body.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        start = text.index(">") + 1 if text.lstrip().startswith("<?") else 0
        head, rest = text[:start], text[start:]
        grown = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 8))
        bomb = f'<!DOCTYPE x [<!ENTITY e0 "lol">{grown}]>'
        file = '<!DOCTYPE x [<!ENTITY e7 SYSTEM "file:///etc/hostname">]>'
        last = rest.rindex("</", 0, rest.rindex("</"))
        for attack, doctype in (("entity expansion", bomb), ("a local file by XXE", file)):
            yield attack, (head + doctype + rest[:last] + "&e7;" + rest[last:]).encode()
        yield "a wrong charset", body.replace(b"</", b"\xfc</", body.count(b"</"))
    else:
        at = body.rfind(b'"', 0, body.rfind(b'"') if body.count(b'"') > 1 else None)
        yield "a wrong charset", body[: at + 1] + b"\xfc" + body[at + 1 :]


def _characters_outside_charset(subject: BridgeUnderTest) -> None:
    """What the file's charset cannot represent must not be sent as something else."""
    adapter, files = subject.adapter(), subject.manifest.files
    assert files  # noqa: S101 -- a file bridge
    for name, operation in subject.manifest.operations.items():
        scenario, model = subject.example(name), subject.folder.models[operation.question]
        for field, value in scenario.question.items():
            if not isinstance(value, str) or value.isdigit():
                continue
            try:
                question = model.model_validate({**scenario.question, field: "Nguyễn Łukasz 阮"})
                line = adapter.encode_row(name, question, CallContext(id_of(1), "officer", operation.purposes[0]))
            except ValueError:
                continue
            try:
                line.encode(files.charset)
            except UnicodeEncodeError:
                continue
            if "Nguyễn Łukasz 阮" not in line:
                raise CheckFailedError(
                    f"{name}: {field} is sent changed because {files.charset} cannot represent it: raise ValueError"
                )


def adapter_does_not_block(subject: BridgeUnderTest) -> None:
    """An adapter that reads a file, opens a socket or sleeps would block every other register of the process."""
    adapter = subject.adapter()
    for warm in (True, False):
        with record_side_effects() as effects:
            for name, operation in subject.manifest.operations.items():
                scenario = subject.example(name)
                question = subject.folder.models[operation.question].model_validate_json(scenario.question_json(1))
                _call_adapter(subject, adapter, scenario, question)
        if effects and not warm:
            raise CheckFailedError(f"the adapter used {', '.join(sorted(effects))}: adapters must be pure")


def _call_adapter(subject: BridgeUnderTest, adapter: Any, scenario: Scenario, question: BaseModel) -> None:
    context = CallContext(id_of(1), "officer", subject.manifest.operations[scenario.operation].purposes[0])
    if scenario.reply:
        adapter.encode(scenario.operation, question, context)
    else:
        adapter.encode_row(scenario.operation, question, context)
    outcome_of(subject, adapter, scenario)


def cached_answers_are_stable(subject: BridgeUnderTest) -> None:
    """The kit adds the time to a cached answer. An answer that contains the current time would contradict it."""
    if subject.folder.uses_files:
        raise NotApplicableError("a register that exchanges files has no lookups")
    cached = [name for name, operation in subject.manifest.operations.items() if operation.cache]
    if not cached:
        raise NotApplicableError("no lookup of this register has a cache")
    for name in cached:
        scenario = subject.example(name)
        first, second = (outcome_of(subject, subject.adapter(), scenario) for _ in range(2))
        if first != second or json.dumps(_comparable(first)) != json.dumps(_comparable(second)):
            raise CheckFailedError(
                f"{name}: the same answer read twice gives different results: it contains a time of its own"
            )


def _comparable(outcome: CallOutcome) -> Any:
    return outcome.result.model_dump(mode="json") if isinstance(outcome, Succeeded) else str(outcome)


@contextmanager
def record_side_effects() -> Iterator[set[str]]:
    """What is done inside this context that leaves the process or blocks it."""
    effects: set[str] = set()
    _install()
    _recorders.append(effects)
    sleep = time.sleep
    time.sleep = lambda _: effects.add("time.sleep")  # Python has no audit event for it
    try:
        yield effects
    finally:
        time.sleep = sleep
        _recorders.remove(effects)


def _install() -> None:
    if getattr(_install, "done", False):
        return
    _install.done = True  # type: ignore[attr-defined]  # audit hooks cannot be removed: once per process

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if _recorders and event in BLOCKING_EVENTS:
            for effects in _recorders:
                effects.add(event)

    sys.addaudithook(hook)
