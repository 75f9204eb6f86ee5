"""How many calls a register accepts from us, when it is closed, and when the circuit breaker opens."""

from datetime import time
from enum import StrEnum

from pydantic import Field, model_validator

from connector_kit.manifest.section import ManifestSection, Name


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class RegisterLimits(ManifestSection):
    """What the register accepts from all our processes together. `interactive_share`: the share of simultaneous
    calls that is reserved for lookups of officers who wait for the answer."""

    rate_per_s: float = Field(gt=0, le=10_000)
    max_concurrent_calls: int = Field(ge=1, le=1000)
    daily_quota: int | None = Field(None, ge=1, description="Calls per day, in the register's time zone.")
    interactive_share: float = Field(0.25, ge=0, lt=1)

    @property
    def interactive_slots(self) -> int:
        """Simultaneous calls reserved for interactive lookups."""
        return (
            min(self.max_concurrent_calls - 1, -int(-self.max_concurrent_calls * self.interactive_share // 1))
            if self.interactive_share
            else 0
        )

    @property
    def background_slots(self) -> int:
        """Simultaneous calls for which nobody waits."""
        return self.max_concurrent_calls - self.interactive_slots


class Portal(ManifestSection):
    """Several registers behind one portal: what it accepts for all of them together."""

    id: Name
    rate_per_s: float = Field(gt=0, le=1000)


class BreakerRules(ManifestSection):
    """The circuit breaker opens on too many failed or slow calls, among at least `min_calls` within `window_s`
    seconds."""

    window_s: float = Field(60, gt=0)
    min_calls: int = Field(10, ge=1)
    failure_share: float = Field(0.5, gt=0, le=1)
    slow_after_s: float = Field(10, gt=0)
    slow_share: float = Field(0.8, gt=0, le=1)
    open_s: float = Field(30, gt=0, description="Time to the first probe; doubles after each failed probe.")
    max_open_s: float = Field(600, gt=0)


class MaintenanceWindow(ManifestSection):
    """Weekly maintenance on these days. A window over midnight belongs to the day on which it begins."""

    days: tuple[Weekday, ...] = Field(min_length=1)
    begins: time
    ends: time

    @model_validator(mode="after")
    def _has_length(self) -> "MaintenanceWindow":
        if self.begins == self.ends:
            raise ValueError("begins and ends must differ")
        return self
