"""Simulates the tax office: reads files of orders, assigns tags. Nightly run: connector_kit.testing.file_simulator.

Invariants: a chip belongs to one registered dog; a withdrawn dog stays a row.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from connector_kit.folder import BridgeFolder
from connector_kit.testing.file_simulator import FileFaults, FileSimulator
from connector_kit.testing.simulator import Rows

from registry_bridge.bridges.dogs.adapter import NO_SUCH_DOG, REGISTER, WITHDRAW

LONGEST_BREED = 30  # the width of the column in its database


@dataclass(slots=True)
class DogRow:
    tag: str
    request_id: str
    family_name: str
    given_name: str
    birth: str
    chip: str
    breed: str
    born: str
    name: str
    former_family_name: str
    former_given_name: str
    withdrawn: bool = field(default=False, init=False)


@dataclass
class DogBook:
    """`answer`: to a line of an order file; None for its trailer."""

    dogs: list[DogRow] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def answer(self, line: str) -> tuple[str, str] | None:
        match line.split(";"):
            case [id_, kind, *fields] if kind == REGISTER and len(fields) == 9:
                return id_, self._once(id_, lambda: self._register(id_, fields))
            case [id_, kind, chip] if kind == WITHDRAW:
                return id_, self._once(id_, lambda: self._withdraw(chip))
        return None

    def _once(self, id_: str, execute: Callable[[], str]) -> str:
        """A file may arrive twice."""
        if id_ not in self.answers:
            self.answers[id_] = f"{id_};{execute()}"
        return self.answers[id_]

    def rows(self) -> Rows:
        return {"dogs": [asdict(dog) for dog in self.dogs]}

    def _register(self, id_: str, fields: list[str]) -> str:
        dog = DogRow("", id_, *fields)
        if len(dog.breed) > LONGEST_BREED:
            return "NO;BREED"
        if any(other.chip == dog.chip and not other.withdrawn for other in self.dogs):
            return "NO;CHIP"
        dog.tag = f"L-{next(self._numbers):05}"
        self.dogs.append(dog)
        return f"OK;{dog.tag}"

    def _withdraw(self, chip: str) -> str:
        """Of several dogs with this chip, the last one; the others are withdrawn before."""
        dogs = [dog for dog in self.dogs if dog.chip == chip]
        if not dogs:
            return f"NO;{NO_SUCH_DOG}"
        dogs[-1].withdrawn = True
        return f"OK;{dogs[-1].tag}"


class DogsSimulator(FileSimulator):
    """Each order is executed once per id."""

    def __init__(self, folder: BridgeFolder, root: Path, faults: FileFaults) -> None:
        self.book, files = DogBook(), folder.manifest.files
        assert files  # noqa: S101 -- bridge.toml has [files]
        super().__init__(root, files, answer=self.book.answer, trailer=lambda rows: f"*;{rows}", faults=faults)

    def rows(self) -> Rows:
        return self.book.rows()


def open_simulator(folder: BridgeFolder, root: Path, *, faults: dict[str, Any]) -> DogsSimulator:
    return DogsSimulator(folder, root, FileFaults.model_validate(faults))
