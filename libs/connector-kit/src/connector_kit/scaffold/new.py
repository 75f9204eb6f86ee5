"""Fills the template from what describes a register, and writes first scenarios."""

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
from connector_kit.bridge import by_status
from connector_kit.folder import importable
from connector_kit.scaffold.openapi import Called, Description
from connector_kit.scenarios import name_of

TEMPLATE: Final = Path(__file__).parents[1] / "template"
MADE: Final = ".made.json"  # hashes of what was made, so that `upgrade` touches nothing that somebody changed


@dataclass(frozen=True, slots=True)
class Plan:
    """What the template is filled with. `scenarios`: by file name. `beside`: files that are copied."""

    id: str
    title: str
    owner: str
    transport: str
    operations: list[dict[str, Any]]
    models: str
    scenarios: dict[str, dict[str, Any]]
    layout: dict[str, Any] = field(default_factory=dict)
    wsdl: str = ""
    beside: tuple[Path, ...] = ()

    def answers(self, package: str) -> dict[str, Any]:
        told = asdict(self)
        return {name: told[name] for name in told if name not in {"scenarios", "beside"}} | {"package": package}


def of_openapi(id_: str, owner: str, description: Description) -> Plan:
    operations = [
        {
            "kind": "lookup" if one.lookup else "command",
            "effect": "unsafe",  # until its owner has said that it knows an order again
            **{name: value for name, value in asdict(one).items() if name not in {"example", "reply", "refusals"}},
        }
        for one in description.called
    ]
    scenarios = {name: told for one in description.called for name, told in _scenarios(one)}
    return Plan(id_, description.title, owner, "http", operations, description.models, scenarios)


def _scenarios(one: Called) -> Iterator[tuple[str, dict[str, Any]]]:
    about = {"operation": one.name, "question": one.example}
    status, body = one.reply
    good = {"status": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
    yield f"{one.name}-done", {**about, "reply": good, "expect": {"verdict": "done"}}
    for refused, told in sorted((one.refusals or {404: {}, 401: {}}).items()):
        expect = _expected(refused)
        reply = {"status": refused, "headers": {"Content-Type": "application/problem+json"}, "body": json.dumps(told)}
        yield f"{one.name}-{refused}", {**about, "reply": reply, "expect": expect}


def _expected(status: int) -> dict[str, Any]:
    verdict = by_status(HttpReply(status, {}, b""))
    if verdict:
        return {"verdict": name_of(verdict)}
    return {"verdict": "not_found" if status == 404 else "rejected"}


def make(plan: Plan, into: Path) -> Path:
    """The new folder. Raises FileExistsError where it is there already."""
    target = into / plan.id
    if target.exists():
        raise FileExistsError(f"{target} is there already; `wanderamt bridge upgrade` brings it up to date")
    _fill(plan.answers(importable(target.resolve())), target)
    for file in plan.beside:
        shutil.copyfile(file, target / file.name)
    (target / "scenarios").mkdir()
    for name, told in plan.scenarios.items():
        text = json.dumps(told, indent=2, ensure_ascii=False)
        (target / "scenarios" / f"{name}.json").write_text(text + "\n", "utf-8")
    _remember(target)
    return target


def upgrade(folder: Path) -> tuple[list[str], list[str]]:
    """(made anew, left alone because somebody changed them; the new text lies beside them as NAME.new)."""
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    known = json.loads((folder / MADE).read_text("utf-8"))
    renewed, kept = [], []
    with TemporaryDirectory() as temporary:
        fresh = Path(temporary) / folder.name
        _fill({name: value for name, value in answers.items() if not name.startswith("_")}, fresh)
        for file in sorted(one for one in fresh.iterdir() if one.is_file() and not one.name.startswith(".")):
            mine = folder / file.name
            if mine.exists() and _digest(mine) == _digest(file):
                continue
            if mine.exists() and _digest(mine) != known.get(file.name):
                shutil.copyfile(file, folder / f"{file.name}.new")
                kept.append(file.name)
            else:
                shutil.copyfile(file, mine)
                renewed.append(file.name)
    if renewed:
        _remember(folder, only=renewed)
    return renewed, kept


def _fill(answers: dict[str, Any], target: Path) -> None:
    copier.run_copy(str(TEMPLATE), target, data=answers, defaults=True, quiet=True, unsafe=False)
    answered = {"_src_path": "wanderamt bridge new", **answers}
    (target / ".copier-answers.yml").write_text(yaml.safe_dump(answered, allow_unicode=True), "utf-8")
    (target / "copier.yml").unlink(missing_ok=True)
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
    formatted = [ruff, "format", "--quiet", "--line-length=120", "--isolated", str(target)]
    subprocess.run(formatted, check=True, timeout=60)  # noqa: S603 -- the formatter, on what we just wrote


def _remember(folder: Path, only: list[str] | None = None) -> None:
    path = folder / MADE
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    files = only or [one.name for one in folder.iterdir() if one.is_file() and not one.name.startswith(".")]
    path.write_text(
        json.dumps(known | {name: _digest(folder / name) for name in sorted(files)}, indent=2) + "\n", "utf-8"
    )


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
