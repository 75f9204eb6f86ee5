"""A field that only key holders read. The plain text never stands in an event, a row or a log."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Sealed(BaseModel):
    """AES-256-GCM text under the key of `subject`; `nonce` and `text` are base64. `security.keys` opens it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: UUID
    nonce: str
    text: str
