"""Fills the template from a description of a register, and writes the first scenarios."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import copier
import yaml

from connector_kit.adapter import HttpReply
from connector_kit.folder import import_name
from connector_kit.scaffold.openapi import ApiDescription, DescribedOperation
from connector_kit.scenarios import outcome_name
from connector_kit.transports.http_status import outcome_of_status

TEMPLATE: Final = Path(__file__).parent / "template"
HASHES_FILE: Final = (
    ".generated.json"  # hashes of the generated files, so that `upgrade` overwrites nothing that somebody changed
)


@dataclass(frozen=True, slots=True)
class ScaffoldPlan:
    """The values for the template. `scenarios`: by file name. `extra_files`: files copied into the folder."""

    id: str
    title: str
    owner: str
    transport: str
    operations: list[dict[str, Any]]
    models: str
    scenarios: dict[str, dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)
    wsdl: str = ""
    extra_files: tuple[Path, ...] = ()

    def answers(self, package: str) -> dict[str, Any]:
        values = asdict(self)
        return {name: values[name] for name in values if name not in {"scenarios", "extra_files"}} | {
            "package": package
        }


def plan_from_openapi(id_: str, owner: str, description: ApiDescription) -> ScaffoldPlan:
    operations = [
        {
            "kind": "lookup" if operation.lookup else "command",
            "idempotency": "none",  # until the register's owner confirms that it recognises repeated orders
            **{
                name: value for name, value in asdict(operation).items() if name not in {"example", "reply", "refusals"}
            },
        }
        for operation in description.operations
    ]
    scenarios = {name: scenario for operation in description.operations for name, scenario in _scenarios(operation)}
    return ScaffoldPlan(id_, description.title, owner, "http", operations, description.models, scenarios)


def _scenarios(operation: DescribedOperation) -> Iterator[tuple[str, dict[str, Any]]]:
    common = {"operation": operation.name, "question": operation.example}
    status, body = operation.reply
    good = {"status": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
    yield f"{operation.name}-succeeded", {**common, "reply": good, "expect": {"outcome": "succeeded"}}
    for status, problem in sorted((operation.refusals or {404: {}, 401: {}}).items()):
        expect = _expected(status)
        reply = {"status": status, "headers": {"Content-Type": "application/problem+json"}, "body": json.dumps(problem)}
        yield f"{operation.name}-{status}", {**common, "reply": reply, "expect": expect}


def _expected(status: int) -> dict[str, Any]:
    outcome = outcome_of_status(HttpReply(status, {}, b""))
    if outcome:
        return {"outcome": outcome_name(outcome)}
    return {"outcome": "not_found" if status == 404 else "rejected"}


def make(plan: ScaffoldPlan, into: Path) -> Path:
    """Creates the folder. Raises FileExistsError if it exists."""
    target = into / plan.id
    if target.exists():
        raise FileExistsError(f"{target} exists already; `wanderamt bridge upgrade` updates it")
    _fill(plan.answers(import_name(target.resolve())), target)
    for file in plan.extra_files:
        shutil.copyfile(file, target / file.name)
    (target / "scenarios").mkdir()
    for name, scenario in plan.scenarios.items():
        text = json.dumps(scenario, indent=2, ensure_ascii=False)
        (target / "scenarios" / f"{name}.json").write_text(text + "\n", "utf-8")
    _store_hashes(target)
    return target


def upgrade(folder: Path) -> tuple[list[str], list[str]]:
    """(renewed files, files that somebody changed; their new text is written beside them as NAME.new)."""
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    known = json.loads((folder / HASHES_FILE).read_text("utf-8"))
    renewed, kept = [], []
    with TemporaryDirectory() as temporary:
        fresh = Path(temporary) / folder.name
        _fill({name: value for name, value in answers.items() if not name.startswith("_")}, fresh)
        for file in sorted(path for path in fresh.iterdir() if path.is_file() and not path.name.startswith(".")):
            existing = folder / file.name
            if existing.exists() and _digest(existing) == _digest(file):
                continue
            if existing.exists() and _digest(existing) != known.get(file.name):
                shutil.copyfile(file, folder / f"{file.name}.new")
                kept.append(file.name)
            else:
                shutil.copyfile(file, existing)
                renewed.append(file.name)
    if renewed:
        _store_hashes(folder, only=renewed)
    return renewed, kept


def _fill(answers: dict[str, Any], target: Path) -> None:
    copier.run_copy(str(TEMPLATE), target, data=answers, defaults=True, quiet=True, unsafe=False)
    answered = {"_src_path": "wanderamt bridge new", **answers}
    (target / ".copier-answers.yml").write_text(yaml.safe_dump(answered, allow_unicode=True), "utf-8")
    (target / "copier.yml").unlink(missing_ok=True)
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
    formatted = [ruff, "format", "--quiet", "--line-length=120", "--isolated", str(target)]
    subprocess.run(formatted, check=True, timeout=60)  # noqa: S603 -- the formatter, on generated files


def _store_hashes(folder: Path, only: list[str] | None = None) -> None:
    path = folder / HASHES_FILE
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    files = only or [path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    path.write_text(
        json.dumps(known | {name: _digest(folder / name) for name in sorted(files)}, indent=2) + "\n", "utf-8"
    )


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
