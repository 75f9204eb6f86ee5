"""Commands to verify a document, and for the authority that signs documents."""

from pathlib import Path
from typing import Annotated, Final

import typer
from wanderamt.backbone.environment import utc_now
from wanderamt.kernel.refusal import Refusal
from wanderamt.shell.line_option import typed_line

from intake.domain.document_status import Claims, DocumentStatus, document_status
from intake.domain.status_list import StatusList
from intake.signing.authority import TrustedCertificate, new_authority, parse_certificates
from intake.signing.document_verification import verify_document
from intake.signing.qr_seal import verify_status_list

NOT_ACCEPTED: Final = 1
STATUS_TEXT: Final = {
    DocumentStatus.VALID: "genuine and valid",
    DocumentStatus.REVOKED: "genuine, but revoked: do not accept it",
    DocumentStatus.EXPIRED: "genuine, but expired",
    DocumentStatus.UNKNOWN: "genuine; it is not known whether it was revoked: pass a newer --status-list",
}

document = typer.Typer(help="Documents: the key that signs them.", no_args_is_help=True)


@document.callback()
def documents() -> None:
    """Documents of an authority."""


def verify(
    source: Annotated[
        str, typer.Argument(metavar="FILE|QR", help="A signed PDF, a picture of it, or the text of its QR code.")
    ],
    certificate: Annotated[Path, typer.Option(help="PEM of the authority: GET /authority.pem", exists=True)],
    status_list: Annotated[
        Path | None, typer.Option(help="Revoked documents: GET /status-list, at most 3 days old", exists=True)
    ] = None,
) -> None:
    """Verify that a document is genuine and valid. Exit code 0 only for a genuine and valid document.

    The certificate file may hold several certificates. The command works without a network: fetch the files beforehand.
    """
    trusted = _trusted(certificate)
    revoked = _status_list(status_list, trusted)
    file = Path(source) if not source.startswith("WA1:") else None
    if file and not file.is_file():
        raise typer.BadParameter(f"'{source}' is neither a file nor the text of a QR code, which begins with WA1:")
    claims = verify_document(file.read_bytes() if file else source.encode(), trusted)
    if isinstance(claims, Refusal):
        typer.echo(f"not accepted ({claims.code}): {claims.hint}", err=True)
        raise typer.Exit(NOT_ACCEPTED)
    status = document_status(claims, revoked, now=utc_now())
    _show(claims, status, revoked)
    if status is not DocumentStatus.VALID:
        raise typer.Exit(NOT_ACCEPTED)


@document.command("new-key")
def new_key(
    name: Annotated[
        str, typer.Argument(help="The authority as its documents name it, such as 'Stadt Wien'.", callback=typed_line)
    ],
    folder: Annotated[Path, typer.Option(help="Where to write document.key (mode 600) and document.pem.")] = Path(),
) -> None:
    """Create a key that signs documents, and its certificate: for tests, and for a city that has none yet."""
    key_file, certificate_file = folder / "document.key", folder / "document.pem"
    if key_file.exists():
        raise typer.BadParameter(f"{key_file} exists: without it, documents that it signed could no longer be verified")
    key, certificate = new_authority(name, now=utc_now())
    key_file.touch(mode=0o600)
    key_file.write_text(key)
    certificate_file.write_text(certificate)
    typer.echo(f"WANDERAMT_DOCUMENT_KEY is the text of {key_file}")
    typer.echo(f"WANDERAMT_DOCUMENT_CERTIFICATE is the text of {certificate_file}")


def _trusted(file: Path) -> list[TrustedCertificate]:
    try:
        trusted = parse_certificates(file.read_text())
    except ValueError as error:
        raise typer.BadParameter(f"{file}: {error}") from error
    if not trusted:
        raise typer.BadParameter(f"{file} holds no certificate")
    return trusted


def _status_list(file: Path | None, trusted: list[TrustedCertificate]) -> StatusList | None:
    if not file:
        return None
    status_list = verify_status_list(file.read_bytes(), trusted)
    if isinstance(status_list, Refusal):
        raise typer.BadParameter(f"{file}: {status_list.hint}")
    return status_list


def _show(claims: Claims, status: DocumentStatus, revoked: StatusList | None) -> None:
    lines = (
        ("this document is", STATUS_TEXT[status]),
        ("document", claims.kind or "(not named: an older code)"),
        ("facts", claims.main or "(not named)"),
        ("number", claims.number),
        ("issued to", claims.holder or "(not named)"),
        ("issued at", claims.issued_at.isoformat(timespec="minutes")),
        ("valid until", str(claims.valid_until or "(no end)")),
        ("authority", claims.authority),
        (
            "issued by",
            "a device at a stand, before the back office knew of it" if claims.given_by else "the back office",
        ),
        ("list as of", revoked.as_of.isoformat(timespec="minutes") if revoked else "(no list given)"),
    )
    for name, value in lines:
        typer.echo(f"{name:<18}{value}")
    typer.echo("Compare with the paper: it must show exactly this. Do not accept the code on any other text.")
