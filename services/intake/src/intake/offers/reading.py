"""From the text of a YAML file to an offer, or to what is wrong with it and in which line.

YAML has traps for people who are no programmers: a key that stands there twice silently wins, `no` is a truth value.
Keys are checked here; values are checked by the model, which takes no truth value for a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from intake.domain.catalogue.offer import Offer

MAX_BYTES = 256 * 1024
MAX_DEPTH = 30
SCHEMA_LINE = "# yaml-language-server: $schema="


@dataclass(frozen=True, slots=True)
class Fault:
    """`line` counts from 1."""

    line: int
    place: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.line), self.place, self.text) if part)


def read_offer(text: str) -> Offer | list[Fault]:
    """Never raises for what a file holds."""
    if len(text.encode()) > MAX_BYTES:
        return [Fault(1, "", f"the file has more than {MAX_BYTES // 1024} KiB")]
    try:
        if faults := list(_aliases(text)):
            return faults
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            return [Fault(1, "", "the file must hold one offer: service, authority, editions")]
        if faults := list(_twice(node, depth=0)):
            return faults
        value = yaml.SafeLoader(text).construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return [Fault(mark.line + 1 if mark else 1, "", f"not YAML: {error.problem}")]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return [Fault(1, "", f"not YAML: {type(error).__name__}")]
    try:
        return Offer.model_validate(value)
    except ValidationError as error:
        return list(dict.fromkeys(_faults(error, node)))


def schema() -> dict[str, Any]:
    """JSON Schema for editors: they complete names and mark mistakes while one writes."""
    return Offer.model_json_schema(by_alias=True) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def _aliases(text: str) -> Iterator[Fault]:
    """One line can stand for a million by aliases of aliases; nobody needs them here."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            yield Fault(line, "", "aliases (*name) are not taken: write it out")


def _twice(node: Any, *, depth: int) -> Iterator[Fault]:
    if depth > MAX_DEPTH:
        yield Fault(node.start_mark.line + 1, "", f"nested deeper than {MAX_DEPTH}")
        return
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, inner in node.value:
            if key.value in seen:
                yield Fault(key.start_mark.line + 1, str(key.value), "stands there twice")
            seen.add(key.value)
            yield from _twice(inner, depth=depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _twice(inner, depth=depth + 1)


def _faults(error: ValidationError, node: Any) -> Iterator[Fault]:
    for one in error.errors(include_url=False, include_input=False):
        place, line = _found(node, one["loc"])
        yield Fault(line, place, one["msg"].removeprefix("Value error, "))


def _found(node: Any, loc: tuple[int | str, ...]) -> tuple[str, int]:
    """The place in the file's own words: parts of the model that are no keys of the file are left out."""
    place: list[str] = []
    line = node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            for key, inner in node.value:
                if key.value == str(part):
                    node, line = inner, key.start_mark.line + 1
                    break
            else:
                continue
        else:
            continue
        place.append(str(part))
    return ".".join(place), line
