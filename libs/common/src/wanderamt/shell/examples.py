"""Completes an OpenAPI document: every request, every answer and every parameter shows what it looks like.

Kept true: an example that somebody wrote is never changed; one that is made here fits its schema.
"""

from typing import Any

Schema = dict[str, Any]

JSON = "application/json"
BY_FORMAT = {
    "uuid": "0197c1c0-5f3e-7a10-8000-000000000001",
    "date-time": "2026-05-04T09:30:00+02:00",
    "date": "2026-05-04",
    "email": "zoe@mail.example",
}
MAX_DEPTH = 12  # a schema may name itself


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, changed in place."""
    named = document.get("components", {}).get("schemas", {})
    for path in document["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if "example" not in parameter and "examples" not in parameter:
                    parameter["example"] = example_of(parameter["schema"], named)
            bodies = [operation.get("requestBody", {}), *(operation["responses"].values())]
            for body in bodies:
                content = body.get("content", {}).get(JSON, {})
                if content.get("schema") and "example" not in content and "examples" not in content:
                    content["example"] = example_of(content["schema"], named)
    return document


def example_of(schema: Schema, named: dict[str, Schema], *, name: str = "", depth: int = 0) -> Any:
    """A value that fits. `named`: the schemas that references lead to; `name`: the field's, for a text of any kind."""
    if depth > MAX_DEPTH:
        return None
    if "$ref" in schema:
        written = {key: value for key, value in schema.items() if key != "$ref"}
        return example_of(named[schema["$ref"].rsplit("/", 1)[1]] | written, named, name=name, depth=depth + 1)
    for listed in ("examples", "enum"):
        if schema.get(listed):
            return schema[listed][0]
    for single in ("example", "const", "default"):
        if schema.get(single) is not None:
            return schema[single]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            first = next((one for one in schema[choice] if one.get("type") != "null"), {"type": "null"})
            return example_of(first, named, name=name, depth=depth + 1)
    return _made(schema, named, name, depth)


def _made(schema: Schema, named: dict[str, Schema], name: str, depth: int) -> Any:
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {key: example_of(value, named, name=key, depth=depth + 1) for key, value in fields.items()}
        case "array":
            return [example_of(schema["items"], named, name=name, depth=depth + 1)] if "items" in schema else []
        case "string":
            return BY_FORMAT.get(schema.get("format", ""), name or "text")
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
        case "boolean":
            return True
    return None
