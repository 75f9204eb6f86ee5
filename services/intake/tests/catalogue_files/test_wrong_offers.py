"""Wrong services: what a bridge does not offer, or nobody can print, is refused before any citizen comes."""

import shutil
from pathlib import Path

import pytest
from intake.catalogue_files.loader import read_catalogue_files
from intake.cli.catalogue import catalogue
from service_catalogue.reader import shipped_folder
from typer.testing import CliRunner

PARKING, DOG, MOVE = "resident_parking.yaml", "dog_registration.yaml", "registration.yaml"
WRONG = [
    (PARKING, "register: vehicles", "register: vehicels", "no register 'vehicels'; there are: dogs, electoral_roll"),
    (PARKING, "operation: find_zone", "operation: find_zones", "'parking' has no operation 'find_zones'"),
    (PARKING, "purpose: StVO-45-4\n        kind: command", "purpose: MeldeG-3\n        kind: command", "not allowed for"),
    (PARKING, "country: plate.country,", "land: plate.country,", "the question has no 'land'; it has: country, plate"),
    (PARKING, "country: plate.country, plate", "plate", "'country' is missing; the register needs it"),
    (PARKING, "plate: plate.text\n", "plate: plate\n", "is of kind number_plate; the register's field is string"),
    (PARKING, "plate: plate.text\n", "plate: plate.txt\n", "there is no value 'plate.txt'; there are: plate.text"),
    (PARKING, "months: {value: 12}", "months: {value: twelve}", "the register does not take 'twelve' there"),
    (PARKING, "valid_from: application_day\n", "valid_from: plate.text\n", "the register's field is a date"),
    (PARKING, "operation: revoke_permit", "operation: find_permit", "'find_permit' is a lookup: it undoes nothing"),
    (PARKING, "from: keeper.given_name,", "from: keeper.first_name,", "the answer has no 'keeper.first_name'"),
    (PARKING, "{code: max_mass_kg, kind: integer", "{code: max_mass_kg, kind: date", "'max_mass_kg' is integer"),
    (PARKING, "kind: lookup\n        question: {country", "kind: command\n        question: {country", "is a lookup"),
    (PARKING, "street: residence.address.street", "street: permit.permit_number", "is known only after 'zone'"),
    (PARKING, "{fact: vehicle, equals: company}", "{fact: vehicle, equals: firm}", "'vehicle' has no choice 'firm'"),
    (PARKING, "{fact: own_parking_place, equals: false}", "{fact: own_place, equals: false}", "no value 'own_place'"),
    (PARKING, "value: zone.zone}", "value: zone}", "'zone' of kind answer cannot be printed as a text; name a part"),
    (PARKING, "valid_until: permit.valid_until", "valid_until: zone.zone", "'zone.zone' is no value of kind date"),
    (PARKING, "main: [permit.permit_number", "main: [permit.number", "there is no value 'permit.number'"),
    (PARKING, "- code: keeper\n        titles", "- code: plate\n        titles", "'plate' is the name of another value"),
    (DOG, "        undo:\n          operation: withdraw_dog\n          question: {chip: chip}\n", "", "needs 'undo'"),
    (DOG, "since: twelve_weeks_on", "since: large_dog", "'large_dog' is no value of kind date"),
    (DOG, "template: certificate", "template: certifikate", "there is no template 'certifikate'"),
    (DOG, "at_least: 16}", "at_least: sixteen}", "valid integer"),
    (MOVE, "each: family\n                fields:", "each: dwelling\n                fields:", "'dwelling' is no group"),
    (MOVE, "kind: dwelling\n", "kind: came_from\n", "takes only main, secondary"),
    (MOVE, "            each: family\n            columns", "            each: families\n            columns", "is no group"),
    (MOVE, "per: foreign_sheets", "per: nationality", "'nationality' is no value of kind integer"),
    (MOVE, "de: Meldezettel, en", 'de: "Melde\\u202Ezettel", en', "U+202E RIGHT-TO-LEFT OVERRIDE"),
    (MOVE, "when: {fact: came_from, in: [austria, abroad]}", "when: {fact: registration.since, before: moved_on}", "after"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "catalogue"))


@pytest.mark.parametrize(("file", "good", "bad", "sentence"), WRONG)
def test_a_wrong_service_is_refused_with_place_and_sentence(
    folder: Path, file: str, good: str, bad: str, sentence: str
) -> None:
    right = (folder / file).read_text()
    assert good in right
    (folder / file).write_text(right.replace(good, bad, 1))
    faults = read_catalogue_files(folder).faults
    assert list(faults) == [file]
    fault = next(fault for fault in faults[file] if sentence in fault.text)
    changed = right[: right.index(good)].count("\n") + 1
    assert fault.place.startswith("editions.0.")
    assert abs(fault.line - changed) <= 25  # within the part that was changed
    checked = CliRunner().invoke(catalogue, ["check", "--folder", str(folder)])
    assert checked.exit_code == 1
    assert f"{file}:{fault.line}: {fault.place}: " in checked.output


def test_the_shipped_services_fit_the_bridges(folder: Path) -> None:
    files = read_catalogue_files(folder)
    assert not files.messages()
    assert len(files.services) == 14


def test_a_missing_bridge_is_named(folder: Path) -> None:
    (folder / "registers" / "vehicles.json").unlink()
    messages = read_catalogue_files(folder).messages()
    assert len(messages) == 1
    assert "calls.1.register: no register 'vehicles'" in messages[0]
