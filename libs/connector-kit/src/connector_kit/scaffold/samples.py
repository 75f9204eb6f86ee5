"""A sample value for a JSON Schema: for the first scenarios, until real answers are recorded."""

from typing import Any

from hypothesis import find
from hypothesis import strategies as st

FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T10:00:00Z",
    "uuid": "01900000-0000-7000-8000-00000000000a",
    "uri": "https://register.example/1",
    "email": "somebody@example.org",
    "time": "10:00:00",
}
MAX_DEPTH = 6


def sample(schema: Any, definitions: dict[str, Any], *, depth: int = 0) -> Any:
    """The smallest value that fits, with the schema's examples and defaults where present."""
    if not isinstance(schema, dict):
        return "text"
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rpartition("/")[2]], definitions, depth=depth + 1)
    for keyword in ("const", "example", "default"):
        if schema.get(keyword) is not None:
            return schema[keyword]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    if parts := schema.get("allOf"):
        return _merged(parts, definitions, depth)
    for choice in ("anyOf", "oneOf"):
        if options := [option for option in schema.get(choice, ()) if option.get("type") != "null"]:
            return sample(options[0], definitions, depth=depth + 1)
    return _plain(schema, definitions, depth)


def _merged(parts: list[Any], definitions: dict[str, Any], depth: int) -> Any:
    made = [sample(part, definitions, depth=depth + 1) for part in parts]
    objects = [value for value in made if isinstance(value, dict)]
    return {name: value for item in objects for name, value in item.items()} if objects else made[0]


def _plain(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "object" | None if "properties" in schema or schema.get("type") == "object":
            wanted = schema.get("required", ()) if depth >= MAX_DEPTH else schema.get("properties", {})
            return {
                name: sample(schema["properties"][name], definitions, depth=depth + 1)
                for name in wanted
                if name in schema.get("properties", {}) and (depth < 4 or name in schema.get("required", ()))
            }
        case "array":
            few = max(1, schema.get("minItems", 1)) if depth < MAX_DEPTH else schema.get("minItems", 0)
            return [sample(schema.get("items", {}), definitions, depth=depth + 1) for _ in range(few)]
        case "integer":
            return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        case "number":
            return float(schema.get("minimum", 1.5))
        case "boolean":
            return True
    return _word(schema)


def _word(schema: dict[str, Any]) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if pattern := schema.get("pattern"):
        least = schema.get("minLength", 1)
        return str(find(st.from_regex(pattern, fullmatch=pattern.startswith("^")), lambda text: len(text) >= least))
    return "text".ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 100)]
