"""Reads a WSDL: its operations, models of requests and answers, a first answer."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from lxml import etree

from connector_kit.scaffold.new import ScaffoldPlan
from connector_kit.scaffold.openapi import InvalidDescriptionError, camel, snake
from connector_kit.transports.soap import NotVendoredError, SoapPort

TYPES: dict[str, tuple[str, Any]] = {
    "date": ("date", date(2026, 1, 31)),
    "dateTime": ("datetime", datetime(2026, 1, 31, 10, 0)),  # noqa: DTZ001 -- registers send local times
    "time": ("time", time(10, 0)),
    "boolean": ("bool", True),
    "decimal": ("Decimal", Decimal("1.5")),
    "double": ("float", 1.5),
    "float": ("float", 1.5),
    **dict.fromkeys(("int", "integer", "long", "short", "nonNegativeInteger", "positiveInteger"), ("int", 1)),
}


HEAD = "from datetime import date, datetime, time\nfrom decimal import Decimal\n\nfrom pydantic import BaseModel\n\n\n"


@dataclass
class _Models:
    """Sources of models by name, in the order in which they must be defined."""

    sources: dict[str, str] = field(default_factory=dict)

    def of(self, name: str, parts: list[tuple[str, Any]]) -> dict[str, Any]:
        """Adds the model of these parts; returns an example of it."""
        lines, example = [], {}
        for part, element in parts:
            annotation, value = self._part(f"{name}{camel(snake(part))}", element)
            default = "" if element.min_occurs else " = None"
            lines.append(f"    {part}: {annotation}{'' if element.min_occurs else ' | None'}{default}")
            example[part] = value
        body = "\n".join(lines) or "    pass"
        self.sources[name] = f"class {name}(BaseModel):\n{body}\n"
        return example

    def _part(self, name: str, element: Any) -> tuple[str, Any]:
        inner = getattr(element.type, "elements", None)
        if inner:
            annotation, value = name, self.of(name, inner)
        else:
            annotation, value = TYPES.get(_base(element.type), ("str", "text"))
        return (f"list[{annotation}]", [value]) if _is_many(element) else (annotation, value)


def plan_from_wsdl(id_: str, owner: str, wsdl: Path, extra_files: tuple[Path, ...] = ()) -> ScaffoldPlan:
    """Raises InvalidDescriptionError."""
    try:
        port = SoapPort(wsdl)
    except NotVendoredError as error:
        raise InvalidDescriptionError(f"{error}: download it into that folder") from error
    except (etree.LxmlError, ValueError, OSError) as error:
        raise InvalidDescriptionError(f"{wsdl.name} is not a WSDL: {type(error).__name__}") from error
    models, operations, scenarios = _Models(), [], {}
    for action in sorted(port.operations()):
        takes, gives = port.parts(action)
        name = snake(action)
        question = models.of(f"{camel(name)}Question", takes)
        answer = models.of(f"{camel(name)}Answer", gives)
        operations.append(
            {
                "name": name,
                "action": action,
                "kind": "lookup",
                "idempotency": "natural",
                "question": f"{camel(name)}Question",
                "answer": f"{camel(name)}Answer",
                "hits": _list_of_hits(gives),
            }
        )
        reply = {
            "status": 200,
            "headers": {"Content-Type": "text/xml; charset=utf-8"},
            "body": port.sample_answer(action, answer),
        }
        common = {"operation": name, "question": _json(question)}
        scenarios[f"{name}-succeeded"] = {**common, "reply": reply, "expect": {"outcome": "succeeded"}}
        page = {"status": 502, "headers": {"Content-Type": "text/html"}, "body": "<html></html>"}
        scenarios[f"{name}-gateway"] = {**common, "reply": page, "expect": {"outcome": "temporarily_unavailable"}}
    source = HEAD + "\n\n".join(models.sources.values())
    return ScaffoldPlan(
        id_, wsdl.stem, owner, "soap", operations, source, scenarios, wsdl=wsdl.name, extra_files=(wsdl, *extra_files)
    )


def _list_of_hits(parts: list[tuple[str, Any]]) -> str:
    """The part of an answer that is its only list of records."""
    lists = [name for name, part in parts if _is_many(part) and getattr(part.type, "elements", None)]
    return lists[0] if len(lists) == 1 else ""


def _is_many(element: Any) -> bool:
    return bool(element.max_occurs == "unbounded" or element.max_occurs > 1)


def _base(type_: Any) -> str:
    return str(getattr(getattr(type_, "qname", None) or getattr(type_, "name", ""), "localname", type_.name or ""))


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return (
        value
        if isinstance(value, bool | int | float | str)
        else str(value)
        if isinstance(value, Decimal)
        else value.isoformat()
    )
