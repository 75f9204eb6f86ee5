"""Reads the districts and places shipped here, or the city's own."""

import csv
from importlib.resources import files
from pathlib import Path

import yaml

from scheduling.domain.city import District
from scheduling.domain.resources import Pitch


def read_districts(path: str = "") -> list[District]:
    """CSV with name, residents, hectares, latitude, longitude; lines that start with # are comments."""
    rows = csv.DictReader(line for line in _text(path, "districts.csv").splitlines() if not line.startswith("#"))
    return [
        District(
            row["name"],
            int(row["residents"]),
            float(row["hectares"]),
            float(row["latitude"]),
            float(row["longitude"]),
        )
        for row in rows
    ]


def read_places(path: str = "") -> dict[str, Pitch]:
    """YAML of places by name. Raises ValueError that names the mistakes."""
    return {name: Pitch.model_validate(facts) for name, facts in yaml.safe_load(_text(path, "places.yaml")).items()}


def _text(path: str, shipped: str) -> str:
    return Path(path).read_text("utf-8") if path else (files("scheduling.reference_data") / shipped).read_text("utf-8")
