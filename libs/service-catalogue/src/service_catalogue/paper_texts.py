"""The fixed texts of papers, in German and English: for PDF files of the office, and packed into the field app."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def paper_texts(language: str) -> Mapping[str, str]:
    """Texts by their key. `language`: "de" or "en"; any other gets the English ones."""
    texts = json.loads(files("service_catalogue").joinpath("paper_texts.json").read_text("utf-8"))
    of_language: Mapping[str, str] = texts["de" if language == "de" else "en"]
    return of_language
