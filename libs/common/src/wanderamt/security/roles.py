"""The closed set of roles. Every route names the roles it is open to; a test walks all routes."""

from enum import StrEnum


class Role(StrEnum):
    CLERK = "clerk"  # takes cases at a stand, on an enrolled device
    PLANNER = "planner"  # plans stands
    OPERATOR = "operator"  # enrols devices, looks after the machines
