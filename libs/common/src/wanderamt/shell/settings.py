"""Settings of every service. `app.build` reads them once from the environment (WANDERAMT_…) and passes them on."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from wanderamt.backbone.start_error import CannotStartError
from wanderamt.security.dpop import parse_public_address
from wanderamt.shell.client_address import HOW_TO_SET, TrustedProxies

PREFIX = "WANDERAMT_"
MIN_METRICS_TOKEN = 32

PublicUrl = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=300)]
"""An address that pages, calendars and mails show: ASCII, as in the address line of a browser."""


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
    http_connections: int = Field(
        4000, ge=16, description="connections that may be open; above it, those without a complete request are closed"
    )
    http_network_share: float = Field(
        0.25,
        gt=0,
        le=1,
        description="share of these for one network (an IPv4 address, an IPv6 /56); trusted proxies have no such bound",
    )
    http_header_timeout_s: float = Field(10, gt=0, description="seconds until the headers of a request are complete")
    http_keep_alive_s: int = Field(
        65, gt=0, description="seconds that an idle connection stays open; longer than proxies use it"
    )
    http_body_pause_s: float = Field(20, gt=0, description="seconds that a request's body may pause")
    http_body_min_rate: int = Field(
        1024, gt=0, description="bytes per second of a body after that; slower ones are refused"
    )
    http_body_longest_s: float = Field(600, gt=0, description="seconds after which any body must be complete")
    stop_delay_s: float = Field(
        0.5,
        ge=0,
        description="seconds from 'not ready' to the end of new connections; in a cluster as long as it routes here",
    )
    trusted_proxies: str = Field("", description=f"{HOW_TO_SET}; empty: no route may count by address")
    token_public_key: str = Field(
        "", description="PEM of the key that signs access tokens (ES256); empty: routes with roles admit nobody"
    )
    max_token_lifetime_hours: float = Field(
        12, gt=0, le=24, description="longest lifetime of an access token of the sign-in; others are refused"
    )
    public_addresses: list[str] = Field(
        [],
        description="addresses under which clients reach this service, as a JSON list: "
        '["https://buergerservice.city.example"]. A proof of a device (DPoP) must name one of them; http://localhost:* '
        "is any port of this machine. With https only, browsers are told to use nothing else (HSTS)",
    )
    documentation: bool = Field(
        default=False, description="true: shows the routes at /docs and /openapi.json, to everybody; for development"
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

    @field_validator("public_addresses")
    @classmethod
    def _are_addresses(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            parse_public_address(address)
        return addresses

    @field_validator("metrics_token")
    @classmethod
    def _is_strong(cls, token: SecretStr) -> SecretStr:
        if 0 < len(token.get_secret_value()) < MIN_METRICS_TOKEN:
            raise ValueError(f"it needs at least {MIN_METRICS_TOKEN} characters, or none")
        return token

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        if text:
            TrustedProxies.parse(text)
        return text

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
    """For the city's own services: officers call them with tokens, and they read encrypted fields.

    They are open to the public, so somebody decides about proxies before they start.
    """

    authority: str = Field(
        "",
        max_length=60,
        pattern=r"^([a-z]{2}-[a-z0-9-]+)?$",
        description="code of the authority whose cases, stands and events these are; empty: that of the catalogue",
    )
    catalogue_folder: Path | None = Field(
        None,
        description="folder of the city's own catalogue, with its authority.yaml, the same for all services; empty: "
        "the packaged one",
    )
    trusted_proxies: str = Field(min_length=1, description=HOW_TO_SET)
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
