"""Decides whether a contract may change without a new version: only adding an optional field is allowed.

Invariants: the snapshots in `schemas/` are the published schemas; a model whose schema breaks its snapshot needs a new
TYPE with the next version beside the old one.
"""

import json
from importlib.resources import files
from typing import Any

from wanderamt.kernel.decision import Event

Schema = dict[str, Any]
ANNOTATIONS = frozenset({"title", "description", "examples", "default"})  # they do not decide what is valid


def schema_of(event: type[Event]) -> Schema:
    return event.model_json_schema(mode="serialization")


def published_schema(event: type[Event]) -> Schema | None:
    """The snapshot, or None for a new event."""
    path = files("wanderamt.contracts") / "schemas" / f"{event.TYPE}.json"
    if not path.is_file():
        return None
    published: Schema = json.loads(path.read_text(encoding="utf-8"))
    return published


def breaking_changes(published: Schema, now: Schema) -> list[str]:
    """Each change from `published` to `now` that breaks readers, as a sentence. Empty: the version may stay."""
    return [
        *_object_changes(published, now, "the event"),
        *(
            change
            for name, old in published.get("$defs", {}).items()
            for change in _definition_changes(name, old, now.get("$defs", {}).get(name))
        ),
    ]


def _definition_changes(name: str, old: Schema, new: Schema | None) -> list[str]:
    return [f"{name} is gone"] if new is None else _object_changes(old, new, name)


def _object_changes(old: Schema, new: Schema, name: str) -> list[str]:
    fields = {"properties", "required", "$defs", *ANNOTATIONS}
    changes = [
        f"{name}: {word} changed"
        for word in sorted((old.keys() | new.keys()) - fields)
        if old.get(word) != new.get(word)
    ]
    for field, published in old.get("properties", {}).items():
        kept = new.get("properties", {}).get(field)
        if kept is None:
            changes.append(f"{name}: field {field} is gone")
        elif _without_annotations(published) != _without_annotations(kept):
            changes.append(f"{name}: field {field} changed")
    was, needs = set(old.get("required", ())), set(new.get("required", ()))
    changes += [f"{name}: field {field} is required now" for field in sorted(needs - was)]
    changes += [f"{name}: field {field} is not always present any more" for field in sorted(was - needs)]
    return changes


def _without_annotations(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {word: _without_annotations(value) for word, value in schema.items() if word not in ANNOTATIONS}
    return [_without_annotations(item) for item in schema] if isinstance(schema, list) else schema
