"""An OpenAPI 3 file, and what a bridge needs of it: how each chosen operation is called, and the models."""

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
    """Dates stay text: they are examples here."""


_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for sign, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class BadDescription(Exception):
    """What the file lacks, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Called:
    """One operation, as the template wants it."""

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

    @property
    def lookup(self) -> bool:
        return self.method.lower() in LOOKUP


@dataclass(frozen=True, slots=True)
class Description:
    title: str
    called: tuple[Called, ...]
    models: str


def read_openapi(path: Path, wanted: list[str]) -> Description:
    """`wanted`: operation ids; none: all. Raises BadDescription."""
    try:
        document: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 -- a safe loader; JSON is YAML
        paths = document["paths"]
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise BadDescription(f"{path.name} is no OpenAPI 3 file: {type(error).__name__}") from error
    if not str(document.get("openapi", "")).startswith("3"):
        raise BadDescription(f"{path.name} is not OpenAPI 3: convert it first")
    found = {
        operation.get("operationId", f"{method}{where}"): (method, where, shared, operation)
        for where, item in paths.items()
        for method, operation in item.items()
        if method in METHODS
        for shared in [item.get("parameters", [])]
    }
    if unknown := [one for one in wanted if one not in found]:
        raise BadDescription(f"no operation {unknown[0]}; there are: {', '.join(sorted(found))}")
    definitions = dict(document.get("components", {}).get("schemas", {}))
    called = tuple(_called(document, definitions, one, *found[one]) for one in (wanted or sorted(found)))
    return Description(str(document["info"].get("title", path.stem)), called, _models(definitions, called))


def _called(
    document: dict[str, Any],
    definitions: dict[str, Any],
    operation_id: str,
    method: str,
    path: str,
    shared: list[Any],
    operation: dict[str, Any],
) -> Called:
    name = snake(operation_id)
    parts: dict[str, list[str]] = {"path": [], "query": [], "header": []}
    properties: dict[str, Any] = {}
    required: list[str] = []
    names: dict[str, str] = {}
    for told in [*shared, *operation.get("parameters", [])]:
        one = _resolved(document, told)
        if one.get("in") not in parts:
            continue
        mine = snake(one["name"])
        parts[one["in"]].append(mine)
        names |= {mine: one["name"]} if mine != one["name"] else {}
        properties[mine] = one.get("schema", {"type": "string"})
        if one.get("required"):
            required.append(mine)
    for mine, theirs in names.items():
        path = path.replace(f"{{{theirs}}}", f"{{{mine}}}")
    body = _json_of(_resolved(document, operation.get("requestBody", {})).get("content", {}))
    if body:
        properties["body"] = body
        required.append("body")
    question, answer = f"{camel(name)}Question", f"{camel(name)}Answer"
    definitions[question] = {"type": "object", "properties": properties, "required": required}
    status, told = _good(document, operation)
    definitions[answer] = _json_of(told.get("content", {})) or {"type": "object", "properties": {}}
    example = {one: sample(properties[one], definitions) for one in properties if one in required}
    return Called(
        name=name,
        method=method.upper(),
        path=path,
        question=question,
        answer=answer,
        query=tuple(parts["query"]),
        headers=tuple(parts["header"]),
        body="body" if body else "",
        names={mine: theirs for mine, theirs in names.items() if mine not in parts["path"]},
        example=example,
        reply=(status, sample(definitions[answer], definitions)),
        refusals=_refusals(document, operation),
    )


def _good(document: dict[str, Any], operation: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    for status, told in sorted(operation.get("responses", {}).items(), key=lambda one: str(one[0])):
        if str(status).startswith("2") and str(status).isdigit():
            return int(status), _resolved(document, told)
    return 200, {}


def _refusals(document: dict[str, Any], operation: dict[str, Any]) -> dict[int, Any]:
    """Documented answers of status 4xx that have an example."""
    found: dict[int, Any] = {}
    for status, told in operation.get("responses", {}).items():
        if not re.fullmatch(r"4\d\d", str(status)):
            continue
        content = _resolved(document, told).get("content", {})
        found[int(status)] = next((one["example"] for one in content.values() if "example" in one), {})
    return found


def _json_of(content: dict[str, Any]) -> dict[str, Any] | None:
    for kind, told in content.items():
        if "json" in kind:
            schema: dict[str, Any] = told.get("schema", {})
            return schema
    return None


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        part = found
    return part


def _models(definitions: dict[str, Any], called: tuple[Called, ...]) -> str:
    """Python source of the models that these operations reach, and of no other."""
    wanted: set[str] = set()
    more = [name for one in called for name in (one.question, one.answer)]
    while more:
        name = more.pop()
        if name not in wanted:
            wanted.add(name)
            more += re.findall(r'"\$ref": "#/[^"]*/([^"/]+)"', json.dumps(definitions[name]))
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
