"""Words of pages: in YAML's `{head: …, then: …}` an unquoted comma ends the text, and its rest becomes a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("services/*/src/*/pages/*/*.yaml"))


def _empty(words: object, at: str = "") -> Iterator[str]:
    if isinstance(words, dict):
        for key, value in words.items():
            yield from _empty(value, f"{at} › {key}" if at else str(key))
    elif words is None:
        yield at


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "services")))
def test_no_text_is_cut_at_a_comma(file: Path) -> None:
    assert list(_empty(yaml.safe_load(file.read_text(encoding="utf-8")))) == []


def test_the_words_of_all_services_with_pages_are_read() -> None:
    assert {file.relative_to(ROOT).parts[1] for file in FILES} == {"intake", "notifications", "scheduling"}
