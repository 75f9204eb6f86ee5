"""The numbers that the entries of a request use: loaded with their blocks, spent one entry after the other, saved.

Invariants: an entry spends all of its numbers and uses the id of its document, or none of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import DeviceId, EntryId
from wanderamt.kernel.refusal import Refusal

from intake.domain.entry import AnyEntry, document_id_of, numbers_of
from intake.domain.numbers import NumberBlock, NumberSeries, parse_number, parse_numbers, spend
from intake.domain.refusals import DOCUMENT_ID_TAKEN, NUMBER_NOT_IN_BLOCK
from intake.store import number_statements
from intake.store.number_statements import SpentNumber


@dataclass
class SpentNumbers:
    """`blocks`: locked. `documents`: ids that a document has, or gets by this request. `status_list_indexes`: of the
    numbers of documents that were spent."""

    numbers: dict[EntryId, list[tuple[str, NumberSeries]]] = field(default_factory=dict)
    blocks: dict[UUID, NumberBlock] = field(default_factory=dict)
    documents: set[UUID] = field(default_factory=set)
    spent: list[SpentNumber] = field(default_factory=list)
    status_list_indexes: dict[str, int] = field(default_factory=dict)

    async def load(self, entries: Iterable[AnyEntry], uow: UnitOfWork) -> None:
        """Locks the blocks of all numbers in the entries, and the ids of their new documents.

        An unreadable number is refused later, with its entry.
        """
        new_documents = []
        for entry in entries:
            if numbers := numbers_of(entry):
                self.numbers[EntryId(entry.entry_id)] = numbers
                if document_id := document_id_of(entry):  # each has a number
                    new_documents.append(document_id)
        parsed = [parse_number(text) for numbers in self.numbers.values() for text, _ in numbers]
        readable = [number for number in parsed if not isinstance(number, Refusal)]
        if readable:
            self.blocks, self.documents = await number_statements.lock_blocks_of(
                uow, readable, new_documents=new_documents
            )

    def spend(self, entry: AnyEntry, device_id: DeviceId) -> Refusal | None:
        numbers = self.numbers.get(EntryId(entry.entry_id)) if self.numbers else None
        if not numbers:
            return None
        document_id = document_id_of(entry)
        if document_id in self.documents:
            return DOCUMENT_ID_TAKEN
        parsed = parse_numbers(numbers)
        if isinstance(parsed, Refusal):
            return parsed
        blocks, spent = dict(self.blocks), []
        for number in parsed:
            block_id = next((id_ for id_, block in blocks.items() if block.contains(number)), None)
            if not block_id:
                return NUMBER_NOT_IN_BLOCK
            block = spend(blocks[block_id], number.serial, device_id=device_id)
            if isinstance(block, Refusal):
                return block
            blocks[block_id] = block
            index = block.status_list_index(number.serial)
            if index is not None:
                self.status_list_indexes[str(number)] = index
            spent.append(SpentNumber(block_id, number, entry_id=EntryId(entry.entry_id)))
        self.blocks = blocks
        self.spent += spent
        if document_id:
            self.documents.add(document_id)
        return None

    def save(self, uow: UnitOfWork) -> None:
        if self.spent:
            uow.write_later(number_statements.insert_spent(self.spent, now=uow.now))
