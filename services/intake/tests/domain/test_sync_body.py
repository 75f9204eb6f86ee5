"""The entries of a sync are found without being read, whatever surrounds or fills them."""

import json
from collections.abc import Iterator
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake.domain import sync_body
from intake.domain.refusals import MALFORMED_BODY, NO_ENTRIES, TOO_MANY_ENTRIES, TOO_MANY_VALUES
from intake.domain.sync_body import MAX_ENTRIES, BodyPart, split_array, split_lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["\\", '"', "]}", ",", "[{", "entries"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FRAMES = st.dictionaries(st.sampled_from(["a", "z", 'entries"', "Entries"]), VALUES, max_size=3)
MIB = 1024 * 1024


def parts_of(search: Iterator[BodyPart]) -> list[BodyPart]:
    return [item for item in search if item is not None]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=FRAMES,
    entries=st.lists(VALUES, min_size=1, max_size=8),
    after=FRAMES,
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    window=st.sampled_from([1, 3, 64, 32 * 1024]),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_each_entry_is_found_as_it_was_sent_and_a_cut_body_is_refused(
    before: dict[str, object],
    entries: list[object],
    after: dict[str, object],
    *,
    ascii_only: bool,
    indent: int | None,
    window: int,
    cut: float,
) -> None:
    document = before | {"entries": entries} | {name: value for name, value in after.items() if name not in before}
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync_body, "WINDOW_BYTES", window)
        assert [json.loads(raw) for raw in parts_of(split_array(body)) if isinstance(raw, bytes)] == entries
        assert parts_of(split_array(body[: int(len(body) * cut)])) == [MALFORMED_BODY]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", MALFORMED_BODY),
        (b"\xff", MALFORMED_BODY),
        (b'{"entries":[1],}', MALFORMED_BODY),
        (b'{"entries":[1,]}', MALFORMED_BODY),
        (b'{"entries":[1]', MALFORMED_BODY),
        (b'{"a":tru,"entries":[1]}', MALFORMED_BODY),
        (b"[" * MIB, MALFORMED_BODY),
        (b'{"a":[' + b"{}," * MIB + b'{}],"entries":[1]}', MALFORMED_BODY),
        (b"[1]", NO_ENTRIES),
        (b"{}", NO_ENTRIES),
        (b'{"entries":[ ]}', NO_ENTRIES),
        (b'{"entries":{"entries":[1]}}', NO_ENTRIES),
        (b'{"a":{"entries":[1]}}', NO_ENTRIES),
        (b'{"entries":[1],"entries":[2]}', NO_ENTRIES),
        (b'{"entries":[' + b"1," * MAX_ENTRIES + b"1]}", TOO_MANY_ENTRIES),
        (b'{"entries":[' + b"1," * (16 * MIB) + b"1]}", TOO_MANY_ENTRIES),
        (b'{"entries":[' + b"[" * (32 * MIB), TOO_MANY_VALUES),
        (b'{"entries":[[' + b"[]," * (10 * MIB) + b"1]]}", TOO_MANY_VALUES),
    ],
)
def test_a_body_without_readable_entries_is_refused_as_a_whole(body: bytes, refusal: BodyPart) -> None:
    assert parts_of(split_array(body)) == [refusal]


@pytest.mark.parametrize(
    ("body", "count"),
    [(b"1\n" * MAX_ENTRIES, MAX_ENTRIES), (b"1", 1), (b"\n\n1\r\n\n2", 2), (b"1\n\n" * MAX_ENTRIES, MAX_ENTRIES)],
)
def test_blank_lines_are_no_entries(body: bytes, count: int) -> None:
    assert len(parts_of(split_lines(body))) == count


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", NO_ENTRIES),
        (b" \n \n", NO_ENTRIES),
        (b"1\n" * (MAX_ENTRIES + 1), TOO_MANY_ENTRIES),
        (b"1\n" * (16 * MIB), TOO_MANY_ENTRIES),
        (b"\n" * (32 * MIB), TOO_MANY_ENTRIES),
    ],
)
def test_too_many_or_no_lines_are_refused(body: bytes, refusal: BodyPart) -> None:
    assert parts_of(split_lines(body)) == [refusal]


@pytest.mark.parametrize("filling", [b'"",', b"x", b" ", b"\\\\", b"1,"])
def test_the_search_pauses_in_a_body_of_any_kind(filling: bytes) -> None:
    quote = b'"' if filling[:1] in b"x\\" else b""
    body = b'{"entries":[[' + quote + filling * (4 * MIB // len(filling)) + quote + b"1]]}"
    times = [perf_counter() for _ in split_array(body)]
    assert len(times) >= 4 * MIB // sync_body.WINDOW_BYTES
    assert sorted(later - earlier for earlier, later in pairwise(times))[len(times) // 2] < 0.05
