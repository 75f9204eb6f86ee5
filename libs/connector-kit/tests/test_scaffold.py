"""A new bridge from what describes its register: made, filled in where it says so, checked, upgraded."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from connector_kit.cli import commands
from connector_kit.folder import read_folder
from typer.testing import CliRunner

OPENAPI = """
openapi: 3.0.3
info: {title: Lost property office, version: "1"}
paths:
  /items/{itemId}:
    get:
      operationId: findItem
      parameters:
        - {name: itemId, in: path, required: true, schema: {type: string, pattern: "^[0-9]{6}$"}}
        - {name: X-Office, in: header, schema: {type: string}}
        - {name: lang, in: query, schema: {type: string, enum: [de, en]}}
      responses:
        "200": {description: found, content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}
        "404": {description: none}
  /items:
    post:
      operationId: handIn
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}
      responses:
        "201": {description: kept, content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}
        "409": {description: known, content: {application/problem+json: {example: {type: "https://x.example/known"}}}}
components:
  schemas:
    Item:
      type: object
      required: [number, foundOn]
      properties:
        number: {type: string, example: "000017"}
        foundOn: {type: string, format: date}
        where: {type: string}
"""
LAYOUT = """
operation = "register_stall"
charset = "iso-8859-15"
fields = ["holder", "goods"]
answer = "place"
"""
TIDES = Path(__file__).with_name("tides.wsdl")
runner = CliRunner()


def new(folder: Path, name: str, *described: str) -> Path:
    done = runner.invoke(commands, ["new", name, "--into", str(folder), *described])
    assert done.exit_code == 0, done.output
    manifest = folder / name / "bridge.toml"
    manifest.write_text(manifest.read_text().replace("say-the-law-here", "FundG-4"))
    return folder / name


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wanderamt.shell", "bridge", "verify", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def described(tmp_path: Path, kind: str) -> tuple[str, str]:
    text = {"openapi": OPENAPI, "sftp": LAYOUT, "wsdl": TIDES.read_text()}[kind]
    file = tmp_path / f"register.{kind}"
    file.write_text(text)
    return f"--{kind}", str(file)


@pytest.mark.parametrize("kind", ["openapi", "wsdl", "sftp"])
def test_a_new_bridge_passes_once_its_law_is_said(tmp_path: Path, kind: str) -> None:
    folder = new(tmp_path, f"by_{kind}", *described(tmp_path, kind))
    done = verified(folder)
    assert done.returncode == 0, done.stdout
    assert "20 passed" in done.stdout


def test_until_somebody_says_the_law_it_does_not_pass(tmp_path: Path) -> None:
    folder = new(tmp_path, "lawless", *described(tmp_path, "openapi"))
    manifest = folder / "bridge.toml"
    manifest.write_text(manifest.read_text().replace("FundG-4", "say-the-law-here"))
    done = verified(folder)
    assert done.returncode == 1
    assert "say in bridge.toml by which law" in done.stdout


def test_orders_of_a_new_bridge_are_unsafe_until_its_owner_says_otherwise(tmp_path: Path) -> None:
    manifest = read_folder(new(tmp_path, "found", *described(tmp_path, "openapi"))).manifest
    assert {name: (one.kind, one.effect) for name, one in manifest.operations.items()} == {
        "find_item": ("lookup", "natural"),
        "hand_in": ("command", "unsafe"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no OpenAPI 3 file"),
        ("swagger: '2.0'\npaths: {}", "not OpenAPI 3"),
        ("openapi: 3.0.0\ninfo: {}\npaths: {}", "no operation findItem"),
        ("{not yaml", "no OpenAPI 3 file"),
    ],
)
def test_what_describes_nothing_is_told_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(text)
    done = runner.invoke(
        commands, ["new", "x", "--into", str(tmp_path), "--openapi", str(file), "--operation", "findItem"]
    )
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "x").exists()


def test_a_folder_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    new(tmp_path, "twice", *described(tmp_path, "openapi"))
    done = runner.invoke(commands, ["new", "twice", "--into", str(tmp_path), *described(tmp_path, "openapi")])
    assert done.exit_code == 2
    assert "is there already" in done.output


def test_an_upgrade_touches_nothing_that_somebody_changed(tmp_path: Path) -> None:
    folder = new(tmp_path, "older", *described(tmp_path, "openapi"))  # bridge.toml is changed by `new` here
    adapter = folder / "adapter.py"
    made = adapter.read_text()
    adapter.write_text("# of an older kit\n" + made)
    known = json.loads((folder / ".made.json").read_text())
    known["adapter.py"] = hashlib.sha256(adapter.read_bytes()).hexdigest()
    (folder / ".made.json").write_text(json.dumps(known))
    done = runner.invoke(commands, ["upgrade", str(folder)])
    assert "adapter.py: made anew" in done.output
    assert "bridge.toml: yours, left alone" in done.output
    assert adapter.read_text() == made
    assert "FundG-4" in (folder / "bridge.toml").read_text()
    assert "say-the-law-here" in (folder / "bridge.toml.new").read_text()


def test_the_docs_of_a_bridge_say_what_it_does_and_bears(tmp_path: Path) -> None:
    folder = new(tmp_path, "told", *described(tmp_path, "openapi"))
    said = runner.invoke(commands, ["docs", str(folder)]).output
    for part in ("# told", "at most 5 calls a second", "never repeated", "find_item (lookup)", "FundG-4"):
        assert part in said
