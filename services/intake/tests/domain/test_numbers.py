"""Leased numbers: never used twice, no gap without a reason."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from intake.domain.numbers import (
    Number,
    NumberBlock,
    NumberSeries,
    lease_block,
    parse_number,
    return_block,
    spend,
    void,
)
from intake.domain.refusals import NUMBER_NOT_IN_BLOCK, NUMBER_TAKEN, NUMBER_UNREADABLE
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.refusal import Refusal

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
STAND = StandId(uuid7())
DEVICES = [DeviceId(uuid7()) for _ in range(3)]
NUMBERS = st.builds(
    Number, series=st.sampled_from(NumberSeries), year=st.integers(2000, 2099), serial=st.integers(1, 9_999_999)
)


@given(NUMBERS)
def test_a_formatted_number_is_parsed_back(number: Number) -> None:
    assert parse_number(str(number)) == number
    assert parse_number(f" {str(number).lower()} ") == number


@given(NUMBERS, st.integers(0, 11), st.integers(1, 9))
def test_a_wrong_digit_is_detected(number: Number, place: int, by: int) -> None:
    text = list(str(number))
    places = [at for at, sign in enumerate(text) if sign.isdigit()]
    text[places[place]] = str((int(text[places[place]]) + by) % 10)
    assert parse_number("".join(text)) is NUMBER_UNREADABLE


@pytest.mark.parametrize("text", ["", "UK", "UK-2026-0000123", "XX-2026-0000123-4", "UK-2026-٠٠٠٠١٢٣-4", "UK-26-123-4"])
def test_an_invalid_number_is_reported(text: str) -> None:
    assert parse_number(text) is NUMBER_UNREADABLE


class Counter(RuleBasedStateMachine):
    """Devices lease, use, void and return numbers in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[NumberBlock] = []
        self.next_serial = 1
        self.printed: list[int] = []

    @rule(device=st.sampled_from(DEVICES), size=st.integers(1, 5))
    def lease(self, device: DeviceId, size: int) -> None:
        block = lease_block(
            NumberSeries.FILE,
            year=2026,
            next_serial=self.next_serial,
            stand_id=STAND,
            device_id=device,
            now=NOW,
            size=size,
        )
        self.blocks.append(block)
        self.next_serial = block.last + 1

    @precondition(lambda self: self.blocks)
    @rule(data=st.data(), device=st.sampled_from(DEVICES), spoilt=st.booleans())
    def take(self, data: st.DataObject, device: DeviceId, spoilt: bool) -> None:
        at = data.draw(st.integers(0, len(self.blocks) - 1))
        serial = data.draw(st.integers(1, self.next_serial + 1))
        block = self.blocks[at]
        gone = serial in block.used or serial in dict(block.voided)
        outcome = (
            void(block, serial, reason="torn", device_id=device) if spoilt else spend(block, serial, device_id=device)
        )
        if device != block.device_id or serial not in block:
            assert outcome is NUMBER_NOT_IN_BLOCK
        elif gone:
            assert outcome is NUMBER_TAKEN
        else:
            assert isinstance(outcome, NumberBlock)
            self.blocks[at] = outcome
            if not spoilt:
                self.printed.append(serial)

    @precondition(lambda self: self.blocks)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.blocks) - 1))
        outcome = return_block(self.blocks[at], reason="stand closed", now=NOW)
        assert isinstance(outcome, Refusal) == bool(self.blocks[at].returned_at)
        if isinstance(outcome, NumberBlock):
            self.blocks[at] = outcome

    @invariant()
    def no_number_twice_and_no_gap_without_a_reason(self) -> None:
        assert len(set(self.printed)) == len(self.printed)
        used = [serial for block in self.blocks for serial in block.used]
        voided = [serial for block in self.blocks for serial, _ in block.voided]
        left = [
            number.serial
            for block in self.blocks
            for number in block.numbers()
            if number.serial not in block.used and number.serial not in dict(block.voided)
        ]
        assert sorted(used) == sorted(self.printed)
        assert sorted(used + voided + left) == list(range(1, self.next_serial))


TestCounter = Counter.TestCase
