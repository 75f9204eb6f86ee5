"""A new bridge from a description of its register: created, completed, checked, upgraded."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from connector_kit.adapter import HttpReply
from connector_kit.call_outcome import Ambiguous, CallOutcome, NotFound, Succeeded, UnreadableResponse
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
    manifest.write_text(manifest.read_text().replace("state-the-legal-ground", "FundG-4"))
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
def test_a_new_bridge_passes_once_its_legal_ground_is_stated(tmp_path: Path, kind: str) -> None:
    folder = new(tmp_path, f"by_{kind}", *described(tmp_path, kind))
    done = verified(folder)
    assert done.returncode == 0, done.stdout
    assert "22 passed" in done.stdout


PERSONS = """
openapi: 3.0.3
info: {title: Persons, version: "1"}
paths:
  /persons:
    get:
      operationId: searchPersons
      parameters: [{name: name, in: query, required: true, schema: {type: string}}]
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Persons"}}}}
  /names:
    get:
      operationId: listNames
      responses:
        "200":
          description: ok
          content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Person"}}}}
components:
  schemas:
    Answer:
      type: object
      discriminator: {propertyName: type, mapping: {byName: "#/components/schemas/Persons"}}
      properties: {type: {type: string}}
    Persons:
      allOf:
        - $ref: "#/components/schemas/Answer"
        - type: object
          properties: {foundPersons: {type: array, items: {$ref: "#/components/schemas/Person"}}}
    Person: {type: object, properties: {name: {type: string}, number: {type: string}}}
"""
RECORDS = (
    TIDES.read_text()
    .replace('name="High" type="xs:time"', 'name="Ship" type="tns:Ship" minOccurs="0" maxOccurs="unbounded"')
    .replace(
        '<xs:element name="Ask">',
        '<xs:complexType name="Ship"><xs:sequence><xs:element name="Name" type="xs:string"/></xs:sequence>'
        '</xs:complexType><xs:element name="Ask">',
    )
)


def answered(folder: Path, operation: str, body: str, *, content_type: str = "application/json") -> CallOutcome:
    adapter = read_folder(folder).adapter()
    outcome: CallOutcome = adapter.classify(operation, HttpReply(200, {"content-type": content_type}, body.encode()))
    return outcome


def test_a_new_bridge_to_a_register_of_lists_takes_no_hit_and_no_first_hit(tmp_path: Path) -> None:
    file = tmp_path / "persons.yaml"
    file.write_text(PERSONS)
    folder = new(tmp_path, "persons_register", "--openapi", str(file))
    done = verified(folder)
    assert done.returncode == 0, done.stdout
    ana, eva = {"name": "Ana", "number": "17"}, {"name": "Eva", "number": "18"}

    def outcome(operation: str, *hits: dict[str, str]) -> CallOutcome:
        body: object = list(hits) if operation == "list_names" else {"type": "byName", "foundPersons": list(hits)}
        return answered(folder, operation, json.dumps(body))

    for operation in ("search_persons", "list_names"):
        assert isinstance(outcome(operation, ana), Succeeded)
        assert outcome(operation) == NotFound()
        assert outcome(operation, ana, eva) == Ambiguous(2)
        assert answered(folder, operation, "{}") in {NotFound(), UnreadableResponse("invalid_answer")}


def test_a_list_of_hits_may_be_empty_only_if_the_manifest_says_so(tmp_path: Path) -> None:
    file = tmp_path / "persons.yaml"
    file.write_text(PERSONS)
    folder = new(tmp_path, "persons_lists", "--openapi", str(file), "--operation", "searchPersons")
    adapter, manifest = folder / "adapter.py", folder / "bridge.toml"
    adapter.write_text("\n".join(line for line in adapter.read_text().splitlines() if "hits=" not in line))
    done = verified(folder)
    assert done.returncode == 1
    assert "found_persons without an element is read as succeeded" in done.stdout
    manifest.write_text(manifest.read_text().replace("cache =", 'may_be_empty = ["found_persons"]\ncache ='))
    assert verified(folder).returncode == 0


def test_a_new_bridge_to_a_soap_register_of_lists_takes_no_hit_and_no_first_hit(tmp_path: Path) -> None:
    file = tmp_path / "ships.wsdl"
    file.write_text(RECORDS)
    folder = new(tmp_path, "ships_register", "--wsdl", str(file))
    done = verified(folder)
    assert done.returncode == 0, done.stdout

    def outcome(ships: str) -> CallOutcome:
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        answer = f'<t:Answer xmlns:t="urn:tides">{ships}</t:Answer>'
        envelope = f'<s:Envelope xmlns:s="{soap}"><s:Body>{answer}</s:Body></s:Envelope>'
        return answered(folder, "ask", envelope, content_type="text/xml")

    ship = "<t:Ship><t:Name>Anna</t:Name></t:Ship>"
    assert isinstance(outcome(ship), Succeeded)
    assert outcome("<t:Note>all quiet</t:Note>") == NotFound()
    assert outcome(2 * ship) == Ambiguous(2)


def test_without_a_legal_ground_it_does_not_pass(tmp_path: Path) -> None:
    folder = new(tmp_path, "no_legal_ground", *described(tmp_path, "openapi"))
    manifest = folder / "bridge.toml"
    manifest.write_text(manifest.read_text().replace("FundG-4", "state-the-legal-ground"))
    done = verified(folder)
    assert done.returncode == 1
    assert "in bridge.toml by the legal ground" in done.stdout


def test_orders_of_a_new_bridge_are_not_idempotent_by_default(tmp_path: Path) -> None:
    manifest = read_folder(new(tmp_path, "lost_property", *described(tmp_path, "openapi"))).manifest
    assert {name: (operation.kind, operation.idempotency) for name, operation in manifest.operations.items()} == {
        "find_item": ("lookup", "natural"),
        "hand_in": ("command", "none"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not an OpenAPI 3 file"),
        ("swagger: '2.0'\npaths: {}", "not OpenAPI 3"),
        ("openapi: 3.0.0\ninfo: {}\npaths: {}", "unknown operation findItem"),
        ("{not yaml", "is not an OpenAPI 3 file"),
    ],
)
def test_an_invalid_description_is_reported_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(text)
    done = runner.invoke(
        commands, ["new", "x", "--into", str(tmp_path), "--openapi", str(file), "--operation", "findItem"]
    )
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "x").exists()


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    new(tmp_path, "twice", *described(tmp_path, "openapi"))
    done = runner.invoke(commands, ["new", "twice", "--into", str(tmp_path), *described(tmp_path, "openapi")])
    assert done.exit_code == 2
    assert "exists already" in done.output


def test_an_upgrade_keeps_changed_files(tmp_path: Path) -> None:
    folder = new(tmp_path, "older", *described(tmp_path, "openapi"))  # bridge.toml is changed by `new` here
    adapter = folder / "adapter.py"
    made = adapter.read_text()
    adapter.write_text("# of an older kit\n" + made)
    known = json.loads((folder / ".generated.json").read_text())
    known["adapter.py"] = hashlib.sha256(adapter.read_bytes()).hexdigest()
    (folder / ".generated.json").write_text(json.dumps(known))
    done = runner.invoke(commands, ["upgrade", str(folder)])
    assert "adapter.py: updated" in done.output
    assert "bridge.toml: you changed it" in done.output
    assert adapter.read_text() == made
    assert "FundG-4" in (folder / "bridge.toml").read_text()
    assert "state-the-legal-ground" in (folder / "bridge.toml.new").read_text()


def test_the_docs_describe_operations_and_limits(tmp_path: Path) -> None:
    folder = new(tmp_path, "documented", *described(tmp_path, "openapi"))
    output = runner.invoke(commands, ["docs", str(folder)]).output
    for part in ("# documented", "at most 5 calls per second", "never repeated", "find_item (lookup)", "FundG-4"):
        assert part in output
