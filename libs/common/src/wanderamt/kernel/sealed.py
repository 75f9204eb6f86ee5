"""An encrypted field. Its plain text never appears in an event, a row or a log."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Sealed(BaseModel):
    """AES-256-GCM ciphertext under the key of `subject`; `nonce` and `text` are base64. See `security.keys`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: UUID
    nonce: str
    text: str
