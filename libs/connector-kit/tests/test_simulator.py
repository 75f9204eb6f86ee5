"""Registers to test against: what their knobs do."""

from connector_kit.simulator import HttpRegister, Knobs, Seen, call_id_in


def register(**knobs: object) -> HttpRegister[Knobs]:
    return HttpRegister([], knobs=Knobs.model_validate(knobs))


def test_a_latency_curve_holds_its_shares() -> None:
    slow = register(latency_curve=[(0.5, 0.2), (0.9, 1.0), (1.0, 10.0)])
    drawn = [slow.latency_s() for _ in range(4000)]
    for share, seconds in ((0.5, 0.2), (0.9, 1.0), (1.0, 10.0)):
        assert abs(sum(one <= seconds for one in drawn) / 4000 - share) < 0.02


def test_without_a_curve_it_is_latency_and_jitter() -> None:
    plain = register(latency_s=1.0, jitter_s=0.5)
    drawn = [plain.latency_s() for _ in range(1000)]
    assert 0.5 <= min(drawn) < 0.6
    assert 1.4 < max(drawn) <= 1.5


def test_the_most_calls_of_any_second_are_found_however_it_is_laid() -> None:
    assert Seen(at=[0.0, 0.9, 0.95, 1.1, 1.5, 1.89, 3.0]).most_in_a_second() == 5


def test_a_callers_id_is_found_wherever_it_stands() -> None:
    id_ = "01900000-0000-7000-8000-00000000abcd"
    assert call_id_in([b"x", id_.upper().encode()], b"", b"") == id_
    assert call_id_in([b"x"], f"id={id_}".encode(), b"") == id_
    assert call_id_in([], b"", f"<Id>{id_}</Id>".encode()) == id_
    assert call_id_in([], b"a=b", b"") == ""
