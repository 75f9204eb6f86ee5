"""Settings of every service. `app.build` reads them once from the environment (WANDERAMT_…) and passes them on."""

from typing import Self

from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from wanderamt.backbone.start_error import CannotStartError

PREFIX = "WANDERAMT_"
MIN_METRICS_TOKEN = 32


class InvalidSettingsError(CannotStartError):
    """Settings are missing or wrong; the message has a line for each, with what it is for."""


class ServiceSettings(BaseSettings):
    """What a service needs to consume events, to run jobs and to serve HTTP. Raises InvalidSettingsError."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/database of this service only")
    database_connections: int = Field(10, ge=2, description="upper bound of the connection pool")
    kafka_bootstrap_servers: str = Field(description="host:port, comma separated")
    kafka_replicas: int = Field(1, ge=1, description="replication factor of created topics; 3 in production")
    topic_prefix: str = Field("", description="prefix of topics and consumer groups; empty in production")
    host: str = Field("127.0.0.1", description="address on which the HTTP server listens")
    port: int = Field(0, ge=0, description="HTTP port; 0 lets the system choose")
    token_public_key: str = Field(
        "", description="PEM of the key that signs access tokens (ES256); empty: routes with roles admit nobody"
    )
    inbox_retention_days: float = Field(
        30, gt=0, description="days that event ids are kept; longer than any Kafka outage"
    )
    version_retention_days: float = Field(
        400, gt=0, description="days that the last version of an inactive aggregate is kept"
    )
    job_retention_hours: float = Field(
        24, gt=0, description="hours that succeeded jobs are kept, without their bodies, for operators' statistics"
    )
    audit_retention_days: float = Field(3650, gt=0, description="days that operators' actions are kept")
    otlp_endpoint: str = Field(
        "",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OTLP/HTTP endpoint for traces, metrics and logs; empty: none are sent. The other OTEL_ variables "
        "(OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS) hold as well",
    )
    trace_folder: str = Field(
        "", description="folder for spans as JSON lines, for development; empty: no spans are written"
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="secret of the scraper of /metrics, at least 32 characters; empty: operators only"
    )
    log_level: str = Field("info", description="debug, info, warning or error")

    @field_validator("metrics_token")
    @classmethod
    def _is_strong(cls, token: SecretStr) -> SecretStr:
        if 0 < len(token.get_secret_value()) < MIN_METRICS_TOKEN:
            raise ValueError(f"it needs at least {MIN_METRICS_TOKEN} characters, or none")
        return token

    @model_validator(mode="wrap")
    @classmethod
    def _explained(cls, values: object, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(values)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            problems = "".join(f"\n  {_problem(cls, detail)}" for detail in details)
            raise InvalidSettingsError(f"these environment variables are missing or wrong:{problems}") from None


class CityServiceSettings(ServiceSettings):
    """For the city's own services: officers call them with tokens, and they read encrypted fields."""

    token_public_key: str = Field(description="PEM of the key that signs access tokens (ES256)")
    encryption_key: SecretStr = Field(description="32 bytes in base64: master key of encrypted personal data")


def variable_of(name: str, field: FieldInfo) -> str:
    """The environment variable of a setting."""
    return field.validation_alias if isinstance(field.validation_alias, str) else f"{PREFIX}{name.upper()}"


def _problem(settings: type[ServiceSettings], detail: ErrorDetails) -> str:
    """One line: the variable, what is wrong with it, and what it is for."""
    first, *inside = map(str, detail["loc"] or ("",))
    fields = settings.model_fields
    name = next((name for name, field in fields.items() if first in {name, field.validation_alias}), "")
    if not name:  # a rule about several settings
        return detail["msg"]
    variable = " at ".join([variable_of(name, fields[name]), *filter(None, [".".join(inside)])])
    wrong = "is missing" if detail["type"] == "missing" else f"is wrong ({detail['msg']})"
    purpose = f": {fields[name].description}" if fields[name].description else ""
    return f"{variable} {wrong}{purpose}"
