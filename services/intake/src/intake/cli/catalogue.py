"""For the domain experts who write the catalogue."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from intake.domain.catalogue.difference import differences
from intake.domain.catalogue.offer import Edition, Offer
from intake.offers.reading import schema
from intake.offers.shelf import Shelf, read_shelf

catalogue = typer.Typer(
    help="The services on offer: what finishing each of them takes and costs. One YAML file a service; see "
    "docs/guides/add-a-service.md.",
    no_args_is_help=True,
)

Folder = Annotated[Path | None, typer.Option("--folder", help="The city's own folder; without it, the one shipped.")]
Offered = Annotated[str, typer.Argument(metavar="SERVICE", help="Code of the service, such as dog_registration.")]


@catalogue.command("check")
def check(folder: Folder = None) -> None:
    """Read every offer and say what is wrong, with file and line. Exit code 1 when something is."""
    shelf = _shelf(folder)
    for complaint in shelf.complaints():
        typer.echo(complaint, err=True)
    if shelf.faults:
        raise typer.Exit(1)
    if not shelf.offers:
        typer.echo("no *.yaml in the folder: copy one of the shipped offers and change it", err=True)
        raise typer.Exit(1)
    editions = sum(len(offer.editions) for offer in shelf.offers)
    typer.echo(f"{len(shelf.offers)} services with {editions} editions are well formed")


@catalogue.command("show")
def show(
    service: Annotated[str | None, typer.Argument(help="One service in full; without it, a table of all.")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Rules of that day.")] = None,
    folder: Folder = None,
) -> None:
    """Show what is on offer, today or on a day."""
    day = on.date() if on else date.today()  # noqa: DTZ011 -- the operator's own day
    offers = _whole(folder)
    if service:
        edition = _edition(_offer(offers, service), day)
        typer.echo(json.dumps(edition.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False))
        return
    table = Table(
        "service", "since", "name", "ends as", "register", "fees, EUR", "documents", caption="* if it applies"
    )
    for offer in offers:
        current = offer.edition_on(day)
        if current:
            fees = [f"{one.amount_cents / 100:.2f}{'*' * bool(one.when)}" for one in current.fees if one.in_force(day)]
            table.add_row(
                offer.service,
                str(current.valid_from),
                current.titles.de,
                current.ending,
                ", ".join(call.register_name for call in current.calls) or "-",
                ", ".join(fees) or "free",
                ", ".join(output.titles.de for output in current.outputs),
            )
    Console().print(table)


@catalogue.command("diff")
def diff(
    service: Offered,
    old: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A day under the old rules.")],
    new: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A day under the new rules.")],
    folder: Folder = None,
) -> None:
    """Show what changed for a service between two days."""
    offer = _offer(_whole(folder), service)
    changes = differences(_edition(offer, old.date()), _edition(offer, new.date()))
    for change in changes:
        typer.echo(f"{change.place}: {change.before or '(none)'} -> {change.after or '(none)'}")
    if not changes:
        typer.echo("nothing: both days have the same edition")


@catalogue.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of an offer, for editors."""
    typer.echo(json.dumps(schema(), indent=2, ensure_ascii=False))


def _shelf(folder: Path | None) -> Shelf:
    try:
        return read_shelf(folder)
    except OSError as error:
        raise typer.BadParameter(str(error)) from error


def _whole(folder: Path | None) -> list[Offer]:
    shelf = _shelf(folder)
    if shelf.faults:
        typer.echo(f"{', '.join(shelf.faults)} cannot be read; 'wanderamt catalogue check' says why", err=True)
        raise typer.Exit(1)
    return shelf.offers


def _offer(offers: list[Offer], service: str) -> Offer:
    found = next((offer for offer in offers if offer.service == service), None)
    if not found:
        raise typer.BadParameter(f"no service '{service}'; there are: {', '.join(offer.service for offer in offers)}")
    return found


def _edition(offer: Offer, day: date) -> Edition:
    found = offer.edition_on(day)
    if not found:
        raise typer.BadParameter(f"{offer.service} is not offered before {offer.editions[0].valid_from}")
    return found
