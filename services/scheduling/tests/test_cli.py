"""`wanderamt tours plan`: explains itself, refuses by name, writes a plan that matches its published schema."""

import json
from pathlib import Path

import pytest
import typer
from jsonschema import Draft202012Validator
from scheduling.cli.tours import plan_tours
from typer.testing import CliRunner

app = typer.Typer()
app.command()(plan_tours)
RUN = CliRunner()
PROBLEM = {
    "sites": [{"id": "Hauptplatz", "x": 1, "y": 2, "score": 30, "duration": 60, "window": [0, 240]}],
    "crews": [{"id": "A", "start": [0, 0], "end": [0, 0], "shift": 480}],
    "horizon": 2,
}


def test_a_problem_in_a_file_becomes_a_plan_in_a_file_as_the_schema_says(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps(PROBLEM))
    options = ["--problem", str(tmp_path / "in.json"), "--seconds", "2", "--out", str(tmp_path / "deep" / "out.json")]
    result = RUN.invoke(app, options)
    assert result.exit_code == 0, result.output
    made = json.loads((tmp_path / "deep" / "out.json").read_text())
    assert (made["score"], made["bound"], made["status"]) == (30, 30, "optimal")
    shapes = json.loads(RUN.invoke(app, ["--schema"]).output)
    Draft202012Validator(shapes["problem"]).validate(PROBLEM)
    Draft202012Validator(shapes["plan"]).validate(made)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not a tour problem"),
        (json.dumps(PROBLEM | {"crews": []}), "crews: Tuple should have at least 1 item"),
        (json.dumps(PROBLEM | {"crews": [{"id": "A", "end": [9, 0], "shift": 1}]}), "crew A needs 9"),
    ],
)
def test_an_invalid_problem_is_explained_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "in.json").write_text(text)
    result = RUN.invoke(app, ["--problem", str(tmp_path / "in.json")])
    assert result.exit_code == 2
    assert says in result.output


def test_without_a_file_it_names_the_missing_option() -> None:
    result = RUN.invoke(app, [])
    assert result.exit_code == 2
    assert "--problem" in result.output
