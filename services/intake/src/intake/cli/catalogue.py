"""Commands for the domain experts who write the catalogue."""

import json
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from service_catalogue.authority import AuthorityProfile, Letterhead, load_letterhead
from service_catalogue.reader import AUTHORITY_FILE, CatalogueFault, CatalogueFiles, json_schema, shipped_folder
from wanderamt.backbone.environment import utc_now
from wanderamt.shell.text_table import format_table

from intake.catalogue_files.loader import (
    load_authority,
    load_catalogue,
    read_authority,
    read_calendar,
    read_catalogue_files,
    read_contracts,
    read_streets,
)
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.diff import diff_editions
from intake.domain.catalogue.register_contracts import fields_of
from intake.domain.catalogue.service_definition import Edition, ServiceDefinition
from intake.domain.trial import Trial, try_service
from intake.domain.trial_example import example_address, example_trial

SCHEMA_FILE = "catalogue.schema.json"  # beside the folder, where the first line of a service looks for it
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
        typer.echo("the folder has no service: 'wanderamt catalogue copy' copies the packaged catalogue", err=True)
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


TRY_HELP = """Try a service with typed answers, without any server.

Says what the form asks, the fees, each question to a register, where the case ends and why, what the citizen is told
and must still do, and what the paper says.

1. Write an answer to everything that the service asks: wanderamt catalogue try SERVICE --example > try.json

2. Change the file, for each way through the service: what is refused, what a register does not find.

3. Try it: wanderamt catalogue try SERVICE try.json

The file is JSON:

"applicant": {"given_name": "Anna", "family_name": "Berger", "birth_date": "1990-05-04"}, or "birth_year": 1990

"facts": {"reason": "marriage"}: by code, as the crew types it. Leave one out to see what waits for it.

"answers": {"residence": {"answer": {"municipality": "Wien"}}}: by code of the call, with the names of the register.
Not found: {"outcome": "not_found"}. Two hits: {"outcome": "refused", "code": "ambiguous"}. Another refusal:
{"outcome": "refused", "code": "has-permit"}. No answer in time: {"outcome": "unavailable"}.
Undoing the order fails: add "undo": {"outcome": "refused"} beside "answer".

"then": [{"correct": {"facts": {"reason": "divorce"}}}, {"withdraw": true}]: what happens afterwards, with "answers" of
their own where a register answers something else. A case that has ended is reopened for it.

"language": "en" for the texts in English.
"""


@catalogue.command("try", help=TRY_HELP)
def try_service_(
    service: ServiceArgument,
    file: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="What is typed: JSON.")] = None,
    example: Annotated[bool, typer.Option("--example", help="Print such a file.")] = False,  # noqa: FBT002 -- a switch of the command line
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the application.")] = None,
    folder: Folder = None,
) -> None:
    calendar = read_calendar(folder)
    now = on.replace(hour=9, tzinfo=calendar.zone) if on else utc_now()
    if example:
        day = calendar.day_of(now)
        home = example_address(load_letterhead(folder).profile, read_streets(folder))
        trial = example_trial(_edition(_definition(_definitions(folder), service), day), day, home)
        typer.echo(trial.model_dump_json(indent=2, exclude_defaults=True))
        return
    if not file:
        raise typer.BadParameter("name a file; --example prints one")
    loaded = _load(folder)
    try:
        trial = Trial.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise typer.BadParameter(f"{file}: {_faults_of(error)}") from error
    result = try_service(service, trial, loaded, load_authority(folder, loaded), now=now)
    for line in result.lines:
        typer.echo(line)
    if not result.paper:
        typer.echo("no paper")
        return
    typer.echo(f"--- {result.paper.title}{' (draft: not issued yet)' if result.draft else ''}")
    for label, value in result.paper.rows:
        typer.echo(f"{label}: {value}")
    for table in result.paper.tables:
        typer.echo(format_table(table.columns, table.rows))


def _faults_of(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}" for problem in problems)


@catalogue.command("copy")
def copy(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="A new folder.")],
) -> None:
    """Copy the packaged catalogue into a new folder, as the start of a city's own: services, authority, pictures,
    streets and contracts of registers."""
    if folder.exists():
        raise typer.BadParameter(f"{folder} exists already")
    shutil.copytree(shipped_folder(), folder)
    schema = folder.parent / SCHEMA_FILE
    schema.write_text(json.dumps(json_schema(ServiceDefinition), indent=2, ensure_ascii=False), encoding="utf-8")
    typer.echo(f"{folder} holds the packaged catalogue, {schema} the schema for your editor")


@catalogue.command("registers")
def registers(
    register: Annotated[str | None, typer.Argument(help="One register in full; without it, a table of all.")] = None,
    folder: Folder = None,
) -> None:
    """Show what services may ask registers: operations, purposes, fields of questions and answers."""
    contracts = read_contracts(folder)
    if register and register not in contracts:
        raise typer.BadParameter(f"no register '{register}'; there are: {', '.join(contracts) or 'none'}")
    if not register:
        rows = [
            (name, code, operation.kind, ", ".join(operation.purposes))
            for name, contract in contracts.items()
            for code, operation in contract.operations.items()
        ]
        typer.echo(format_table(("register", "operation", "kind", "purposes"), rows))
        return
    for code, operation in contracts[register].operations.items():
        typer.echo(f"{code} ({operation.kind}; for {', '.join(operation.purposes)})")
        for part, model in (("question", operation.question), ("answer", operation.answer)):
            for field in fields_of(contracts[register], model):
                typer.echo(f"  {part} {field}")


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
