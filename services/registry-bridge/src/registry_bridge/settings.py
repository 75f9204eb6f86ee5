"""Settings of the registry bridge."""

from pydantic import Field, SecretStr
from wanderamt.shell.settings import ServiceSettings


class Settings(ServiceSettings):
    residents_url: str = Field(description="SOAP endpoint of the residents register, behind the authority's portal")
    residents_participant: str = Field("AT:L6:40101", description="the authority's id in the portal network")
    residents_secret: SecretStr = Field(SecretStr(""), description="bearer secret of the portal, empty: none is sent")
    residents_timeout_s: float = Field(20.0, gt=0, description="of one call, in seconds")
    residents_slots: int = Field(8, ge=1, description="calls at the same time")
