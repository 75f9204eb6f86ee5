"""The reader of bookings: every mistake has a message with its place, and half a catalogue is refused."""

from pathlib import Path

import pytest
from service_catalogue.models import ServiceEntry
from service_catalogue.reader import CatalogueError, parse_service_file, read_bookings, read_bookings_file

GOOD = """
service: boat
authority: at-linz
booking:
  minutes: 25
  titles: {de: Boot, en: Boat}
  bring: {de: [Ausweis], en: [ID]}
editions: [anything]
"""


def test_readers_of_bookings_ignore_editions() -> None:
    entry = parse_service_file(GOOD, ServiceEntry)
    assert isinstance(entry, ServiceEntry)
    assert entry.booking
    assert entry.booking.minutes == 25


@pytest.mark.parametrize(
    ("good", "bad", "line", "text"),
    [
        ("minutes: 25", "minutes: 0", 5, "greater than 0"),
        ("minutes: 25", "minutes: 25\n  colour: red", 6, "not permitted"),
        ("  titles: {de: Boot, en: Boat}\n", "", 4, "'titles' is missing"),
        ("de: [Ausweis]", "de: [no]", 7, "valid string"),
    ],
)
def test_a_mistake_in_a_booking_has_its_line(good: str, bad: str, line: int, text: str) -> None:
    faults = parse_service_file(GOOD.replace(good, bad, 1), ServiceEntry)
    assert isinstance(faults, list)
    assert any(text in fault.text and fault.line == line for fault in faults), faults


def test_half_a_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "boat.yaml").write_text(GOOD)
    assert list(read_bookings(tmp_path)) == ["boat"]
    (tmp_path / "ship.yaml").write_text(GOOD)
    with pytest.raises(CatalogueError, match=r"ship\.yaml:1: service: the file must be called boat"):
        read_bookings(tmp_path)


@pytest.mark.parametrize("text", ["boat: {minutes: 25}", "boat: 3", "[", "- a"])
def test_a_broken_file_of_bookings_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "services.yaml").write_text(text)
    with pytest.raises(CatalogueError, match=r"services\.yaml"):
        read_bookings_file(tmp_path / "services.yaml")
