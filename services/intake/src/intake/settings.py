"""Settings of intake, beside those of every service."""

from pathlib import Path

from pydantic import Field, SecretStr
from wanderamt.kernel.line_text import LineText
from wanderamt.shell.settings import CityServiceSettings


class IntakeSettings(CityServiceSettings):
    document_key: SecretStr = Field(
        description="PEM of the P-256 key that signs documents; see 'wanderamt document new-key'"
    )
    document_certificate: str = Field(description="PEM of the certificate of that key")
    previous_certificates: str = Field("", description="PEM of earlier certificates whose documents are still valid")
    assertion_key: SecretStr = Field(description="32 bytes in base64, shared with the registry bridge only")
    pdf_workers: int = Field(1, ge=1, le=32, description="Processes that render PDFs; each renders some 70 per second.")
    overdue_case_owner: LineText = Field(
        "head of office",
        min_length=1,
        max_length=100,
        description="new owner of a case whose owner missed the deadline",
    )
    missed_obligation_owner: LineText = Field(
        "office",
        min_length=1,
        max_length=100,
        description="new owner of a case whose citizen has not done in time what was due",
    )
    close_after_days: int = Field(
        30, ge=0, le=3650, description="days after its end at which a case is closed, if nothing is open in it"
    )
    operators: LineText = Field(
        "operators",
        min_length=1,
        max_length=100,
        description="owner of a case that waits for a fault of ours, such as a register without a bridge",
    )
    session_key: SecretStr = Field(description="PEM of the P-256 key that signs the tokens of field devices")
    public_addresses: list[str] = Field(
        min_length=1,
        description="addresses at which the crew's app reaches intake, as a JSON list, such as "
        '["https://buergerservice.city.example"]; http://localhost:* is any port of this machine',
    )
    sign_in_url: str = Field("", description="OpenID Connect issuer where clerks sign in, such as a city's Keycloak.")
    sign_in_client: str = Field("wanderamt-field", description="Client id of the crew's app there (public, PKCE).")
    lock_after_s: int = Field(300, ge=10, le=3600, description="Idle seconds after which the crew's app locks itself.")
    field_app_folder: Path | None = Field(None, description="The built crew's app; without it, the one in the package.")
    waiting_devices: int = Field(2000, ge=1, description="Devices that may wait for changes in one process.")
