"""The originator of a change to a case."""

from typing import NamedTuple

from wanderamt.kernel.ids import DeviceId, EntryId, StandId


class Actor(NamedTuple):
    """An officer, with the device, stand and entry that carried the change; or a register, or a periodic task."""

    officer: str
    device_id: DeviceId | None = None
    stand_id: StandId | None = None
    entry_id: EntryId | None = None
    traceparent: str | None = None
