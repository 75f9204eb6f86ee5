"""Finds the entries in the body of a sync without reading them, so that a request with too many costs nothing.

Invariants: no more than MAX_ENTRIES entries are returned; time and memory grow with the bytes of the body, never with
what they hold. The search pauses after each WINDOW_BYTES, so that other requests have their turn.
"""

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

from wanderamt.kernel.refusal import Refusal

from intake.domain.refusals import MALFORMED_BODY, NO_ENTRIES, TOO_MANY_ENTRIES, TOO_MANY_VALUES

MAX_ENTRIES = 500
MAX_BLANK_LINES = 500
MAX_FRAME_BYTES = 64 * 1024  # of the JSON around the entries
MAX_BRACKETS = 50_000  # opening ones, also in texts: 100 per entry, several times those of a long form
WINDOW_BYTES = 32 * 1024

BodyPart: TypeAlias = "bytes | Refusal | None"
"""An entry as it was sent, why the request is refused as a whole, or None: the search can pause here."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+", re.DOTALL)
_TO_COMMA = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+", re.DOTALL)
_TO_QUOTE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_ENTRIES_KEY = re.compile(rb'"entries"\s*:\s*\Z')
_QUOTE, _COMMA = b'",'
_OPENING = frozenset(b"[{")
_ARRAY = ord("[")
_PAUSE = 0
_OF_FRAME, _OF_ENTRIES = 1, 2  # depth


def split_lines(body: bytes) -> Iterator[BodyPart]:
    """The lines of NDJSON that are not blank."""
    if body.count(b"\n") > MAX_ENTRIES + MAX_BLANK_LINES:
        yield TOO_MANY_ENTRIES
        return
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > MAX_ENTRIES:
        yield TOO_MANY_ENTRIES
    elif not lines:
        yield NO_ENTRIES
    else:
        yield from lines


def split_array(body: bytes) -> Iterator[BodyPart]:
    """The values of the array `entries` of a JSON object. Whether a value is JSON shows when it is parsed."""
    entries: list[bytes] = []
    begun = array = 0  # of the present entry; of the first one, 0 before it is found
    for place in _structure(body):
        at, depth, char = place
        if char == _PAUSE:
            yield None
        if not array and at > MAX_FRAME_BYTES:
            break
        if char == _PAUSE:
            continue
        if not array:
            if depth == _OF_FRAME and char == _ARRAY and _ENTRIES_KEY.search(body, max(0, at - 100), at):
                array = begun = at + 1
                if body.count(b"[", array) + body.count(b"{", array) > MAX_BRACKETS:
                    yield TOO_MANY_VALUES
                    return
            continue
        if depth != _OF_ENTRIES or char in _OPENING:
            continue
        entries.append(body[begun:at].strip())
        begun = at + 1
        if len(entries) > MAX_ENTRIES:
            yield TOO_MANY_ENTRIES
            return
        if char != _COMMA:
            yield from _checked(entries, body[:array], body[at:])
            return
    yield from _checked([], body[: MAX_FRAME_BYTES + 1], b"")


def _checked(entries: list[bytes], before: bytes, after: bytes) -> Iterator[BodyPart]:
    """The entries, if what is around them is JSON."""
    if entries == [b""]:
        entries = []
    try:
        frame = json.loads(before + after) if len(before) + len(after) <= MAX_FRAME_BYTES else None
    except (ValueError, RecursionError):
        frame = None
    if frame is None or b"" in entries:
        yield MALFORMED_BODY
    elif not entries or not isinstance(frame, dict) or frame.get("entries") != []:
        yield NO_ENTRIES
    else:
        yield from entries


def _structure(body: bytes) -> Iterator[tuple[int, int, int]]:
    """(position, depth around it, character) of each bracket, and of each comma between entries; after each window
    _PAUSE as the character."""
    at, depth, end, pause_at = 0, 0, len(body), WINDOW_BYTES
    in_string = False  # of one that began in an earlier window
    while at < end:
        window = min(at + WINDOW_BYTES, end)
        if in_string:
            match = _TO_QUOTE.match(body, at, window)
            at = match.end() if match else at
            if at < window and body[at] == _QUOTE:
                in_string, at = False, at + 1
            elif at < window:
                at += 2  # the window ends within an escape
        else:
            match = (_TO_COMMA if depth == _OF_ENTRIES else _TO_BRACKET).match(body, at, window)
            at = match.end() if match else at
            if at < window:
                char = body[at]
                if char == _QUOTE:
                    in_string = True
                elif char == _COMMA:
                    yield at, depth, char
                elif char in _OPENING:
                    yield at, depth, char
                    depth += 1
                else:
                    yield at, depth, char
                    depth -= 1
                at += 1
        if at >= pause_at:
            pause_at = at + WINDOW_BYTES
            yield at, depth, _PAUSE
