"""The fixed texts of papers: the same keys in both languages, and printable."""

import re

from service_catalogue.paper_texts import paper_texts
from wanderamt.kernel.line_text import as_printable


def test_both_languages_have_the_same_texts_with_the_same_places_to_fill() -> None:
    german, english = paper_texts("de"), paper_texts("en")
    assert german.keys() == english.keys()
    for key, text in german.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key
        assert (as_printable(text), as_printable(english[key])) == (text, english[key])
    assert german["page"].format(page=1, pages=2) == "Seite 1 von 2"
    assert paper_texts("tr") == english
