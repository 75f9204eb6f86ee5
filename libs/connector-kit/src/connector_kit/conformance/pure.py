"""Checks of what an adapter says: nothing is driven, nothing is sent."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from connector_kit.adapter import Heading, HttpReply, NoRow, Row, Stamp, Trailer
from connector_kit.bridge import of_probe
from connector_kit.conformance.candidate import Candidate, CheckFailed, DoesNotApply
from connector_kit.conformance.rig import id_of
from connector_kit.scenarios import NAMES, Scenario, differences
from connector_kit.verdict import Done, Malformed, Verdict

NO_PURPOSE = "say-the-law-here"  # as a new bridge has it
READ = (Row, Trailer, Heading, NoRow)
MANY = settings(
    max_examples=300, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
KINDS = ("application/json", "text/xml; charset=utf-8", "text/html", "text/plain", "")
_watched: list[set[str]] = []
BLOCKS = (
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "open",
    "urllib.Request",
)


def manifest_keeps_its_promise(candidate: Candidate) -> None:
    for name, operation in candidate.manifest.operations.items():
        if NO_PURPOSE in operation.purposes:
            raise CheckFailed(
                f"operation {name}: say in bridge.toml by which law it may be asked, instead of {NO_PURPOSE}"
            )
    if candidate.folder.released is None:
        return
    if broken := breaks(candidate.folder.released, candidate.folder.promise()):
        raise CheckFailed(f"{broken[0]}; give the new thing a new name, or release it knowingly: verify --release")


def breaks(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """How `now` breaks what callers build on since `before` (both as BridgeFolder.promise gives them)."""
    found = []
    for name, was in before["operations"].items():
        operation = now["operations"].get(name)
        if not operation:
            found.append(f"operation {name} is gone")
            continue
        found += [
            f"operation {name}: {part} was {was[part]}, is {operation[part]}"
            for part in ("kind", "effect", "question", "answer", "ordering_key")
            if was[part] != operation[part]
        ]
        found += [
            f"operation {name}: purpose {one} is gone" for one in set(was["purposes"]) - set(operation["purposes"])
        ]
        if operation["question"] == was["question"]:
            asked, wanted = before["models"][was["question"]], now["models"][was["question"]]
            new = set(wanted.get("required", ())) - set(asked.get("required", ()))
            found += [f"{was['question']}.{one} is required and was not" for one in sorted(new)]
        if was["answer"] and operation["answer"] == was["answer"]:
            told, tells = before["models"][was["answer"]], now["models"][was["answer"]]
            gone = set(told.get("properties", ())) - set(tells.get("properties", ()))
            found += [f"{was['answer']}.{one} is gone" for one in sorted(gone)]
    return found


def scenarios_end_in_their_verdict(candidate: Candidate) -> None:
    adapter = candidate.adapter()
    for scenario in candidate.scenarios:
        if scenario.operation not in candidate.manifest.operations:
            raise CheckFailed(f"scenario {scenario.name} is of an operation the manifest lacks: {scenario.operation}")
        verdict = verdict_of(candidate, adapter, scenario)
        if found := differences(scenario.expect, verdict):
            raise CheckFailed(f"scenario {scenario.name}: {found[0]}")
    for name in candidate.manifest.operations:
        candidate.example(name)
    if all(one.expect.verdict == "done" for one in candidate.scenarios):
        raise CheckFailed("no scenario says how this register refuses or fails: record one")


def verdict_of(candidate: Candidate, adapter: Any, scenario: Scenario) -> Verdict:
    if scenario.line is not None:
        match adapter.read_row(scenario.line):
            case Row(_, verdict):
                return verdict
            case NoRow(code):
                return Malformed(code)
            case other:
                raise CheckFailed(f"scenario {scenario.name}: the line is a {type(other).__name__}, not a row")
    assert scenario.reply  # noqa: S101 -- a scenario has one of the two
    if scenario.beat == "probe":
        return of_probe(adapter.classify_probe(scenario.operation, scenario.reply.native()))
    called: Verdict = adapter.classify(scenario.operation, scenario.reply.native())
    return called


def classify_is_total(candidate: Candidate) -> None:
    adapter = candidate.adapter()
    if candidate.folder.batch:
        _lines_are_total(candidate, adapter)
        return
    bodies = st.one_of(st.binary(max_size=200), *(_bent(one) for one in candidate.scenarios if one.reply))
    operations = st.sampled_from(sorted(candidate.manifest.operations))

    @MANY
    @given(operations, st.integers(100, 599), bodies, st.sampled_from(KINDS))
    def total(operation: str, status: int, body: bytes, kind: str) -> None:
        reply = HttpReply(status, {"content-type": kind}, body)
        try:
            verdict = adapter.classify(operation, reply)
        except Exception as error:
            raise CheckFailed(
                f"classify raises {type(error).__name__} for an HTTP {status} of {kind or 'no type'}"
            ) from error
        if type(verdict) not in NAMES:
            raise CheckFailed(f"classify gives {type(verdict).__name__}, which is no verdict, for an HTTP {status}")

    total()


def _lines_are_total(candidate: Candidate, adapter: Any) -> None:
    known = [one.line for one in candidate.scenarios if one.line]
    cut = st.builds(lambda line, at: line[:at], st.sampled_from(known), st.integers(0, 80))

    @MANY
    @given(st.one_of(st.text(max_size=80), cut))
    def total(text: str) -> None:
        try:
            read = adapter.read_row(text)
        except Exception as error:
            raise CheckFailed(f"read_row raises {type(error).__name__} for a line of {len(text)} signs") from error
        if not isinstance(read, READ):
            raise CheckFailed(f"read_row gives {type(read).__name__}, which is none of {READ}")

    total()


def _bent(scenario: Scenario) -> st.SearchStrategy[bytes]:
    """A recorded body, cut or with a byte changed: nearer to what goes wrong than noise."""
    assert scenario.reply  # noqa: S101 -- asked for those alone
    body = scenario.reply.native().body or b"{}"
    cut = st.integers(0, len(body)).map(lambda at: body[:at])
    changed = st.builds(
        lambda at, byte: body[:at] + bytes([byte]) + body[at + 1 :],
        st.integers(0, len(body) - 1),
        st.integers(0, 255),
    )
    return st.one_of(cut, changed)


def attacks_end_unread(candidate: Candidate) -> None:
    """Wrong charsets, entities that grow or read files: never done, no file opened, nothing of one told."""
    adapter = candidate.adapter()
    if candidate.folder.batch:
        _strange_signs(candidate)
        return
    for scenario in (candidate.example(name) for name in candidate.manifest.operations):
        assert scenario.reply  # noqa: S101 -- of an HTTP bridge
        reply = scenario.reply.native()
        for what, body in _attacks(reply.body):
            with watched() as opened:
                verdict = adapter.classify(scenario.operation, HttpReply(reply.status, reply.headers, body))
            if opened:
                raise CheckFailed(f"{scenario.operation}, {what}: reading the answer did {', '.join(sorted(opened))}")
            if isinstance(verdict, Done):
                raise CheckFailed(f"{scenario.operation}, {what}: the verdict is done")


def _attacks(body: bytes) -> Iterator[tuple[str, bytes]]:
    text = body.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        start = text.index(">") + 1 if text.lstrip().startswith("<?") else 0
        head, rest = text[:start], text[start:]
        grown = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 8))
        bomb = f'<!DOCTYPE x [<!ENTITY e0 "lol">{grown}]>'
        file = '<!DOCTYPE x [<!ENTITY e7 SYSTEM "file:///etc/hostname">]>'
        last = rest.rindex("</", 0, rest.rindex("</"))
        for what, doctype in (("a billion laughs", bomb), ("a file of ours by XXE", file)):
            yield what, (head + doctype + rest[:last] + "&e7;" + rest[last:]).encode()
        yield "another charset than it says", body.replace(b"</", b"\xfc</", body.count(b"</"))
    else:
        at = body.rfind(b'"', 0, body.rfind(b'"') if body.count(b'"') > 1 else None)
        yield "another charset than it says", body[: at + 1] + b"\xfc" + body[at + 1 :]


def _strange_signs(candidate: Candidate) -> None:
    """What the charset of a file cannot hold must not go out as something else."""
    adapter, files = candidate.adapter(), candidate.manifest.files
    assert files  # noqa: S101 -- of a bridge of files
    for name, operation in candidate.manifest.operations.items():
        scenario, model = candidate.example(name), candidate.folder.models[operation.question]
        for field, value in scenario.question.items():
            if not isinstance(value, str) or value.isdigit():
                continue
            try:
                asked = model.model_validate({**scenario.question, field: "Nguyễn Łukasz 阮"})
                line = adapter.encode_row(name, asked, Stamp(id_of(1), "officer", operation.purposes[0]))
            except ValueError:
                continue
            try:
                line.encode(files.charset)
            except UnicodeEncodeError:
                continue
            if "Nguyễn Łukasz 阮" not in line:
                raise CheckFailed(
                    f"{name}: {field} goes out changed where {files.charset} cannot hold it: raise ValueError"
                )


def holds_up_nobody(candidate: Candidate) -> None:
    """An adapter that reads a file, opens a socket or sleeps stops every other register of the process."""
    adapter = candidate.adapter()
    for warm in (True, False):
        with watched() as did:
            for name, operation in candidate.manifest.operations.items():
                scenario = candidate.example(name)
                asked = candidate.folder.models[operation.question].model_validate_json(scenario.asked(1))
                _use(candidate, adapter, scenario, asked)
        if did and not warm:
            raise CheckFailed(f"the adapter did {', '.join(sorted(did))}: it is pure, the kit does what must be done")


def _use(candidate: Candidate, adapter: Any, scenario: Scenario, asked: BaseModel) -> None:
    stamp = Stamp(id_of(1), "officer", candidate.manifest.operations[scenario.operation].purposes[0])
    if scenario.reply:
        adapter.encode(scenario.operation, asked, stamp)
    else:
        adapter.encode_row(scenario.operation, asked, stamp)
    verdict_of(candidate, adapter, scenario)


def answers_are_of_their_moment(candidate: Candidate) -> None:
    """The kit says of which moment a kept answer is. An answer that makes its own moment would lie about it."""
    if candidate.folder.batch:
        raise DoesNotApply("a register of files has no lookups, so no kept answers")
    cached = [name for name, one in candidate.manifest.operations.items() if one.cache]
    if not cached:
        raise DoesNotApply("no lookup of this register has a cache")
    for name in cached:
        scenario = candidate.example(name)
        first, second = (verdict_of(candidate, candidate.adapter(), scenario) for _ in range(2))
        if first != second or json.dumps(_plain(first)) != json.dumps(_plain(second)):
            raise CheckFailed(f"{name}: the same answer read twice differs: it holds a moment of its own")


def _plain(verdict: Verdict) -> Any:
    return verdict.result.model_dump(mode="json") if isinstance(verdict, Done) else str(verdict)


@contextmanager
def watched() -> Iterator[set[str]]:
    """What is done in here that reaches out of the process or blocks it."""
    did: set[str] = set()
    _install()
    _watched.append(did)
    sleep = time.sleep
    time.sleep = lambda _: did.add("time.sleep")  # no audit event tells of it in this Python
    try:
        yield did
    finally:
        time.sleep = sleep
        _watched.remove(did)


def _install() -> None:
    if getattr(_install, "done", False):
        return
    _install.done = True  # type: ignore[attr-defined]  # hooks cannot be taken away again: once a process

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if _watched and event in BLOCKS:
            for did in _watched:
                did.add(event)

    sys.addaudithook(hook)
