"""The roles of users. `security.policy` says what each of them may do."""

from enum import StrEnum


class Role(StrEnum):
    CLERK = "clerk"  # records cases at a stand, on an enrolled device
    OFFICE = "office"  # works on cases of all stands in the office, each time for a written reason
    PLANNER = "planner"  # plans stands
    OPERATOR = "operator"  # enrols devices, cuts off devices and officers, operates the services
    AUDITOR = "auditor"  # reads who did what, and changes nothing
