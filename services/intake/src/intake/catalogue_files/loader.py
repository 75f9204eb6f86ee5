"""Loads the catalogue from YAML files: those of Linz that ship with the product, or a city's own folder."""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from service_catalogue.authority import Letterhead, read_letterhead
from service_catalogue.reader import (
    AUTHORITY_FILE,
    CatalogueError,
    CatalogueFault,
    CatalogueFiles,
    read_catalogue_folder,
)

from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import ServiceDefinition

LETTERHEAD_TEMPLATE: Final = "letterhead"  # what all of them share


def read_catalogue_files(folder: Path | None = None) -> CatalogueFiles[ServiceDefinition]:
    """Reads the services of `folder`, or of the shipped catalogue. Raises OSError when the folder cannot be read."""
    return read_catalogue_folder(folder, ServiceDefinition, check=_missing_templates)


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Raises CatalogueError when a file has a fault or no file exists."""
    catalogue = read_catalogue_files(folder)
    if catalogue.faults:
        raise CatalogueError("; ".join(catalogue.messages()))
    if not catalogue.services:
        raise CatalogueError("the folder holds no service")
    return Catalogue(catalogue.services)


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


def _missing_templates(service: ServiceDefinition) -> Iterator[CatalogueFault]:
    """A document without a template would fail while the citizen waits."""
    folder = files("intake.documents_pdf").joinpath("templates")
    templates = sorted({Path(file.name).stem for file in folder.iterdir()} - {LETTERHEAD_TEMPLATE})
    for number, edition in enumerate(service.editions):
        for place, output in enumerate(edition.outputs):
            if output.template not in templates:
                name = f"editions.{number}.outputs.{place}.template"
                text = f"there is no template {output.template}; the templates are: {', '.join(templates)}"
                yield CatalogueFault(1, name, text)
