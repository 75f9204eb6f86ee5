"""What domain experts see of the catalogue on the command line."""

import json
from pathlib import Path

import pytest
from intake.cli.catalogue import catalogue
from typer.testing import CliRunner, Result


def call(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(catalogue, words)


def test_the_shipped_catalogue_is_well_formed() -> None:
    result = call("check")
    assert result.exit_code == 0
    assert "8 services with 9 editions" in result.output


def test_a_mistake_is_named_with_file_and_line_and_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("service: x\nservice: y\n")
    result = call("check", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "x.yaml:2: service: stands there twice" in result.output
    assert call("show", "--folder", str(tmp_path)).exit_code == 1


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    result = call("check", "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "copy one of the shipped offers" in result.output


def test_show_gives_the_rules_of_the_day() -> None:
    table = call("show", "--on", "2026-05-04").output
    assert "Hundeanmeldung" in table
    assert "54.40, 21.00" in table
    assert "54.40, 14.30" in call("show", "--on", "2025-06-30").output
    assert json.loads(call("show", "voting_card").output)["ending"] == "accepted"


def test_diff_tells_what_an_edition_changed_and_when_nothing_did() -> None:
    assert (
        "fees.application.amount_cents: 1430 -> 2100"
        in call("diff", "registration_confirmation", "2025-06-30", "2025-07-01").output
    )
    assert "nothing" in call("diff", "active_pass", "2026-01-01", "2026-02-01").output


@pytest.mark.parametrize("words", [("show", "passport"), ("diff", "active_pass", "1999-01-01", "2026-01-01")])
def test_what_is_not_on_offer_is_told(words: tuple[str, ...]) -> None:
    assert call(*words).exit_code == 2
