"""Settings every service has. Read from the environment (WANDERAMT_…) once, by `app.build`, and passed on as values."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="WANDERAMT_", frozen=True)

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/database of this service alone")
    database_connections: int = Field(10, ge=2, description="upper bound of the connection pool")
    kafka_bootstrap_servers: str = Field(description="host:port, comma separated")
    kafka_replicas: int = Field(1, ge=1, description="replication factor of topics that are created; 3 in production")
    topic_prefix: str = Field("", description="put before each topic and consumer group; empty in production")
    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, description="HTTP port; 0 lets the system choose")
    token_public_key: str = Field(description="PEM of the key that signs access tokens (ES256)")
    sealing_key: SecretStr = Field(description="32 bytes in base64: master key of sealed personal data")
    inbox_days: float = Field(30, gt=0, description="how long event ids are remembered; longer than any Kafka outage")
    version_days: float = Field(400, gt=0, description="how long the last version of an idle aggregate is remembered")
    action_days: float = Field(3650, gt=0, description="how long operators' actions stay written down")
    otlp_endpoint: str = Field("", description="OTLP/HTTP traces endpoint; empty: traces are not sent")
    trace_folder: str = Field(
        "", description="folder for spans as JSON lines, for development; empty: none are written"
    )
    trace_share: float = Field(1.0, ge=0, le=1, description="share of traces begun here that are recorded")
    log_level: str = "info"
