"""For whoever holds a paper in hand, and for the authority that signs them."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from wanderamt.backbone.sources import utc_now
from wanderamt.kernel.refusal import Refusal

from intake.domain.proof import Claims, Standing, standing
from intake.domain.status import StatusList
from intake.proof.authority import Trust, new_authority, trusted_in
from intake.proof.paper import read_paper
from intake.proof.stamp import read_list

NOT_ACCEPTED: Final = 1
SAID: Final = {
    Standing.VALID: "genuine and valid",
    Standing.REVOKED: "genuine, but taken back: do not accept it",
    Standing.EXPIRED: "genuine, but run out",
    Standing.UNKNOWN: "genuine; whether it was taken back is not known: give a newer --status-list",
}

paper = typer.Typer(help="Papers: the key they are signed with.", no_args_is_help=True)


@paper.callback()
def papers() -> None:
    """Of an authority."""


def verify(
    held: Annotated[str, typer.Argument(metavar="FILE|QR", help="A signed PDF, a picture of it, or its code's text.")],
    certificate: Annotated[Path, typer.Option(help="PEM of the authority: GET /authority.pem", exists=True)],
    status_list: Annotated[
        Path | None, typer.Option(help="Papers that were taken back: GET /status-list, at most 3 days old", exists=True)
    ] = None,
) -> None:
    """Say whether a paper is genuine and still counts. Exit code 0 only when it does.

    The certificate may hold several, one after the other. Neither it nor the list is fetched: get them beforehand.
    """
    trusted = _trusted(certificate)
    listed = _listed(status_list, trusted)
    file = Path(held) if not held.startswith("WA1:") else None
    if file and not file.is_file():
        raise typer.BadParameter(f"there is no file '{held}', and it is no code that begins with WA1:")
    claims = read_paper(file.read_bytes() if file else held.encode(), trusted)
    if isinstance(claims, Refusal):
        typer.echo(f"not accepted ({claims.code}): {claims.hint}", err=True)
        raise typer.Exit(NOT_ACCEPTED)
    stands = standing(claims, listed, now=utc_now())
    _show(claims, stands, listed)
    if stands is not Standing.VALID:
        raise typer.Exit(NOT_ACCEPTED)


@paper.command("new-key")
def new_key(
    name: Annotated[str, typer.Argument(help="The authority as its papers name it, such as 'Stadt Linz'.")],
    folder: Annotated[Path, typer.Option(help="Where to write document.key (mode 600) and document.pem.")] = Path(),
) -> None:
    """Make a key to sign papers with, and a certificate for it: for tests, and for a city that has none yet."""
    key_file, certificate_file = folder / "document.key", folder / "document.pem"
    if key_file.exists():
        raise typer.BadParameter(f"{key_file} exists: papers signed with it could not be checked any more")
    key, certificate = new_authority(name, now=utc_now())
    key_file.touch(mode=0o600)
    key_file.write_text(key)
    certificate_file.write_text(certificate)
    typer.echo(f"WANDERAMT_DOCUMENT_KEY is the text of {key_file}")
    typer.echo(f"WANDERAMT_DOCUMENT_CERTIFICATE is the text of {certificate_file}")


def _trusted(file: Path) -> list[Trust]:
    try:
        trusted = trusted_in(file.read_text())
    except ValueError as error:
        raise typer.BadParameter(f"{file}: {error}") from error
    if not trusted:
        raise typer.BadParameter(f"{file} holds no certificate")
    return trusted


def _listed(file: Path | None, trusted: list[Trust]) -> StatusList | None:
    if not file:
        return None
    found = read_list(file.read_bytes(), trusted)
    if isinstance(found, Refusal):
        raise typer.BadParameter(f"{file}: {found.hint}")
    return found


def _show(claims: Claims, stands: Standing, listed: StatusList | None) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("this paper is", SAID[stands]),
        ("number", claims.number),
        ("issued to", claims.holder or "(not named)"),
        ("issued at", claims.issued_at.isoformat(timespec="minutes")),
        ("valid until", str(claims.valid_until or "(no end)")),
        ("authority", claims.authority),
        ("given", "at a stand, before the office had heard of it" if claims.given_by else "by the office"),
        ("list as of", listed.as_of.isoformat(timespec="minutes") if listed else "(no list given)"),
    ):
        table.add_row(name, value)
    Console().print(table)
