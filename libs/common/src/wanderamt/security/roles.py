"""The roles of users and services. Each route names the roles it is open to; a test checks all routes."""

from enum import StrEnum


class Role(StrEnum):
    CLERK = "clerk"  # records cases at a stand, on an enrolled device
    PLANNER = "planner"  # plans stands
    OPERATOR = "operator"  # enrols devices, operates the services
