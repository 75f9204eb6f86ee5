"""Settings of intake, beside those of every service."""

from pathlib import Path

from pydantic import Field, SecretStr
from wanderamt.shell.settings import CityServiceSettings


class IntakeSettings(CityServiceSettings):
    catalogue_folder: Path | None = Field(None, description="The city's own catalogue; without it, that of Linz.")
    authority_code: str = Field("at-linz", description="Short name of the authority in the QR seal of its documents.")
    document_key: SecretStr = Field(
        description="PEM of the P-256 key that signs documents; see 'wanderamt document new-key'"
    )
    document_certificate: str = Field(description="PEM of the certificate of that key")
    previous_certificates: str = Field("", description="PEM of earlier certificates whose documents are still valid")
    assertion_key: SecretStr = Field(description="32 bytes in base64, shared with the registry bridge only")
    pdf_workers: int = Field(1, ge=1, le=32, description="Processes that render PDFs; each renders some 70 per second.")
    overdue_case_owner: str = Field("head of office", description="new owner of a case whose owner missed the deadline")
    session_key: SecretStr = Field(description="PEM of the P-256 key that signs the tokens of field devices")
    sign_in_url: str = Field("", description="OpenID Connect issuer where clerks sign in, such as a city's Keycloak.")
    sign_in_client: str = Field("wanderamt-field", description="Client id of the crew's app there (public, PKCE).")
    lock_after_s: int = Field(300, ge=10, le=3600, description="Idle seconds after which the crew's app locks itself.")
    field_app_folder: Path | None = Field(None, description="The built crew's app; without it, the one in the package.")
