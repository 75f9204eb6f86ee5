"""The crew's devices, for operators: letting one in, and taking in what one could not send."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import track
from rich.table import Table
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.assertions import Voucher
from wanderamt.security.keys import Sealer
from wanderamt.shell.running import with_service
from wanderamt.shell.service import Service

from intake.domain.export import device_of, read_export
from intake.handlers.enrolment import invite, outbox_key
from intake.handlers.taking_in import TakenIn, parcels, take_file, take_parcel
from intake.offers.shelf import open_book

NAME = "intake"

field = typer.Typer(help="The crew's devices: let one in, take in what one could not send.", no_args_is_help=True)


@field.command("code")
def make_code(label: Annotated[str, typer.Option(help="What is written on the device, such as 'Tablet 3'.")]) -> None:
    """Make a code that lets one device in. It is good for ten minutes, once, and shown now and never again."""

    async def use(service: Service) -> None:
        sealer = Sealer(service.ground.settings.sealing_key)
        async with service.ground.database.work() as work:
            code, expires_at = await invite(work, label=label, officer="command line", sealer=sealer)
        typer.echo(code)
        typer.echo(f"Type it into the app on the device before {expires_at:%H:%M} UTC.", err=True)

    with_service(NAME, use)


@field.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="What the app exported: a *.wanderamt file.", exists=True)],
    officer: Annotated[str, typer.Option(help="In whose name it is taken in: who brought the device.")],
    assertion_key: Annotated[
        str, typer.Option(envvar="WANDERAMT_ASSERTION_KEY", show_envvar=True, help="So that registers can be asked.")
    ],
    catalogue: Annotated[
        Path | None, typer.Option(help="The city's own offers.", envvar="WANDERAMT_CATALOGUE_FOLDER")
    ] = None,
) -> None:
    """Take in what a device could not send. The same file again is harmless: each entry is taken once.

    A revoked device is enrolled again first (wanderamt intake enrol), and revoked after. Exit code 1 when something was
    refused; it is listed, and stays in the file.
    """
    book = open_book(catalogue)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    device_id = device_of(lines[0] if lines else "")
    if isinstance(device_id, Refusal):
        raise typer.BadParameter(f"{file}: {device_id.hint}")

    async def use(service: Service) -> tuple[TakenIn, list[int]]:
        voucher = Voucher(SecretStr(assertion_key))
        database, sealer = service.ground.database, Sealer(service.ground.settings.sealing_key, voucher=voucher)
        export = read_export(lines, outbox_key(device_id, sealer))
        if isinstance(export, Refusal):
            raise typer.BadParameter(f"{file}: {export.hint}")
        taken = TakenIn()
        for parcel in track(list(parcels(export, officer=officer)), "entries", transient=True):
            async with database.work() as work:
                if refusal := await take_parcel(parcel, taken, work, sealer=sealer, book=book):
                    raise typer.BadParameter(refusal.hint)
        for one in track(list(export.files.values()), "files", transient=True):
            async with database.work() as work:
                if refusal := await take_file(one, taken, work, device_id=export.device_id, sealer=sealer):
                    taken.files_refused.append((str(one.attachment_id), refusal.hint))
        return taken, export.broken

    taken, broken = with_service(NAME, use)
    _show(taken, broken)
    if taken.refused or taken.files_refused or broken:
        raise typer.Exit(1)


def _show(taken: TakenIn, broken: list[int]) -> None:
    table = Table("what", "how many")
    for fate, count in sorted(taken.fates.items()):
        table.add_row(f"entries {fate}", str(count))
    table.add_row("files whole", str(taken.files))
    console = Console()
    console.print(table)
    for one in taken.refused:
        console.print(f"entry {one.entry_id}: {one.refusal.hint if one.refusal else ''}")
    for name, why in taken.files_refused:
        console.print(f"file {name}: {why}")
    if broken:
        console.print(f"lines that could not be read: {', '.join(map(str, broken))}")
