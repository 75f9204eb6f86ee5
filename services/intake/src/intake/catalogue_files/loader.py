"""Loads the catalogue from YAML files: those of Linz that ship with the product, or a city's own folder."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from service_catalogue.reader import CatalogueError, CatalogueFault, CatalogueFiles, read_catalogue_folder

from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import ServiceDefinition


def read_catalogue_files(folder: Path | None = None) -> CatalogueFiles[ServiceDefinition]:
    """Reads all *.yaml of `folder`, or of the shipped catalogue. Raises OSError when the folder cannot be read."""
    return read_catalogue_folder(folder, ServiceDefinition, check=_missing_templates)


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Raises CatalogueError when a file has a fault or no file exists."""
    catalogue = read_catalogue_files(folder)
    if catalogue.faults:
        raise CatalogueError("; ".join(catalogue.messages()))
    if not catalogue.services:
        raise CatalogueError("the folder holds no service")
    return Catalogue(catalogue.services)


def _missing_templates(service: ServiceDefinition) -> Iterator[CatalogueFault]:
    """A document without a template would fail while the citizen waits."""
    templates = sorted(Path(file.name).stem for file in files("intake.documents_pdf").joinpath("templates").iterdir())
    for number, edition in enumerate(service.editions):
        for place, output in enumerate(edition.outputs):
            if output.template not in templates:
                name = f"editions.{number}.outputs.{place}.template"
                text = f"there is no template {output.template}; the templates are: {', '.join(templates)}"
                yield CatalogueFault(1, name, text)
