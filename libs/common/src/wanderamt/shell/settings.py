"""Settings of every service. `app.build` reads them once from the environment (WANDERAMT_…) and passes them on."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="WANDERAMT_", frozen=True)

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/database of this service only")
    database_connections: int = Field(10, ge=2, description="upper bound of the connection pool")
    kafka_bootstrap_servers: str = Field(description="host:port, comma separated")
    kafka_replicas: int = Field(1, ge=1, description="replication factor of created topics; 3 in production")
    topic_prefix: str = Field("", description="prefix of topics and consumer groups; empty in production")
    host: str = Field("127.0.0.1", description="address on which the HTTP server listens")
    port: int = Field(0, ge=0, description="HTTP port; 0 lets the system choose")
    token_public_key: str = Field(description="PEM of the key that signs access tokens (ES256)")
    encryption_key: SecretStr = Field(description="32 bytes in base64: master key of encrypted personal data")
    inbox_retention_days: float = Field(
        30, gt=0, description="days that event ids are kept; longer than any Kafka outage"
    )
    version_retention_days: float = Field(
        400, gt=0, description="days that the last version of an inactive aggregate is kept"
    )
    audit_retention_days: float = Field(3650, gt=0, description="days that operators' actions are kept")
    otlp_endpoint: str = Field("", description="OTLP/HTTP endpoint for traces; empty: no traces are sent")
    trace_folder: str = Field(
        "", description="folder for spans as JSON lines, for development; empty: no spans are written"
    )
    trace_sample_ratio: float = Field(1.0, ge=0, le=1, description="fraction of traces started here that is recorded")
    log_level: str = Field("info", description="debug, info, warning or error")
