"""Commands for operators who look after the crew's devices."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from wanderamt.backbone.persistence.audit import AuditRecord
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.keys import FieldCipher
from wanderamt.security.policy import Action
from wanderamt.shell.line_option import typed_line
from wanderamt.shell.operator_cli import Who
from wanderamt.shell.service import Service
from wanderamt.shell.service_loader import with_service
from wanderamt.shell.text_table import format_table

from intake.catalogue_files.loader import load_catalogue
from intake.cli.operator_actions import NAME, Reason, cipher_of, run_recorded
from intake.domain.enrolment import DeviceListing
from intake.domain.export import exporting_device, read_export
from intake.handlers.enrolment import create_enrolment_code, enrol_device, outbox_key, revoke_device
from intake.handlers.import_export import ImportSummary, admitted, batches, import_batch, import_file
from intake.store.enrolment import all_devices

commands = typer.Typer(
    help="The crew's devices: enrol and revoke them, import what a device could not send.", no_args_is_help=True
)

DeviceArgument = Annotated[UUID, typer.Argument(metavar="DEVICE", help="Id of the device.")]
Label = Annotated[str, typer.Option(help="The label on the device, such as 'Tablet 3'.", callback=typed_line)]


@commands.command("enrol")
def enrol(device_id: DeviceArgument, label: Label, who: Who) -> None:
    """Enrol a field device, or enrol it again after a revocation."""

    async def enrol_it(uow: UnitOfWork, cipher: FieldCipher) -> Refusal | None:
        return await enrol_device(DeviceId(device_id), uow, label=label, officer=who, cipher=cipher)

    run_recorded(enrol_it, AuditRecord(who, Action.ENROL_DEVICE, str(device_id)))
    typer.echo(f"device {device_id} is enrolled")


@commands.command("list")
def list_devices() -> None:
    """List all devices with their last synchronisation."""

    async def use(service: Service) -> list[DeviceListing]:
        async with service.context.database.unit_of_work() as uow:
            return await all_devices(uow)

    headers = ("device", "label", "enrolled", "revoked", "last sync")
    devices = with_service(NAME, use)
    typer.echo(format_table(headers, map(_device_row, devices)))
    if not devices:
        typer.echo("no device yet: 'wanderamt devices invite --label \"Tablet 1\"' prints a code that enrols one")


def _device_row(device: DeviceListing) -> tuple[str, ...]:
    times = (device.enrolled_at, device.revoked_at, device.heard_at)
    return str(device.device_id), device.label, *(time.isoformat(timespec="minutes") if time else "-" for time in times)


@commands.command("revoke")
def revoke(device_id: DeviceArgument, reason: Reason, who: Who) -> None:
    """Refuse everything from this device from now on: for a lost or stolen device."""

    async def revoke_it(uow: UnitOfWork, cipher: FieldCipher) -> Refusal | None:
        return await revoke_device(DeviceId(device_id), uow, officer=who, reason=reason, cipher=cipher)

    run_recorded(revoke_it, AuditRecord(who, Action.REVOKE_DEVICE, str(device_id), reason=reason))
    typer.echo(f"device {device_id} is revoked; 'wanderamt devices enrol {device_id} --label …' admits it again")


@commands.command("invite")
def invite(
    who: Who,
    label: Annotated[str, typer.Option(help="The label of a new device, such as 'Tablet 3'.")] = "",
    device_id: Annotated[
        UUID | None, typer.Option("--device", help="A known device that gets a new key; the code enrols no other.")
    ] = None,
) -> None:
    """Create a code that enrols one device. It is valid once, for ten minutes, and only this command shows it.

    With --label for a new device: the code touches no device that is known. With --device for that device alone, after
    its app was installed again: sessions with its old key end. With both, the known device also gets this label.
    """
    if not label.strip() and not device_id:
        raise typer.BadParameter("give --label for a new device, or --device for a known one")

    async def create(uow: UnitOfWork, cipher: FieldCipher) -> tuple[str, datetime] | Refusal:
        known = DeviceId(device_id) if device_id else None
        return await create_enrolment_code(uow, label=label, officer=who, cipher=cipher, device_id=known)

    code, expires_at = run_recorded(create, AuditRecord(who, Action.ENROL_DEVICE, str(device_id or "")))
    typer.echo(code)
    typer.echo(f"Type it into the app on the device before {expires_at:%H:%M} UTC.", err=True)


@commands.command("import")
def import_file_of_device(
    file: Annotated[Path, typer.Argument(help="The export of the app: a *.wanderamt file.", exists=True)],
    officer: Annotated[
        str, typer.Option(help="The officer who brought the device, recorded as the author of the entries.")
    ],
    catalogue_folder: Annotated[
        Path | None, typer.Option("--catalogue", help="The city's own catalogue.", envvar="WANDERAMT_CATALOGUE_FOLDER")
    ] = None,
) -> None:
    """Import what a device could not send. The same file again is harmless: each entry is taken once.

    The device may be revoked, and stays so: do not enrol it for this. Exit code 1 when something was refused or is
    missing: the command lists it, and the file keeps it.
    """
    catalogue = load_catalogue(catalogue_folder)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    device_id = exporting_device(lines[0] if lines else "")
    if isinstance(device_id, Refusal):
        raise typer.BadParameter(f"{file}: {device_id.hint}")

    async def use(service: Service) -> tuple[ImportSummary, list[int]]:
        database = service.context.database
        cipher = cipher_of(service)
        export = read_export(lines, outbox_key(device_id, cipher))
        if isinstance(export, Refusal):
            raise typer.BadParameter(f"{file}: {export.hint}")
        summary = ImportSummary()
        with typer.progressbar(list(batches(export, officer=officer)), label="entries") as entry_batches:
            for batch in entry_batches:
                async with database.unit_of_work() as uow, admitted(export.device_id, uow):
                    if refusal := await import_batch(batch, summary, uow, cipher=cipher, catalogue=catalogue):
                        raise typer.BadParameter(refusal.hint)
        with typer.progressbar(list(export.files.values()), label="files") as exported_files:
            for exported in exported_files:
                async with database.unit_of_work() as uow, admitted(export.device_id, uow):
                    if refusal := await import_file(exported, summary, uow, device_id=export.device_id, cipher=cipher):
                        summary.files_refused.append((str(exported.attachment_id), refusal.hint))
        return summary, export.broken

    summary, unreadable_lines = with_service(NAME, use)
    _show(summary, unreadable_lines)
    if summary.refused or summary.files_refused or unreadable_lines:
        raise typer.Exit(1)


def _show(summary: ImportSummary, unreadable_lines: list[int]) -> None:
    counts = [(f"entries {status}", count) for status, count in sorted(summary.statuses.items())]
    typer.echo(format_table(("what", "how many"), [*counts, ("complete files", summary.files)]))
    for answer in summary.refused:
        typer.echo(f"entry {answer.entry_id}: {answer.refusal.hint if answer.refusal else ''}")
    for name, hint in summary.files_refused:
        typer.echo(f"file {name}: {hint}")
    if unreadable_lines:
        typer.echo(f"unreadable lines: {', '.join(map(str, unreadable_lines))}")
