"""Adds an example to each request, response and parameter of an OpenAPI document that has none.

Invariants: a written example is never changed; a generated one is valid against its schema.
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
MAX_DEPTH = 12  # a schema may refer to itself


def add_examples(document: dict[str, Any]) -> dict[str, Any]:
    """Changes the document in place and returns it."""
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
    """A valid value. `named`: the targets of references; `name`: the field's name, the example of a plain text."""
    if depth > MAX_DEPTH:
        return None
    if "$ref" in schema:
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        return example_of(named[schema["$ref"].rsplit("/", 1)[1]] | siblings, named, name=name, depth=depth + 1)
    for listed in ("examples", "enum"):
        if schema.get(listed):
            return schema[listed][0]
    for single in ("example", "const", "default"):
        if schema.get(single) is not None:
            return schema[single]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            first = next((option for option in schema[choice] if option.get("type") != "null"), {"type": "null"})
            return example_of(first, named, name=name, depth=depth + 1)
    return _generate(schema, named, name, depth)


def _generate(schema: Schema, named: dict[str, Schema], name: str, depth: int) -> Any:
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
