"""Settings of notifications."""

from pydantic import Field, SecretStr
from wanderamt.shell.settings import ServiceSettings


class Settings(ServiceSettings):
    sms_url: str = Field(description="HTTP gateway for SMS, such as https://gateway.example/messages")
    sms_key: SecretStr = Field(description="bearer key of the SMS gateway")
    sms_sender: str = Field("Stadt Linz", max_length=11, description="the one fixed sender of every SMS")
    smtp_host: str
    smtp_port: int = 25
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_start_tls: bool = Field(default=True, description="false only on a machine's own loopback")
    mail_sender: str = Field("buergerservice@linz.example", description="the one fixed sender of every mail")
    provider_timeout_s: float = Field(10.0, gt=0, description="of one call to a provider, in seconds")
    provider_slots: int = Field(16, ge=1, description="messages under way at the same time")
