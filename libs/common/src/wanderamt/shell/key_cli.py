"""Commands that generate keys and sign access tokens."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from wanderamt.backbone.environment import utc_now
from wanderamt.security.keys import generate_master_key
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner, generate_key_pair

key = typer.Typer(help="Generate keys for signing and encryption.", no_args_is_help=True)


def token(
    subject: Annotated[str, typer.Argument(help="The officer's account name.")],
    audience: Annotated[str, typer.Option(help="The service the token is for, such as intake.")],
    role: Annotated[list[Role], typer.Option(help="A role; repeat the option for more.")],
    private_key: Annotated[Path, typer.Option(help="PEM file of the signing key.", exists=True)],
    device: Annotated[UUID | None, typer.Option(help="Id of the enrolled device.")] = None,
    stand: Annotated[UUID | None, typer.Option(help="Id of the stand where the clerk works.")] = None,
    minutes: Annotated[int, typer.Option(help="Lifetime of the token.", min=1, max=12 * 60)] = 60,
) -> None:
    """Sign an access token. For development; in production the city's sign-in issues tokens."""
    signer = TokenSigner(private_key.read_text())
    principal = Principal(subject, frozenset(role), device, stand)
    typer.echo(signer.sign(principal, audience=audience, now=utc_now(), lifetime=timedelta(minutes=minutes)))


@key.command("signing")
def signing(private_key: Annotated[Path, typer.Argument(help="File for the private key (mode 600).")]) -> None:
    """Generate a key pair for access tokens: writes the private PEM to a file and prints the public one."""
    private, public = generate_key_pair()
    private_key.touch(mode=0o600)
    private_key.write_text(private)
    typer.echo(public)


@key.command("assertion")
def assertion() -> None:
    """Generate the key with which intake proves to the registry bridge which officer asks. Both services hold it."""
    typer.echo(generate_master_key())


@key.command("encryption")
def encryption() -> None:
    """Generate the master key of encrypted data. Without it the data is lost: keep a copy in two places."""
    typer.echo(generate_master_key())
