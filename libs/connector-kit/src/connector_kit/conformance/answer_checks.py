"""Checks of what an answer says: an empty one is no success, and of two hits none is taken for the answer.

Each check changes the recorded answers of a bridge: it empties them, and it doubles what they contain.
"""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from connector_kit.adapter import AnswerRow
from connector_kit.call_outcome import CallOutcome, Succeeded, holds_nothing
from connector_kit.conformance.static_checks import outcome_of
from connector_kit.conformance.subject import BridgeUnderTest, CheckFailedError, NotApplicableError
from connector_kit.manifest.operation import OperationKind
from connector_kit.scenarios import RecordedReply, Scenario

Path = tuple[str | int, ...]
BODIES_WITHOUT_CONTENT = ("", "{}", "[]", "null")
BODY_TAG = "Body"


def empty_answers_are_no_success(subject: BridgeUnderTest) -> None:
    """An operation whose answer has no fields says everything by its status."""
    adapter = subject.adapter()
    for scenario in _successes(subject):
        if scenario.line is not None:
            _empty_lines_are_no_success(adapter, scenario)
            continue
        before = outcome_of(subject, adapter, scenario)
        if not isinstance(before, Succeeded) or not type(before.result).model_fields:
            continue
        for situation, body in _emptied(_text_of(scenario)):
            if isinstance(outcome_of(subject, adapter, _with_body(scenario, body)), Succeeded):
                raise CheckFailedError(f"{scenario.operation}: {situation} is read as succeeded, but it says nothing")
        for place, body in _without_parts(_text_of(scenario)):
            after = outcome_of(subject, adapter, _with_body(scenario, body))
            if isinstance(after, Succeeded) and holds_nothing(after.result.model_dump(mode="json")):
                raise CheckFailedError(f"{scenario.operation}: an answer with nothing in {place} is read as succeeded")
            if lost := _lost_lists(subject, scenario, before, after):
                raise CheckFailedError(
                    f"{scenario.operation}: {lost} without an element is read as succeeded; if nobody asks for it, "
                    "name it in may_be_empty of bridge.toml"
                )


def two_hits_are_never_the_first(subject: BridgeUnderTest) -> None:
    if subject.folder.uses_files:
        raise NotApplicableError("a line of a file answers the order with its id")
    adapter = subject.adapter()

    def result_of(scenario: Scenario, body: str) -> Any:
        """The result as JSON; None unless the answer is read as succeeded."""
        outcome = outcome_of(subject, adapter, _with_body(scenario, body))
        return outcome.result.model_dump(mode="json") if isinstance(outcome, Succeeded) else None

    for scenario in _successes(subject):
        text = _text_of(scenario)
        alone = result_of(scenario, text)
        if alone is None:
            continue
        for place, doubled, without in _doubled(text):
            if result_of(scenario, without) == alone:
                continue  # nothing in the result comes from there
            if result_of(scenario, doubled) == alone:
                raise CheckFailedError(
                    f"{scenario.operation}: {place} twice is read as if it were there once: two hits are ambiguous"
                )


def _successes(subject: BridgeUnderTest) -> Iterator[Scenario]:
    return (scenario for scenario in subject.scenarios if scenario.expect.outcome == "succeeded")


def _empty_lines_are_no_success(adapter: Any, scenario: Scenario) -> None:
    assert scenario.line  # noqa: S101 -- the caller has asked
    row = adapter.read_row(scenario.line)
    if not isinstance(row, AnswerRow) or not isinstance(row.outcome, Succeeded):
        return
    line = scenario.line
    for value in map(str, row.outcome.result.model_dump(mode="json").values()):
        line = line.replace(value, "")
    emptied = adapter.read_row(line)
    if isinstance(emptied, AnswerRow) and isinstance(emptied.outcome, Succeeded):
        raise CheckFailedError(f"{scenario.operation}: a line without the values of its answer is read as succeeded")


def _lost_lists(subject: BridgeUnderTest, scenario: Scenario, before: CallOutcome, after: CallOutcome) -> str:
    """The list of a lookup's answer that was there before and is empty after; that of an order tells a detail."""
    rules = subject.manifest.operations[scenario.operation]
    if rules.kind is not OperationKind.LOOKUP or not isinstance(before, Succeeded) or not isinstance(after, Succeeded):
        return ""
    was, became = before.result.model_dump(mode="json"), after.result.model_dump(mode="json")
    if not isinstance(was, dict):
        return "the list" if was and not became else ""
    emptied = [name for name, value in was.items() if isinstance(value, list) and value and not became.get(name)]
    return next((name for name in emptied if name not in rules.may_be_empty), "")


def _text_of(scenario: Scenario) -> str:
    assert scenario.reply  # noqa: S101 -- a reply or a line
    return scenario.reply.to_http_reply().body.decode("utf-8", "replace")


def _with_body(scenario: Scenario, body: str) -> Scenario:
    assert scenario.reply  # noqa: S101 -- as above
    reply = RecordedReply(status=scenario.reply.status, headers=scenario.reply.headers, body=body)
    return scenario.model_copy(update={"reply": reply})


def _is_xml(text: str) -> bool:
    return text.lstrip().startswith("<")


def _emptied(text: str) -> Iterator[tuple[str, str]]:
    """(what it is, the body): answers of which nothing is left."""
    yield from ((f"the body {body!r}", body) for body in BODIES_WITHOUT_CONTENT)
    if _is_xml(text):
        for situation, keep in (("a body without an answer", 0), ("an answer without parts", 1)):
            envelope = _parsed(text)
            for parent in _parts_of(envelope) if keep else [_body_of(envelope)]:
                parent.text = None
                parent[:] = []
            yield situation, _serialized(envelope)
        envelope = _parsed(text)
        for element in envelope.iter():
            element.text = None if not len(element) else element.text
        yield "an answer with empty texts", _serialized(envelope)
    elif (content := _json_of(text)) is not None:
        yield "an answer with empty values", json.dumps(_blank(content))


def _without_parts(text: str) -> Iterator[tuple[str, str]]:
    """(what is emptied, the body): once each list, each object, or each part of a SOAP answer."""
    if _is_xml(text):
        for name in {element.tag for part in _parts_of(_parsed(text)) for element in part}:
            envelope = _parsed(text)
            for part in _parts_of(envelope):
                part[:] = [element for element in part if element.tag != name]
            yield _local(name), _serialized(envelope)
    elif (content := _json_of(text)) is not None:
        for kind in (list, dict):
            yield from ((_name(path), json.dumps(_replaced(content, path, kind()))) for path in _paths(content, kind))


def _doubled(text: str) -> Iterator[tuple[str, str, str]]:
    """(what is doubled, the body with it twice, the body without it)."""
    if _is_xml(text):
        count = len(list(_body_of(_parsed(text)).iter()))
        yield from (_doubled_element(text, place) for place in range(1, count))
    elif (content := _json_of(text)) is not None:
        if isinstance(content, dict):
            yield "the answer", json.dumps([content, content]), "[]"
        for path in _paths(content, list):
            elements = _at(content, path)
            yield (
                f"the content of {_name(path)}",
                json.dumps(_replaced(content, path, [*elements, *elements])),
                json.dumps(_replaced(content, path, [])),
            )


def _doubled_element(text: str, place: int) -> tuple[str, str, str]:
    """`place`: in the order of the document."""
    bodies = []
    for copies in (2, 0):
        envelope = _parsed(text)
        body = _body_of(envelope)
        element = list(body.iter())[place]
        parent = next(other for other in body.iter() if element in list(other))
        at = list(parent).index(element)
        parent[at : at + 1] = [copy.deepcopy(element) for _ in range(copies)]
        bodies.append(_serialized(envelope))
    return _local(element.tag), bodies[0], bodies[1]


def _parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())  # noqa: S314 -- a recorded answer in the folder of the bridge


def _serialized(envelope: ElementTree.Element) -> str:
    return ElementTree.tostring(envelope, encoding="unicode")


def _body_of(envelope: ElementTree.Element) -> ElementTree.Element:
    """Of a SOAP envelope; other XML is its own body."""
    return next((element for element in envelope if _local(element.tag) == BODY_TAG), envelope)


def _parts_of(envelope: ElementTree.Element) -> list[ElementTree.Element]:
    return list(_body_of(envelope))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _json_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _blank(content: Any) -> Any:
    """The same form without any value: empty texts and lists; numbers, yes and no are absent."""
    if isinstance(content, dict):
        kept = {name: _blank(value) for name, value in content.items()}
        return {name: value for name, value in kept.items() if value is not None}
    if isinstance(content, list):
        return []
    return "" if isinstance(content, str) else None


def _paths(content: Any, kind: type, path: Path = ()) -> Iterator[Path]:
    """Where lists or objects are that are not empty."""
    if isinstance(content, kind) and content:
        yield path
    children = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in children:
        yield from _paths(value, kind, (*path, key))


def _at(content: Any, path: Sequence[str | int]) -> Any:
    for key in path:
        content = content[key]
    return content


def _replaced(content: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(content)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _name(path: Path) -> str:
    return ".".join(map(str, path)) or "the answer"
