"""Whether a contract may change without a new version: adding an optional field is fine, nothing else is.

Kept true: the snapshots in `schemas/` are what was promised to the outside; a model whose schema breaks its snapshot
needs a new TYPE with the next version beside the old one.
"""

import json
from importlib.resources import files
from typing import Any

from wanderamt.kernel.decision import Event

Schema = dict[str, Any]
WORDS = frozenset({"title", "description", "examples", "default"})  # say nothing about what is valid


def schema_of(event: type[Event]) -> Schema:
    return event.model_json_schema(mode="serialization")


def snapshot_of(event: type[Event]) -> Schema | None:
    """What was promised, or None for an event that is new."""
    path = files("wanderamt.contracts") / "schemas" / f"{event.TYPE}.json"
    if not path.is_file():
        return None
    promised: Schema = json.loads(path.read_text(encoding="utf-8"))
    return promised


def breaks(promised: Schema, now: Schema) -> list[str]:
    """Each way in which `now` breaks what was promised, as a sentence. Empty: it may stand under the same version."""
    return [
        *_object_breaks(promised, now, "the event"),
        *(
            complaint
            for name, old in promised.get("$defs", {}).items()
            for complaint in _definition_breaks(name, old, now.get("$defs", {}).get(name))
        ),
    ]


def _definition_breaks(name: str, old: Schema, new: Schema | None) -> list[str]:
    return [f"{name} is gone"] if new is None else _object_breaks(old, new, name)


def _object_breaks(old: Schema, new: Schema, name: str) -> list[str]:
    fields = {"properties", "required", "$defs", *WORDS}
    found = [
        f"{name}: {word} changed"
        for word in sorted((old.keys() | new.keys()) - fields)
        if old.get(word) != new.get(word)
    ]
    for field, promised in old.get("properties", {}).items():
        kept = new.get("properties", {}).get(field)
        if kept is None:
            found.append(f"{name}: field {field} is gone")
        elif _bare(promised) != _bare(kept):
            found.append(f"{name}: field {field} changed")
    was, needs = set(old.get("required", ())), set(new.get("required", ()))
    found += [f"{name}: field {field} is required now" for field in sorted(needs - was)]
    found += [f"{name}: field {field} is not always there any more" for field in sorted(was - needs)]
    return found


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {word: _bare(value) for word, value in schema.items() if word not in WORDS}
    return [_bare(one) for one in schema] if isinstance(schema, list) else schema
