"""A layout.toml, and what a bridge of files needs of it.

charset = "iso-8859-15"
separator = ";"
operation = "register_dog"
fields = ["name", "chip"]
answer = "number"
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connector_kit.manifest import Name
from connector_kit.scaffold.new import Plan
from connector_kit.scaffold.openapi import BadDescription, camel

ID = "01900000-0000-7000-8000-000000000001"


class Layout(BaseModel):
    model_config = ConfigDict(extra="forbid")

    operation: Name
    fields: list[Name] = Field(min_length=1)
    answer: Name
    charset: str = "utf-8"
    separator: str = Field(";", min_length=1, max_length=1)


def of_layout(id_: str, owner: str, file: Path) -> Plan:
    """Raises BadDescription."""
    try:
        layout = Layout.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadDescription(f"{file.name}: {error}") from error
    question, answer = f"{camel(layout.operation)}Question", f"{camel(layout.operation)}Answer"
    fields = "".join(f"    {name}: str\n" for name in layout.fields)
    models = (
        f"from pydantic import BaseModel\n\n\nclass {question}(BaseModel):\n{fields}\n\nclass {answer}(BaseModel):\n"
    )
    operation = {"name": layout.operation, "kind": "batch", "effect": "key", "question": question, "answer": answer}
    asked = dict.fromkeys(layout.fields, "text")
    about = {"operation": layout.operation, "question": asked, "vary": {layout.fields[0]: "text {n}"}}
    row = layout.separator.join
    scenarios = {
        "done": {**about, "line": row([ID, "OK", "17"]), "expect": {"verdict": "done"}},
        "refused": {**about, "line": row([ID, "NO", "FULL"]), "expect": {"verdict": "rejected", "code": "full"}},
        "cut": {**about, "line": ID[:20], "expect": {"verdict": "malformed"}},
    }
    told = layout.model_dump()
    return Plan(id_, id_, owner, "sftp", [operation], f"{models}    {layout.answer}: str\n", scenarios, layout=told)
