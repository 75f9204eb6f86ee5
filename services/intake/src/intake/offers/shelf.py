"""Reads the offers of an authority from its folder: the one shipped here, or one of the city's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from intake.domain.catalogue.book import Book
from intake.domain.catalogue.offer import Offer
from intake.offers.reading import Fault, read_offer

SHIPPED = "at-linz"


class BrokenCatalogue(Exception):
    """An offer cannot be read. A service that starts with half a catalogue would refuse citizens without a reason."""


@dataclass(slots=True)
class Shelf:
    """`faults`: by file name."""

    offers: list[Offer] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)

    def complaints(self) -> list[str]:
        """Each fault as editors and terminals know them: file:line: place: what is wrong."""
        return [f"{name}:{fault}" for name, faults in self.faults.items() for fault in faults]


def read_shelf(folder: Path | None = None) -> Shelf:
    """All *.yaml of `folder`, or of the authority shipped here. Raises OSError when the folder cannot be read."""
    place = folder or Path(str(files("intake.offers").joinpath(SHIPPED)))
    if not place.is_dir():
        raise NotADirectoryError(f"no folder {place}")
    shelf = Shelf()
    for file in sorted(place.glob("*.yaml")):
        read = read_offer(file.read_text("utf-8"))
        if isinstance(read, Offer):
            wrong = [*_misplaced(read, file, shelf), *_unprintable(read)]
            if not wrong:
                shelf.offers.append(read)
                continue
            read = wrong
        shelf.faults[file.name] = read
    return shelf


def open_book(folder: Path | None = None) -> Book:
    """Raises BrokenCatalogue."""
    shelf = read_shelf(folder)
    if shelf.faults:
        raise BrokenCatalogue("; ".join(shelf.complaints()))
    if not shelf.offers:
        raise BrokenCatalogue("there is no offer in the folder")
    return Book(shelf.offers)


def _misplaced(offer: Offer, file: Path, shelf: Shelf) -> Iterator[Fault]:
    if offer.service != file.stem:
        yield Fault(1, "service", f"the file must be called {offer.service}.yaml")
    for other in {one.authority for one in shelf.offers} - {offer.authority}:
        yield Fault(1, "authority", f"another file belongs to {other}")


def _unprintable(offer: Offer) -> Iterator[Fault]:
    """A paper without a template would fail when the citizen stands there."""
    templates = sorted(Path(file.name).stem for file in files("intake.paper").joinpath("templates").iterdir())
    for number, edition in enumerate(offer.editions):
        for place, output in enumerate(edition.outputs):
            if output.template not in templates:
                name = f"editions.{number}.outputs.{place}.template"
                yield Fault(1, name, f"there is no template {output.template}; there are: {', '.join(templates)}")
