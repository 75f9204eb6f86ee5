"""Values that break careless code, by the type that a field expects.

Invariants: the same `Random` gives the same values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class RawJson:
    """Bytes that stand for a value of a JSON document, such as a number that no float holds."""

    text: bytes


DAYS = (
    "0001-01-01",
    "9999-12-31",
    "0000-00-00",
    "-0001-01-01",
    "10000-01-01",
    "1582-10-15",
    "1899-12-31",
    "2026-02-30",
    "2024-02-29",
    "2026-W01-1",
    "20260504",
    "1.1.1",
    "31.12.9999",
    "1.1.99999999999999999999",
    "99999999999999999999.1.2000",
    "1.1.-1",
    "²².1.2000",
    "٤.٥.١٩٩٠",
    "1.1.1990.",
    "....",
    "4. 5. 1990",
    "2026-05-04\x00",
)
OFFSETS = ("", "Z", "+23:59", "-23:59", "+24:00", "+00:00", "+14:00", "-00:00", "+99:99", "+23:59:59", " 00:00")
CLOCKS = ("T00:00:00", "T23:59:59.999999", "T09:30:00", "T24:00:00", "T23:59:60", " 09:30", "T09:30:00.123456789", "T")
INTEGERS = (
    *(-1, 0, 1, -(2**15) - 1, 2**15, 2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**53, 2**53 + 1),
    *(2**63 - 1, 2**63, -(2**63) - 1, 2**64, -(2**64), 10**18, 10**30, -(10**30), 10**400, 99_999_999_999_999_999_999),
)
NUMBERS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"1e308",
    b"5e-324",
    b"-0.0",
    b"1E+999999",
    b"00",
    b"1.",
)
TEXTS = (
    "",
    " ",
    "\x00",
    "before\x00after",
    "\r\nX-Injected: 1",
    "\ufeff",
    "\ufffe\uffff",
    "\U0010ffff",
    "\u202e\u2066gnp",
    "e" + "\u0301" * 500,
    "👩‍👩‍👧‍👦" * 20,
    "＝1+1",
    "=1+1",
    "%00",
    "%ff%fe",
    "%s%n%x",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "file:///etc/passwd",
    "http://[::1",
    "http://127.0.0.1:99999999/",
    "https://user:pw@host:port/",
    "//evil.example",
    "javascript:alert(1)",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "{{7*7}}${7*7}#{7*7}",
    "null",
    "true",
    "NaN",
    "1e400",
    "-0",
    "²",
    "٣",
    "1_000",
    "0x10",
    "a@b",
    "a@" + "b" * 300 + ".example",
    "+43" + "9" * 60,
    "FREQ=SECONDLY;COUNT=999999999",
    "FREQ=YEARLY;UNTIL=99991231T235959Z",
    "FREQ=DAILY;INTERVAL=99999999999999999999;COUNT=5",
    "[" * 300,
    "." * 300,
    "A" * 5_000,
    "ä" * 70_000,
)
UUIDS = (
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "0197C1C05F3E7A108000000000000001",
    "urn:uuid:0197c1c0-5f3e-7a10-8000-000000000001",
    "{0197c1c0-5f3e-7a10-8000-000000000001}",
    "0197c1c0-5f3e-7a10-8000-00000000000g",
    "0197c1c0-5f3e-7a10-8000-0000000000011",
)
LONE_SURROGATES = (
    b'"\\ud800"',
    b'"a\\udfffb"',
    b'"\\ud83d"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\\u0000"',
    b'"\t"',
    b'"\\x41"',
)


def hostile_text(rng: Random, *, kind: str = "") -> str:
    """`kind`: what the field expects: date, date-time, uuid, integer, number or anything else."""
    families = {"date": _day, "date-time": _moment, "uuid": _uuid, "integer": _integer, "number": _number}
    if kind in families and rng.random() < 0.75:
        return families[kind](rng)
    return rng.choice((_day, _moment, _uuid, _integer, _number, *(_text,) * 6))(rng)


def hostile_json(rng: Random, *, kind: str = "") -> Any:
    """A value for a JSON document; may hold RawJson at any place."""
    choice = rng.random()
    if choice < 0.45:
        return hostile_text(rng, kind=kind)
    if choice < 0.6:
        return rng.choice(INTEGERS)
    if choice < 0.7:
        return RawJson(rng.choice(NUMBERS))
    if choice < 0.78:
        return RawJson(rng.choice(LONE_SURROGATES))
    return rng.choice(_STRUCTURES)(rng)


_STRUCTURES: tuple[Callable[[Random], Any], ...] = (
    lambda _: None,
    lambda _: True,
    lambda _: [],
    lambda _: {},
    lambda _: "",
    lambda _: 0.1,
    lambda rng: [hostile_json(rng)],
    lambda rng: {hostile_text(rng): hostile_json(rng)},
    lambda rng: [0] * rng.choice((300, 2_000)),
    lambda rng: {f"field{number}": number for number in range(rng.choice((200, 2_000)))},
    lambda rng: RawJson(_nested(rng.choice((20, 200, 900, 960, 990, 5_000, 50_000)))),
    lambda rng: RawJson(b"1" * rng.choice((4_300, 4_301, 100_000))),
    lambda _: RawJson(b"0." + b"1" * 50_000),
    lambda _: RawJson(b'{"a": 1, "a": 2, "\\ud800": 3}'),
)


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def _day(rng: Random) -> str:
    return rng.choice(DAYS)


def _moment(rng: Random) -> str:
    if rng.random() < 0.15:
        return str(rng.choice((*INTEGERS, 1e11, -62135596800, 253402300800, 1e300)))
    return rng.choice(DAYS[:9]) + rng.choice(CLOCKS) + rng.choice(OFFSETS)


def _uuid(rng: Random) -> str:
    return rng.choice(UUIDS)


def _integer(rng: Random) -> str:
    return rng.choice((str(rng.choice(INTEGERS)), "9" * 5_000, "１", "+1", "1.0", "1e3", " 1 ", "--1"))


def _number(rng: Random) -> str:
    return rng.choice(NUMBERS).decode()


def _text(rng: Random) -> str:
    return rng.choice(TEXTS)
