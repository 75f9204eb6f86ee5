"""Reads a layout.toml, the description of a register that exchanges files:

charset = "iso-8859-15"
separator = ";"
operation = "register_dog"
fields = ["name", "chip"]
answer = "number"
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connector_kit.manifest.section import Name
from connector_kit.scaffold.new import ScaffoldPlan
from connector_kit.scaffold.openapi import InvalidDescriptionError, camel

ID = "01900000-0000-7000-8000-000000000001"


class FileLayout(BaseModel):
    model_config = ConfigDict(extra="forbid")

    operation: Name
    fields: list[Name] = Field(min_length=1)
    answer: Name
    charset: str = "utf-8"
    separator: str = Field(";", min_length=1, max_length=1)


def plan_from_layout(id_: str, owner: str, file: Path) -> ScaffoldPlan:
    """Raises InvalidDescriptionError."""
    try:
        layout = FileLayout.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InvalidDescriptionError(f"{file.name}: {error}") from error
    question, answer = f"{camel(layout.operation)}Question", f"{camel(layout.operation)}Answer"
    fields = "".join(f"    {name}: str\n" for name in layout.fields)
    models = (
        f"from pydantic import BaseModel\n\n\nclass {question}(BaseModel):\n{fields}\n\nclass {answer}(BaseModel):\n"
    )
    operation = {
        "name": layout.operation,
        "kind": "batch",
        "idempotency": "by_key",
        "question": question,
        "answer": answer,
    }
    example = dict.fromkeys(layout.fields, "text")
    common = {"operation": layout.operation, "question": example, "vary": {layout.fields[0]: "text {n}"}}
    row = layout.separator.join
    scenarios = {
        "succeeded": {**common, "line": row([ID, "OK", "17"]), "expect": {"outcome": "succeeded"}},
        "refused": {**common, "line": row([ID, "NO", "FULL"]), "expect": {"outcome": "rejected", "code": "full"}},
        "cut": {**common, "line": ID[:20], "expect": {"outcome": "unreadable_response"}},
    }
    values = layout.model_dump()
    return ScaffoldPlan(
        id_, id_, owner, "sftp", [operation], f"{models}    {layout.answer}: str\n", scenarios, layout=values
    )
