"""Settings of intake, beside those of every service."""

from pathlib import Path

from pydantic import Field, SecretStr
from wanderamt.shell.settings import ServiceSettings


class Settings(ServiceSettings):
    catalogue_folder: Path | None = Field(None, description="A city's own offers; without it, those of Linz.")
    authority_code: str = Field("at-linz", description="Short name of the authority, in the stamp of its papers.")
    document_key: SecretStr = Field(description="PEM of the P-256 key that signs papers; see 'wanderamt paper new-key'")
    document_certificate: str = Field(description="PEM of the certificate of that key")
    former_certificates: str = Field("", description="PEM of certificates papers still out there were signed with")
    assertion_key: SecretStr = Field(description="32 bytes in base64, shared with the registry bridge alone")
    printers: int = Field(1, ge=1, le=32, description="Processes that print; one makes some 70 pages a second.")
    late_cases_to: str = Field("head of office", description="Who gets a case whose owner let its deadline pass.")
    session_key: SecretStr = Field(description="PEM of the P-256 key that signs the tokens of field devices")
    sign_in_url: str = Field(
        "", description="OpenID Connect issuer at which clerks sign in, such as a city's Keycloak."
    )
    sign_in_client: str = Field("wanderamt-field", description="Client id of the crew's app there (public, PKCE).")
    lock_after_s: int = Field(300, ge=10, le=3600, description="Silence after which the crew's app locks, in seconds.")
    field_app_folder: Path | None = Field(None, description="The built app; without it, the one that was shipped.")
