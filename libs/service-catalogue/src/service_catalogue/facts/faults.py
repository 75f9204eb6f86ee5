"""Faults of typed values: a stable code, the place in the value, and the sentence that says what to do.

The sentences are in fault_texts.json, in German and English.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Final

TEXTS: Final = "fault_texts.json"


@dataclass(frozen=True, slots=True)
class FactFault:
    """Why a value is refused. `place`: codes and row numbers (from 1) to the part of the value, joined by dots; empty
    for the value itself. `values`: what the sentence names, such as the longest length."""

    code: str
    place: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)

    def inside(self, part: str) -> "FactFault":
        """The same fault, seen from the value that holds the part."""
        return replace(self, place=f"{part}.{self.place}" if self.place else part)

    def sentence(self, language: str) -> str:
        """What the citizen or the clerk does about it. `language`: "de" or "en"."""
        return fault_texts()[self.code]["de" if language == "de" else "en"].format_map(self.values)


@cache
def fault_texts() -> Mapping[str, Mapping[str, str]]:
    """Code → language → sentence."""
    texts: dict[str, dict[str, str]] = json.loads(files(__package__).joinpath(TEXTS).read_text("utf-8"))
    return texts
