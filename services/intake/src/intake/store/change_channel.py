"""The notifications of changed cases, which wake the requests of devices that wait for them."""

from uuid import UUID

CHANNEL = "cases_of_stand"


def stand_channel(stand_id: UUID) -> str:
    """For `uow.channels_to_notify` of a transaction that changes a case of the stand."""
    return f"{CHANNEL}:{stand_id}"
