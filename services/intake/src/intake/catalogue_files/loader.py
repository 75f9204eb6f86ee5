"""Loads the catalogue from YAML files: those that ship with the product, or a city's own folder.

Beside the services lies the folder `registers` with the released contracts of the bridges, one file per register.
"""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from service_catalogue.authority import Letterhead, read_letterhead
from service_catalogue.local_calendar import LocalCalendar
from service_catalogue.reader import (
    AUTHORITY_FILE,
    CatalogueError,
    CatalogueFault,
    CatalogueFiles,
    Place,
    read_catalogue_folder,
    shipped_folder,
)
from service_catalogue.streets import SHIPPED_REGISTER, StreetRegister, read_street_register

from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.due_dates import CALENDAR
from intake.domain.catalogue.edition_faults import edition_faults
from intake.domain.catalogue.register_contracts import RegisterContract, RegisterContracts
from intake.domain.catalogue.service_definition import ServiceDefinition

REGISTERS: Final = "registers"
LETTERHEAD_TEMPLATE: Final = "letterhead"  # what all of them share


def read_catalogue_files(folder: Path | None = None) -> CatalogueFiles[ServiceDefinition]:
    """Reads the services of `folder`, or of the shipped catalogue. Raises OSError when the folder cannot be read, and
    CatalogueError for a contract that is none."""
    contracts, templates = read_contracts(folder), document_templates()

    def check(service: ServiceDefinition) -> Iterator[tuple[Place, str]]:
        for number, edition in enumerate(service.editions):
            for fault in edition_faults(edition, contracts, templates):
                yield ("editions", number, *fault.place), fault.text

    return read_catalogue_folder(folder, ServiceDefinition, check=check, context={CALENDAR: read_calendar(folder)})


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Raises CatalogueError when a file has a fault or no file exists."""
    catalogue = read_catalogue_files(folder)
    if catalogue.faults:
        raise CatalogueError("; ".join(catalogue.messages()))
    if not catalogue.services:
        raise CatalogueError("the folder holds no service")
    return Catalogue(catalogue.services, read_streets(folder), calendar=read_calendar(folder))


def read_calendar(folder: Path | None) -> LocalCalendar:
    """UTC without public holidays if the folder has no authority: who loads it says so."""
    letterhead = read_letterhead(folder)
    return letterhead.profile.calendar if isinstance(letterhead, Letterhead) else LocalCalendar()


def read_streets(folder: Path | None) -> StreetRegister | None:
    """The streets of the authority's municipality, if the folder has them; then addresses are chosen from them. Raises
    OSError and CatalogueError."""
    file = (folder or shipped_folder()) / SHIPPED_REGISTER
    letterhead = read_letterhead(folder)
    if not file.is_file() or not isinstance(letterhead, Letterhead):
        return None
    return read_street_register(file, country=letterhead.profile.country, municipality=letterhead.profile.place)


def read_contracts(folder: Path | None = None) -> RegisterContracts:
    """Of `folder`, or those that ship. Raises CatalogueError."""
    contracts: dict[str, RegisterContract] = {}
    for file in sorted((folder or shipped_folder()).joinpath(REGISTERS).glob("*.json")):
        try:
            contracts[file.stem] = RegisterContract.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise CatalogueError(f"{REGISTERS}/{file.name} is no released contract of a bridge") from error
    return contracts


def document_templates() -> list[str]:
    """A document without a template would fail while the citizen waits."""
    templates = files("intake.documents_pdf").joinpath("templates").iterdir()
    return sorted({Path(file.name).stem for file in templates} - {LETTERHEAD_TEMPLATE})


def read_authority(
    folder: Path | None, services: Iterable[ServiceDefinition]
) -> Letterhead | dict[str, list[CatalogueFault]]:
    """The letterhead of the authority whose services these are; else the faults, by file name. Raises OSError."""
    letterhead = read_letterhead(folder)
    if isinstance(letterhead, Letterhead):
        for other in sorted({service.authority for service in services} - {letterhead.profile.code}):
            return {AUTHORITY_FILE: [CatalogueFault(1, "code", f"the services of this folder belong to {other}")]}
    return letterhead


def load_authority(folder: Path | None, catalogue: Catalogue) -> Letterhead:
    """Raises CatalogueError when a file has a fault."""
    letterhead = read_authority(folder, catalogue.services.values())
    if isinstance(letterhead, dict):
        raise CatalogueError("; ".join(f"{name}:{fault}" for name, faults in letterhead.items() for fault in faults))
    return letterhead
