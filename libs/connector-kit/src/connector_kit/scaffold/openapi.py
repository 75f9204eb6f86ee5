"""Reads an OpenAPI 3 file: how each chosen operation is called, and the models."""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml
from datamodel_code_generator import InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import DataModelType
from datamodel_code_generator.format import Formatter

from connector_kit.scaffold.samples import sample

METHODS: Final = ("get", "post", "put", "patch", "delete")
LOOKUP: Final = frozenset({"get"})


class _Loader(yaml.SafeLoader):
    """Keeps dates as text: here they are examples."""


_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for sign, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class InvalidDescriptionError(Exception):
    """What the file lacks, and how to fix it."""


@dataclass(frozen=True, slots=True)
class DescribedOperation:
    """One operation, in the form that the template needs."""

    name: str
    method: str
    path: str
    question: str
    answer: str
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str = ""
    names: dict[str, str] = field(default_factory=dict)
    example: dict[str, Any] = field(default_factory=dict)
    reply: Any = None
    refusals: dict[int, Any] = field(default_factory=dict)
    hits: str = ""

    @property
    def lookup(self) -> bool:
        return self.method.lower() in LOOKUP


@dataclass(frozen=True, slots=True)
class ApiDescription:
    title: str
    operations: tuple[DescribedOperation, ...]
    models: str


def read_openapi(path: Path, wanted: list[str]) -> ApiDescription:
    """`wanted`: operation ids; empty: all. Raises InvalidDescriptionError."""
    try:
        document: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 -- a safe loader; JSON is YAML
        paths = document["paths"]
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise InvalidDescriptionError(f"{path.name} is not an OpenAPI 3 file: {type(error).__name__}") from error
    if not str(document.get("openapi", "")).startswith("3"):
        raise InvalidDescriptionError(f"{path.name} is not OpenAPI 3: convert it first")
    known = {
        operation.get("operationId", f"{method}{path_}"): (method, path_, shared, operation)
        for path_, item in paths.items()
        for method, operation in item.items()
        if method in METHODS
        for shared in [item.get("parameters", [])]
    }
    if unknown := [operation_id for operation_id in wanted if operation_id not in known]:
        raise InvalidDescriptionError(f"unknown operation {unknown[0]}; known: {', '.join(sorted(known))}")
    definitions = dict(document.get("components", {}).get("schemas", {}))
    called = tuple(
        _called(document, definitions, operation_id, *known[operation_id]) for operation_id in (wanted or sorted(known))
    )
    return ApiDescription(str(document["info"].get("title", path.stem)), called, _models(definitions, called))


def _called(
    document: dict[str, Any],
    definitions: dict[str, Any],
    operation_id: str,
    method: str,
    path: str,
    shared: list[Any],
    operation: dict[str, Any],
) -> DescribedOperation:
    name = snake(operation_id)
    parts: dict[str, list[str]] = {"path": [], "query": [], "header": []}
    properties: dict[str, Any] = {}
    required: list[str] = []
    names: dict[str, str] = {}
    for item in [*shared, *operation.get("parameters", [])]:
        parameter = _resolved(document, item)
        if parameter.get("in") not in parts:
            continue
        field_name = snake(parameter["name"])
        parts[parameter["in"]].append(field_name)
        names |= {field_name: parameter["name"]} if field_name != parameter["name"] else {}
        properties[field_name] = parameter.get("schema", {"type": "string"})
        if parameter.get("required"):
            required.append(field_name)
    for field_name, parameter_name in names.items():
        path = path.replace(f"{{{parameter_name}}}", f"{{{field_name}}}")
    body = _json_of(_resolved(document, operation.get("requestBody", {})).get("content", {}))
    if body:
        properties["body"] = body
        required.append("body")
    question, answer = f"{camel(name)}Question", f"{camel(name)}Answer"
    definitions[question] = {"type": "object", "properties": properties, "required": required}
    status, response = _first_success(document, operation)
    definitions[answer] = _json_of(response.get("content", {})) or {"type": "object", "properties": {}}
    example = {field_: sample(properties[field_], definitions) for field_ in properties if field_ in required}
    return DescribedOperation(
        name=name,
        method=method.upper(),
        path=path,
        question=question,
        answer=answer,
        query=tuple(parts["query"]),
        headers=tuple(parts["header"]),
        body="body" if body else "",
        names={
            field_name: parameter_name
            for field_name, parameter_name in names.items()
            if field_name not in parts["path"]
        },
        example=example,
        reply=(status, sample(definitions[answer], definitions)),
        refusals=_refusals(document, operation),
        hits=_list_of_hits(definitions[answer], definitions) if method in LOOKUP else "",
    )


def _list_of_hits(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The field of a lookup's answer that holds the hits: its only list of objects; "root" if it is a list itself."""
    schema = _schema_of(schema, definitions)
    if schema.get("type") == "array":
        return "root"
    lists = [name for name, part in _properties(schema, definitions).items() if _holds_objects(part, definitions)]
    return snake(lists[0]) if len(lists) == 1 else ""


def _properties(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    parts = [_schema_of(part, definitions) for part in schema.get("allOf", ())]
    inherited = [_properties(part, definitions) for part in parts]
    return {name: part for parts in (*inherited, schema.get("properties", {})) for name, part in parts.items()}


def _holds_objects(part: dict[str, Any], definitions: dict[str, Any]) -> bool:
    part = _schema_of(part, definitions)
    if part.get("type") != "array":
        return False
    element = _schema_of(part.get("items", {}), definitions)
    return element.get("type") == "object" or not {"properties", "allOf", "oneOf", "anyOf"}.isdisjoint(element)


def _schema_of(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema


def _first_success(document: dict[str, Any], operation: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    for status, response in sorted(operation.get("responses", {}).items(), key=lambda item: str(item[0])):
        if str(status).startswith("2") and str(status).isdigit():
            return int(status), _resolved(document, response)
    return 200, {}


def _refusals(document: dict[str, Any], operation: dict[str, Any]) -> dict[int, Any]:
    """Documented 4xx answers, with their example if there is one."""
    refusals: dict[int, Any] = {}
    for status, response in operation.get("responses", {}).items():
        if not re.fullmatch(r"4\d\d", str(status)):
            continue
        content = _resolved(document, response).get("content", {})
        refusals[int(status)] = next((media["example"] for media in content.values() if "example" in media), {})
    return refusals


def _json_of(content: dict[str, Any]) -> dict[str, Any] | None:
    for content_type, media in content.items():
        if "json" in content_type:
            schema: dict[str, Any] = media.get("schema", {})
            return schema
    return None


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        target: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        part = target
    return part


def _models(definitions: dict[str, Any], called: tuple[DescribedOperation, ...]) -> str:
    """Python source of the models that these operations use, directly or indirectly."""
    wanted: set[str] = set()
    more = [name for operation in called for name in (operation.question, operation.answer)]
    while more:
        name = more.pop()
        if name in definitions and name not in wanted:
            wanted.add(name)  # also the schemas to which a discriminator maps its values
            more += re.findall(r'"#/[^"]*/([^"/]+)"', json.dumps(definitions[name]))
    reached = {name: definitions[name] for name in sorted(wanted)}
    schema = {"openapi": "3.0.3", "info": {"title": "", "version": ""}, "paths": {}, "components": {"schemas": reached}}
    with TemporaryDirectory() as folder:
        target = Path(folder) / "models.py"
        generate(
            json.dumps(schema),
            input_file_type=InputFileType.OpenAPI,
            output=target,
            output_model_type=DataModelType.PydanticV2BaseModel,
            target_python_version=PythonVersion.PY_311,
            use_standard_collections=True,
            use_union_operator=True,
            disable_timestamp=True,
            snake_case_field=True,
            allow_population_by_field_name=True,
            set_default_enum_member=True,
            use_annotated=True,
            formatters=[Formatter.RUFF_FORMAT],
        )
        source = target.read_text("utf-8")
    ast.parse(source)
    return source[source.index("from __future__") :] if "from __future__" in source else source


def snake(text: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:40]


def camel(text: str) -> str:
    return "".join(word.capitalize() for word in text.split("_"))
