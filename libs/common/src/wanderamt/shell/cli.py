"""The root of the command line. Each service adds its own commands by the entry point `wanderamt.commands`."""

import sys
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
import uvloop
from typer.models import CommandInfo

from wanderamt.backbone.sources import utc_now
from wanderamt.security.keys import new_master_key
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller, TokenSigner, new_key_pair
from wanderamt.shell import operate
from wanderamt.shell.running import ServiceName, build, installed

root = typer.Typer(
    name="wanderamt",
    help="The administration comes to the citizens: run and look after the services.\n\n"
    "Start with 'wanderamt run SERVICE --help'; settings are environment variables that begin with WANDERAMT_.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
key = typer.Typer(help="Keys for signing and sealing.", no_args_is_help=True)
root.add_typer(key, name="key")
root.add_typer(operate.parked, name="parked")
root.command("rebuild")(operate.rebuild)


@root.command()
def run(
    service: ServiceName,
    migrated: Annotated[bool, typer.Option("--migrate", help="Bring the schema up to date first.")] = False,  # noqa: FBT002
) -> None:
    """Run a service until SIGTERM: HTTP, inbox, jobs and relay in one process."""
    built = build(service)
    if migrated:
        built.migrate()
    uvloop.run(built.run())


@root.command()
def migrate(service: ServiceName) -> None:
    """Bring the database of a service to its newest schema."""
    build(service).migrate()
    typer.echo(f"{service}: schema is up to date")


@root.command()
def services() -> None:
    """List the services installed here."""
    for name in sorted(installed()):
        typer.echo(name)


@root.command()
def token(
    subject: Annotated[str, typer.Argument(help="The officer's account name.")],
    audience: Annotated[str, typer.Option(help="The service the token is for, such as intake.")],
    role: Annotated[list[Role], typer.Option(help="A role; repeat for more.")],
    private_key: Annotated[Path, typer.Option(help="PEM file of the signing key.", exists=True)],
    device: Annotated[UUID | None, typer.Option(help="Id of the enrolled device.")] = None,
    stand: Annotated[UUID | None, typer.Option(help="Id of the stand the clerk works at.")] = None,
    minutes: Annotated[int, typer.Option(help="Life of the token.", min=1, max=24 * 60)] = 60,
) -> None:
    """Sign an access token. For development; in production the city's sign-in issues them."""
    signer = TokenSigner(private_key.read_text())
    caller = Caller(subject, frozenset(role), device, stand)
    typer.echo(signer.sign(caller, audience=audience, now=utc_now(), lifetime=timedelta(minutes=minutes)))


@key.command("signing")
def signing(private_key: Annotated[Path, typer.Argument(help="File to write the private key to (mode 600).")]) -> None:
    """Make a new key pair for tokens: writes the private PEM, prints the public one."""
    private, public = new_key_pair()
    private_key.touch(mode=0o600)
    private_key.write_text(private)
    typer.echo(public)


@key.command("assertion")
def assertion() -> None:
    """Make a new key by which intake tells the registry bridge in whose name a register is asked. Both hold it."""
    typer.echo(new_master_key())


@key.command("sealing")
def sealing() -> None:
    """Make a new master key for sealed data. Losing it loses the data it sealed: keep a copy in two places."""
    typer.echo(new_master_key())


def _name(command: CommandInfo) -> str:
    return command.name or (command.callback.__name__ if command.callback else "")


def main() -> None:
    """Load what the first word names and nothing else, for loading everybody's commands takes seconds; else all."""
    word = next(iter(sys.argv[1:]), "")
    everybody = entry_points(group="wanderamt.commands")
    own = word in {*map(_name, root.registered_commands), *(group.name for group in root.registered_groups)}
    for point in everybody.select(name=word) or (() if own else everybody):
        commands = point.load()
        if isinstance(commands, typer.Typer):
            root.add_typer(commands, name=point.name)
        else:
            root.command(point.name)(commands)
    root()
