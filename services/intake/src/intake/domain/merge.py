"""The order of entries, and the merge of fields that two devices changed.

An entry names the case version that its author saw. A change by one side only applies. If both sides changed a field to
different values, the current value stays and the conflict goes to a person; no value is lost. Algorithm: three-way
merge per field, with the form of the seen version as the common ancestor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from wanderamt.kernel.ids import DeviceId

from intake.domain.case.case_events import CaseHistoryEvent, FieldValue, Filled, Form


class SequencePosition(StrEnum):
    NEXT = "next"
    AHEAD = "ahead"  # waits for the entries before it
    DUPLICATE = "duplicate"  # another entry has this sequence number


def sequence_position(case_seq: int, *, last: int) -> SequencePosition:
    """`last`: the last applied case sequence of this device, 0 for none."""
    if case_seq == last + 1:
        return SequencePosition.NEXT
    return SequencePosition.AHEAD if case_seq > last else SequencePosition.DUPLICATE


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """Both sides changed `name`. `base`: the value both saw; `current`: the stored value; `incoming`: the new value."""

    name: str
    base: FieldValue
    current: FieldValue
    incoming: FieldValue


@dataclass(frozen=True, slots=True)
class MergeResult:
    """`fields`: the changes to apply; they never overwrite a change of the other side."""

    fields: Form
    conflicts: tuple[FieldConflict, ...] = ()


def form_as_seen_by(
    history: Iterable[tuple[CaseHistoryEvent, DeviceId | None]], *, base_version: int, device_id: DeviceId
) -> Form:
    """The form that the author saw: that of the base version, plus later changes by the same device."""
    form: dict[str, FieldValue] = {}
    for version, (event, changed_by) in enumerate(history, 1):
        if isinstance(event, Filled) and (version <= base_version or changed_by == device_id):
            form.update(event.fields)
    return form


def merge(base: Form, current: Form, incoming: Form) -> MergeResult:
    """`incoming`: the changed fields, None for an emptied one. A field absent from a form is empty."""
    fields: dict[str, FieldValue] = {}
    conflicts = []
    for name, value in incoming.items():
        seen, stored = base.get(name), current.get(name)
        if _same(value, stored):
            continue
        if _same(seen, stored):
            fields[name] = value
        elif not _same(value, seen):
            conflicts.append(FieldConflict(name, seen, stored, value))
    return MergeResult(fields, tuple(conflicts))


def _same(left: FieldValue, right: FieldValue) -> bool:
    """True differs from 1: yes and a number are different answers."""
    return type(left) is type(right) and left == right
