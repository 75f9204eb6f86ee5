"""Whose turn an entry is, and what becomes of fields that two devices changed.

An entry says which version of the case its author saw. A field changed by one side only is taken; a field changed by
both to different values is a conflict: the value that lies there stays, the other is kept for a person to decide.
Nothing is dropped. Source: three-way merge per field, with the form of the seen version as the common ancestor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from wanderamt.kernel.ids import DeviceId

from intake.domain.process.happening import FieldValue, Filled, Form, Happening


class Turn(StrEnum):
    NEXT = "next"
    EARLY = "early"  # held back until the ones before it are here
    LATE = "late"  # its place in the sequence is taken already


def turn_of(case_seq: int, *, last: int) -> Turn:
    """`last`: the case sequence of this device that was applied last, 0 for none."""
    if case_seq == last + 1:
        return Turn.NEXT
    return Turn.EARLY if case_seq > last else Turn.LATE


@dataclass(frozen=True, slots=True)
class Clash:
    """Both sides changed `name`: `base` is what both saw, `here` what lies there, `theirs` what came now."""

    name: str
    base: FieldValue
    here: FieldValue
    theirs: FieldValue


@dataclass(frozen=True, slots=True)
class Merged:
    """`fields`: what is to be written; it never undoes what the other side wrote."""

    fields: Form
    clashes: tuple[Clash, ...] = ()


def seen(history: Iterable[tuple[Happening, DeviceId | None]], *, base_version: int, device_id: DeviceId) -> Form:
    """The form as its author saw it: that of the base version, with what the same device wrote since."""
    form: dict[str, FieldValue] = {}
    for version, (happening, by) in enumerate(history, 1):
        if isinstance(happening, Filled) and (version <= base_version or by == device_id):
            form.update(happening.fields)
    return form


def merge(base: Form, here: Form, theirs: Form) -> Merged:
    """`theirs`: the fields that came, None for one that was emptied. A field that is not in a form is empty."""
    fields: dict[str, FieldValue] = {}
    clashes = []
    for name, value in theirs.items():
        seen, lies = base.get(name), here.get(name)
        if _same(value, lies):
            continue
        if _same(seen, lies):
            fields[name] = value
        elif not _same(value, seen):
            clashes.append(Clash(name, seen, lies, value))
    return Merged(fields, tuple(clashes))


def _same(one: FieldValue, other: FieldValue) -> bool:
    """True is not 1: a yes and a number are different answers."""
    return type(one) is type(other) and one == other
