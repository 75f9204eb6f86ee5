"""Commands for the domain experts who write the catalogue."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from service_catalogue.authority import AuthorityProfile, Letterhead
from service_catalogue.reader import AUTHORITY_FILE, CatalogueFault, CatalogueFiles, json_schema
from wanderamt.backbone.environment import utc_now
from wanderamt.shell.text_table import format_table

from intake.catalogue_files.loader import load_authority, load_catalogue, read_authority, read_catalogue_files
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.diff import diff_editions
from intake.domain.catalogue.service_definition import Edition, ServiceDefinition
from intake.domain.trial import Trial, try_service

catalogue = typer.Typer(
    help="The service catalogue: steps, documents and fees of each service. One YAML file per service: "
    "docs/guides/add-a-service.md.",
    no_args_is_help=True,
)

Folder = Annotated[
    Path | None, typer.Option("--folder", help="The city's own catalogue folder; without it, the one in the package.")
]
ServiceArgument = Annotated[
    str, typer.Argument(metavar="SERVICE", help="Code of the service, such as dog_registration.")
]


@catalogue.command("check")
def check(folder: Folder = None) -> None:
    """Check every file of the catalogue. Lists each fault with file and line; exit code 1 when there is one."""
    files = _read_files(folder)
    if files.services:
        files.faults |= _authority_faults(folder, files)
    for message in files.messages():
        typer.echo(message, err=True)
    if files.faults:
        raise typer.Exit(1)
    if not files.services:
        typer.echo("the folder has no *.yaml: copy a file of the packaged catalogue and change it", err=True)
        raise typer.Exit(1)
    editions = sum(len(definition.editions) for definition in files.services)
    typer.echo(f"{len(files.services)} services with {editions} editions are well formed")


@catalogue.command("show")
def show(
    service: Annotated[str | None, typer.Argument(help="One service in full; without it, a table of all.")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The rules of this day.")] = None,
    folder: Folder = None,
) -> None:
    """Show the services on offer, today or on a day."""
    day = on.date() if on else date.today()  # noqa: DTZ011 -- the operator's own day
    definitions = _definitions(folder)
    if service:
        edition = _edition(_definition(definitions, service), day)
        typer.echo(json.dumps(edition.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False))
        return
    headers = ("service", "since", "name", "ends as", "register", "fees, EUR", "documents")
    current = ((definition.service, definition.edition_on(day)) for definition in definitions)
    typer.echo(format_table(headers, [_row(code, edition, day) for code, edition in current if edition]))
    typer.echo("* if it applies")


def _row(code: str, edition: Edition, day: date) -> tuple[str, ...]:
    fees = [f"{fee.amount_cents / 100:.2f}{'*' * bool(fee.when)}" for fee in edition.fees if fee.in_force(day)]
    return (
        code,
        str(edition.valid_from),
        edition.titles.de,
        edition.ending,
        ", ".join(call.register_name for call in edition.calls) or "-",
        ", ".join(fees) or "free",
        ", ".join(output.titles.de for output in edition.outputs),
    )


@catalogue.command("diff")
def diff(
    service: ServiceArgument,
    old: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A day under the old rules.")],
    new: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A day under the new rules.")],
    folder: Folder = None,
) -> None:
    """Show what changed for a service between two days."""
    definition = _definition(_definitions(folder), service)
    changes = diff_editions(_edition(definition, old.date()), _edition(definition, new.date()))
    for change in changes:
        typer.echo(f"{change.place}: {change.before or '(none)'} -> {change.after or '(none)'}")
    if not changes:
        typer.echo("nothing: both days have the same edition")


@catalogue.command("try")
def try_service_(
    service: ServiceArgument,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help='JSON: {"applicant": {...}, "facts": {...}, "answers": {"<call>": {"answer": {...}}}}; see '
            "docs/guides/add-a-service.md.",
        ),
    ],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the application.")] = None,
    folder: Folder = None,
) -> None:
    """Try a service with typed answers, without any server: facts, fees, questions to registers, and the paper."""
    loaded = _load(folder)
    try:
        trial = Trial.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise typer.BadParameter(f"{file}: {error}") from error
    now = on.replace(hour=9, tzinfo=loaded.calendar.zone) if on else utc_now()
    result = try_service(service, trial, loaded, load_authority(folder, loaded), now=now)
    for line in result.lines:
        typer.echo(line)
    if not result.paper:
        typer.echo("no paper fits the case")
        return
    typer.echo(f"--- {result.paper.title}")
    for label, value in result.paper.rows:
        typer.echo(f"{label}: {value}")
    for table in result.paper.tables:
        typer.echo(format_table(table.columns, table.rows))


def _load(folder: Path | None) -> Catalogue:
    _definitions(folder)  # says what is wrong with the files
    return load_catalogue(folder)


@catalogue.command("schema")
def print_schema(
    authority: Annotated[bool, typer.Option("--authority", help=f"That of {AUTHORITY_FILE} instead.")] = False,  # noqa: FBT002 -- a switch of the command line
) -> None:
    """Print the JSON Schema of a catalogue file, for editors."""
    typer.echo(
        json.dumps(json_schema(AuthorityProfile if authority else ServiceDefinition), indent=2, ensure_ascii=False)
    )


def _read_files(folder: Path | None) -> CatalogueFiles[ServiceDefinition]:
    try:
        return read_catalogue_files(folder)
    except OSError as error:
        raise typer.BadParameter(str(error)) from error


def _authority_faults(folder: Path | None, files: CatalogueFiles[ServiceDefinition]) -> dict[str, list[CatalogueFault]]:
    authority = read_authority(folder, files.services)
    return {} if isinstance(authority, Letterhead) else authority


def _definitions(folder: Path | None) -> list[ServiceDefinition]:
    files = _read_files(folder)
    if files.faults:
        typer.echo(f"{', '.join(files.faults)} cannot be read; 'wanderamt catalogue check' lists the faults", err=True)
        raise typer.Exit(1)
    return files.services


def _definition(definitions: list[ServiceDefinition], service: str) -> ServiceDefinition:
    definition = next((known for known in definitions if known.service == service), None)
    if not definition:
        raise typer.BadParameter(
            f"no service '{service}'; there are: {', '.join(known.service for known in definitions)}"
        )
    return definition


def _edition(definition: ServiceDefinition, day: date) -> Edition:
    edition = definition.edition_on(day)
    if not edition:
        raise typer.BadParameter(f"{definition.service} is not offered before {definition.editions[0].valid_from}")
    return edition
