"""Intake and scheduling read the same catalogue files, and the bridges offer what the catalogue asks."""

import shutil
from importlib.resources import files
from pathlib import Path

from intake.catalogue_files.loader import load_catalogue
from scheduling.reference_data.bookable_services import read_bookable_services
from service_catalogue.reader import service_files, shipped_folder


def test_both_services_read_the_same_files() -> None:
    catalogue = load_catalogue().services
    bookable = read_bookable_services()
    assert catalogue.keys() == {file.stem for file in service_files(shipped_folder())}
    assert catalogue.keys() - bookable.keys() == {"criminal_record"}  # of another authority
    for code, service in bookable.items():
        booking = catalogue[code].booking
        assert booking
        assert (service.minutes, service.kit, service.prior) == (booking.minutes, booking.kit, booking.prior)
        assert service.titles == {"de": booking.titles.de, "en": booking.titles.en}
        assert service.bring == {"de": booking.bring.de, "en": booking.bring.en}


def test_a_service_of_a_city_s_own_folder_reaches_both(tmp_path: Path) -> None:
    text = (shipped_folder() / "active_pass.yaml").read_text("utf-8").replace("active_pass", "beach_chair")
    (tmp_path / "beach_chair.yaml").write_text(text, "utf-8")
    shutil.copytree(shipped_folder() / "registers", tmp_path / "registers")
    assert list(load_catalogue(tmp_path).services) == ["beach_chair"]
    assert list(read_bookable_services("", tmp_path)) == ["beach_chair"]


def test_the_catalogue_holds_the_released_contracts_of_the_bridges() -> None:
    """A call that no bridge offers is refused when the catalogue is read, not when a citizen waits."""
    bridges = Path(str(files("registry_bridge.bridges")))
    released = {file.parent.name: file.read_text() for file in bridges.glob("*/released.json")}
    held = {file.stem: file.read_text() for file in (shipped_folder() / "registers").glob("*.json")}
    assert held == released, "copy released.json of each bridge to at_linz/registers/<bridge>.json"


def test_a_file_of_bookable_services_replaces_the_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "services.yaml"
    file.write_text("boat: {minutes: 25, titles: {de: Boot, en: Boat}, bring: {de: [Ausweis], en: [ID]}}", "utf-8")
    boat = read_bookable_services(str(file))["boat"]
    assert (boat.minutes, boat.kit, boat.prior, boat.bring["en"]) == (25, False, 0.35, ("ID",))


def test_shipped_bookings_are_usable() -> None:
    for code, service in read_bookable_services().items():
        assert 5 <= service.minutes <= 60, code
        assert len(service.bring["de"]) == len(service.bring["en"]) > 0, code
