"""Questions to the social office and its answers. No income is named in either."""

from datetime import date

from pydantic import Field

from registry_bridge.bridges.shared_models import RecordNumber, RegisterPerson, SharedModel


class ThresholdQuery(RegisterPerson):
    """Whose income is compared with the threshold."""


class ThresholdAnswer(SharedModel):
    """Yes or no, and nothing else."""

    below: bool = Field(description="Whether the income is below the threshold.")


class PassOrder(RegisterPerson):
    """A pass for one person, who has no other one."""

    valid_until: date


class IssuedPass(SharedModel):
    number: str = Field(min_length=1, max_length=40)
    valid_until: date


class PassNumber(SharedModel):
    """Also the answer to a withdrawal."""

    number: RecordNumber
