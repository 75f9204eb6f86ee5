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
