"""For the operators who look after field devices."""

from typing import Annotated
from uuid import UUID

import typer
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.running import with_service
from wanderamt.shell.service import Service

from intake.handlers.ground import enrol_device, revoke_device

NAME = "intake"

commands = typer.Typer(help="Field intake: devices and their entries.", no_args_is_help=True)

Device = Annotated[UUID, typer.Argument(help="Id of the device.")]


@commands.command("enrol")
def enrol(device_id: Device, label: Annotated[str, typer.Option(help="What is written on the device.")]) -> None:
    """Enrol a field device, or enrol it again after a revocation."""

    async def use(service: Service) -> None:
        async with service.ground.database.work() as work:
            await enrol_device(DeviceId(device_id), work, label=label, officer="command line")

    with_service(NAME, use)
    typer.echo(f"device {device_id} is enrolled")


@commands.command("revoke")
def revoke(device_id: Device) -> None:
    """Take nothing from this device any more: for a lost or stolen one."""

    async def use(service: Service) -> Refusal | None:
        async with service.ground.database.work() as work:
            return await revoke_device(DeviceId(device_id), work)

    refusal = with_service(NAME, use)
    if refusal:
        typer.echo(refusal.hint, err=True)
        raise typer.Exit(1)
    typer.echo(f"device {device_id} is revoked")
