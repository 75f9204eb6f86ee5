"""Reads the districts and places shipped here, or the city's own."""

import csv
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import Field, TypeAdapter
from wanderamt.kernel.line_text import LineText, checked_line

from scheduling.domain.city import District
from scheduling.domain.resources import Pitch

_PLACES: Final = TypeAdapter(dict[Annotated[LineText, Field(min_length=1, max_length=200)], Pitch])


def read_districts(path: str = "") -> list[District]:
    """CSV with name, residents, hectares, latitude, longitude; lines that start with # are comments. Raises ValueError
    for a mistake."""
    rows = csv.DictReader(line for line in _text(path, "districts.csv").splitlines() if not line.startswith("#"))
    return [
        District(
            checked_line(row["name"]),
            int(row["residents"]),
            float(row["hectares"]),
            float(row["latitude"]),
            float(row["longitude"]),
        )
        for row in rows
    ]


def read_places(path: str = "") -> dict[str, Pitch]:
    """YAML of places by name. Raises ValueError that names the mistakes."""
    return _PLACES.validate_python(yaml.safe_load(_text(path, "places.yaml")))


def _text(path: str, shipped: str) -> str:
    return Path(path).read_text("utf-8") if path else (files("scheduling.reference_data") / shipped).read_text("utf-8")
