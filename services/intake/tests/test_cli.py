"""The catalogue commands for domain experts."""

import json
from pathlib import Path
from typing import Any

import pytest
from intake.cli.access import officers
from intake.cli.catalogue import catalogue
from intake.cli.devices import commands as devices
from service_catalogue.reader import service_files, shipped_folder
from typer.testing import CliRunner, Result


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(catalogue, arguments)


def test_the_shipped_catalogue_is_well_formed() -> None:
    result = call("check")
    assert result.exit_code == 0
    assert "14 services with 15 editions" in result.output


def test_a_mistake_is_named_with_file_and_line_and_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("service: x\nservice: y\n")
    result = call("check", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "x.yaml:2: service: this key appears twice" in result.output
    assert call("show", "--folder", str(tmp_path)).exit_code == 1


def test_an_empty_folder_is_reported_with_a_remedy(tmp_path: Path) -> None:
    result = call("check", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "'wanderamt catalogue copy' copies the packaged catalogue" in result.output
    assert call("copy", str(tmp_path / "city")).exit_code == 0
    assert call("check", "--folder", str(tmp_path / "city")).exit_code == 0
    assert json.loads((tmp_path / "catalogue.schema.json").read_text())["title"] == "ServiceDefinition"
    assert call("copy", str(tmp_path / "city")).exit_code == 2  # nobody's work is overwritten


def test_a_folder_without_contracts_of_registers_is_told_where_to_get_them(tmp_path: Path) -> None:
    for name in ("deregistration.yaml", "authority.yaml", "arms.svg", "mark.svg"):
        (tmp_path / name).write_text((shipped_folder() / name).read_text())
    result = call("check", "--folder", str(tmp_path))
    assert "the folder has no registers/residents.json: copy 'registers' of the packaged catalogue" in result.output


def test_what_registers_offer_is_listed() -> None:
    assert "withdraw_dog" in call("registers").output
    residents = call("registers", "residents").output
    assert "confirm_residence (lookup; for AKTIVPASS, MeldeG-18," in residents
    assert "  question birth_year: integer, may be missing\n" in residents
    assert "  answer kind: main, secondary, may be missing\n" in residents
    assert "  question people: array of (family_name, given_name, birth)\n" in residents
    assert call("registers", "no_such").exit_code == 2


def test_a_folder_needs_the_authority_of_its_services(tmp_path: Path) -> None:
    (tmp_path / "advice.yaml").write_text((shipped_folder() / "advice.yaml").read_text())
    assert "authority.yaml:1: the folder has no authority.yaml" in call("check", "--folder", str(tmp_path)).output
    for name in ("authority.yaml", "arms.svg", "mark.svg"):
        (tmp_path / name).write_text((shipped_folder() / name).read_text())
    assert call("check", "--folder", str(tmp_path)).exit_code == 0
    profile = (tmp_path / "authority.yaml").read_text()
    (tmp_path / "authority.yaml").write_text(profile.replace("at-linz", "at-wels"))
    result = call("check", "--folder", str(tmp_path))
    assert (result.exit_code, "the services of this folder belong to at-linz" in result.output) == (1, True)
    (tmp_path / "authority.yaml").write_text(profile.replace("place: Linz", "place: ''"))
    assert "authority.yaml:8: place:" in call("check", "--folder", str(tmp_path)).output


def test_the_schema_of_the_authority_is_the_committed_one() -> None:
    committed = json.loads((shipped_folder().parent / "authority.schema.json").read_text())
    assert json.loads(call("schema", "--authority").output) == committed, (
        "run: wanderamt catalogue schema --authority > "
        "libs/service-catalogue/src/service_catalogue/authority.schema.json"
    )


def test_show_prints_the_rules_of_the_day() -> None:
    table = call("show", "--on", "2026-05-04").output
    assert "Hundeanmeldung" in table
    assert "54.40, 21.00" in table
    assert "54.40, 14.30" in call("show", "--on", "2025-06-30").output
    assert json.loads(call("show", "voting_card").output)["ending"] == "accepted"


def test_diff_lists_the_changes_of_an_edition_or_none() -> None:
    assert (
        "fees.application.amount_cents: 1430 -> 2100"
        in call("diff", "registration_confirmation", "2025-06-30", "2025-07-01").output
    )
    assert "nothing" in call("diff", "active_pass", "2026-01-01", "2026-02-01").output


@pytest.mark.parametrize("arguments", [("show", "passport"), ("diff", "active_pass", "1999-01-01", "2026-01-01")])
def test_a_service_that_is_not_on_offer_is_reported(arguments: tuple[str, ...]) -> None:
    assert call(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["enrol", "list", "revoke", "invite", "import"])
def test_every_device_command_explains_itself(command: str) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(devices, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("officer", "reason"),
    [
        ("anna.huber@linz", "abc"),
        ("anna.huber@linz", "x" * 201),
        ("anna.huber@linz", "left the city\nanna.huber@linz is admitted again"),
        ("anna.huber@linz", "left\u202ethe city"),
        ("", "left the city"),
    ],
)
@pytest.mark.parametrize("command", ["cut-off", "restore"])
def test_an_operator_gives_an_account_and_a_reason_that_others_can_read(
    command: str, officer: str, reason: str
) -> None:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(officers, [command, officer, "--reason", reason])
    assert result.exit_code == 2
    assert "Invalid value" in result.output


def test_a_service_is_tried_without_a_server(tmp_path: Path) -> None:
    linz = {"country": "AT", "postal_code": "4020", "municipality": "Linz", "street": "Hauptplatz", "number": "1"}
    residence = {"municipality": "Linz", "registered_since": "2012-05-02", "kind": "main", "address": linz}
    trial: dict[str, Any] = {
        "applicant": {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
        "facts": {"vehicle": "own", "plate": "L 123AB", "own_parking_place": False},
        "answers": {
            "residence": {"answer": residence},
            "keeper": {"answer": {"keeper": {"family_name": "HADŽIĆ", "given_name": "Zoë"}, "max_mass_kg": 1600}},
            "zone": {"answer": {"zone": "A"}},
            "former_permit": {"outcome": "not_found"},
            "permit": {"answer": {"number": "P-000001", "valid_until": "2027-05-03"}},
        },
    }
    file = tmp_path / "trial.json"
    file.write_text(json.dumps(trial))
    finished = call("try", "resident_parking", str(file), "--on", "2026-05-04").output
    assert "asked: zone = parking find_zone {'postal_code': '4020', 'street': 'Hauptplatz', 'number': '1'}" in finished
    assert "the case is final" in finished
    assert "Nummer der Parkkarte: P-000001" in finished
    trial["answers"]["keeper"]["answer"]["keeper"]["given_name"] = "Ali"
    file.write_text(json.dumps(trial))
    refused = call("try", "resident_parking", str(file), "--on", "2026-05-04").output
    assert "the case is needs_visit, because of rule:keeper" in refused
    assert "the citizen is told: Das Fahrzeug ist auf eine andere Person zugelassen." in refused
    file.write_text("{}")
    assert "missing: facts.vehicle, facts.plate" in call("try", "resident_parking", str(file)).output
    assert "no paper" not in finished


@pytest.mark.parametrize("file", service_files(shipped_folder()), ids=lambda file: file.stem)
def test_the_example_of_each_service_answers_all_that_it_asks(tmp_path: Path, file: Path) -> None:
    trial = tmp_path / "trial.json"
    trial.write_text(call("try", file.stem, "--example", "--on", "2026-05-04").output)
    output = call("try", file.stem, str(trial), "--on", "2026-05-04").output
    assert "missing:" not in output
    assert "case.field_wrong" not in output
    assert "the answer is invalid" not in output


def test_a_trial_goes_on_after_the_end_of_the_case(tmp_path: Path) -> None:
    trial = {
        "applicant": {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
        "facts": {"dog_name": "Bello", "chip": "040098100123456", "breed": "Labrador", "dog_born_on": "2026-02-01"}
        | {"twelve_weeks_on": "2026-04-29", "taken_over": False, "pet_database_shown": False, "large_dog": True},
        "answers": {
            "residence": {"answer": {"municipality": "Linz", "registered_since": "2012-05-02"}},
            "dog": {"answer": {"number": "4711"}},
        },
        "then": [
            {"correct": {"facts": {"breed": "Pudel"}}, "answers": {"dog": {"answer": {"number": "4712"}}}},
            {"correct": {"facts": {"no_such": 1}}},
            {"withdraw": True},
        ],
    }
    file = tmp_path / "trial.json"
    file.write_text(json.dumps(trial))
    lines = call("try", "dog_registration", str(file), "--on", "2026-05-04").output.splitlines()
    assert "deadline within_five_workdays: 2026-05-06 23:59, kept" in lines
    assert "to do levy: until 2026-05-18 23:59, reminded of 2026-05-11" in lines
    after = lines[lines.index("corrected: facts.breed") :]
    assert "undone: dog = dogs withdraw_dog {'chip': '040098100123456'}" in after
    assert not [line for line in after if line.startswith("asked: residence")]  # the breed changes nothing there
    assert "answered: dog = confirmed {'tag': '4712'}" in after
    assert any(line.startswith("refused: case.field_wrong: facts: this service does not ask") for line in after)
    assert after[-3:-1] == ["the case is withdrawn", "deadline within_five_workdays: 2026-05-06 23:59, kept"]
    file.write_text(json.dumps(trial | {"answers": {"residence": {"answer": {"municipality": 7}}}, "then": []}))
    invalid = call("try", "dog_registration", str(file), "--on", "2026-05-04").output
    assert "the answer is invalid: municipality: This entry does not fit the field." in invalid
    assert "waits for: the call residence, blocked" in invalid
    for wrong in ('{"then": [{}]}', '{"then": [{"correct": {}, "withdraw": true}]}', '{"fact": {}}'):
        file.write_text(wrong)
        assert call("try", "dog_registration", str(file)).exit_code == 2
    assert call("try", "dog_registration").exit_code == 2
