"""Hostile bodies: JSON, lines of JSON, forms and multipart, from a valid example."""

import copy
import gzip
import json
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from wanderamt_fuzz.hostile_values import RawJson, hostile_json, hostile_text
from wanderamt_fuzz.known_things import KnownThings

BOUNDARY = "frontier"
MAX_BYTES = 500_000  # of what is repeated: hostile, and still quick to send
ISO_DAY, ISO_TIME = 10, 16  # lengths of a date and of a shortest time


class HostileBody(NamedTuple):
    """`content_type` may contradict the body. `headers`: more headers that belong to the body."""

    content: bytes
    content_type: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def hostile_body(bodies: Mapping[str, Any], things: KnownThings, rng: Random) -> HostileBody:
    """`bodies`: examples by media type; empty for a route without a body, which then sometimes gets one."""
    media_type = rng.choice(sorted(bodies)) if bodies else "application/json"
    if "form" in media_type:
        content, content_type = _form(bodies[media_type], things, rng, media_type=media_type)
    else:
        content, content_type = _json(bodies.get("application/json") or {}, things, rng), media_type
        if "ndjson" in media_type:
            content = b"\n".join(_lines(content, rng))
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if rng.random() < 0.12:
        content, headers = _damaged(content, rng)
    if rng.random() < 0.1:
        content_type = rng.choice(CONTENT_TYPES)
        if rng.random() < 0.2:
            content = b"[" * 50_000
    return HostileBody(content, content_type.encode("latin-1", "replace"), headers)


CONTENT_TYPES = (
    "",
    "application/json; charset=utf-16",
    "application/json; charset=nonsense",
    "application/vnd.x+json",
    "application/x-ndjson",
    "APPLICATION/JSON",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "b" * 300,
    f"multipart/form-data; boundary={BOUNDARY}; charset=nonsense",
    "application/x-www-form-urlencoded; charset=nonsense",
    "application/x-www-form-urlencoded",
    "; ; ;",
    "é/ü; =",
    "application/json, text/html",
    "a" * 3_000,
)


def _json(example: Any, things: KnownThings, rng: Random) -> bytes:
    if rng.random() < 0.07:
        return encode(hostile_json(rng))
    document = _with_real_ids(copy.deepcopy(example), things, rng)
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 4))):
        _mutate(document, rng)
    return encode(document)


def _with_real_ids(value: Any, things: KnownThings, rng: Random, *, name: str = "") -> Any:
    """Mostly ids and values that exist, so that a request gets past the first checks."""
    if isinstance(value, dict):
        return {key: _with_real_ids(item, things, rng, name=key) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_real_ids(item, things, rng, name=name) for item in value]
    real = things.value(name, rng)
    return value if real is None or rng.random() < 0.25 else real


def _mutate(document: Any, rng: Random) -> None:
    places = list(_places(document))
    if not places:
        return
    parent, key = rng.choice(places)
    match rng.randrange(8):
        case 0 if isinstance(parent, dict):
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[hostile_text(rng)] = parent[key]
        case 2 if isinstance(parent, list):
            parent.extend(parent * min(rng.choice((1, 3, 600)), MAX_BYTES // (1 + len(encode(parent)))))
        case _:
            parent[key] = hostile_json(rng, kind=_kind_of(parent[key]))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of the document."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str() if value[4:5] == "-" and value[7:8] == "-":
            return "date" if len(value) == ISO_DAY else "date-time"
        case str() if value.count("-") == 4 and len(value) == 36:
            return "uuid"
    return "string"


def encode(value: Any) -> bytes:
    """JSON with RawJson as it is; characters are sometimes what no encoder would write."""
    match value:
        case RawJson(text):
            return text
        case dict():
            return b"{" + b",".join(encode(str(key)) + b":" + encode(item) for key, item in value.items()) + b"}"
        case list():
            return b"[" + b",".join(map(encode, value)) + b"]"
        case str():
            return json.dumps(value, ensure_ascii=len(value) % 2 == 0).encode("utf-8", "surrogatepass")
        case int() if not isinstance(value, bool):
            return b"%d" % value
    return json.dumps(value).encode()


def _lines(content: bytes, rng: Random) -> list[bytes]:
    """Lines of JSON, of which one is the content; others are broken."""
    others = (
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\x00",
        b"\xff",
        b"{" * 2_000,
        b'{"type": "case.open"}',
        content[: len(content) // 2],
    )
    lines = [content.replace(b"\n", b" "), *rng.choices(others, k=rng.randrange(4))]
    rng.shuffle(lines)
    return lines


def _form(fields: Mapping[str, str], things: KnownThings, rng: Random, *, media_type: str) -> tuple[bytes, str]:
    values = [(name, _form_value(name, kind, things, rng)) for name, kind in fields.items()]
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        if values:
            at = rng.randrange(len(values))
            values[at] = rng.choice(((values[at][0], hostile_text(rng)), (hostile_text(rng), values[at][1])))
    if rng.random() < 0.1:
        length = sum(len(name) + len(value) for name, value in values)
        values *= max(1, min(rng.choice((2, 30, 1_100)), MAX_BYTES // (1 + length)))
    rng.shuffle(values)
    if "multipart" in media_type or rng.random() < 0.1:
        return _multipart(values, rng), f"multipart/form-data; boundary={BOUNDARY}"
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in values).encode(), media_type


def _form_value(name: str, kind: str, things: KnownThings, rng: Random) -> str:
    real = things.value(name, rng)
    if real is not None and rng.random() < 0.7:
        return str(real)
    return hostile_text(rng, kind="date" if name == "born" else "date-time" if name == "time" else kind)


def _multipart(values: list[tuple[str, str]], rng: Random) -> bytes:
    parts = []
    for name, value in values:
        disposition = rng.choice(
            (
                f'form-data; name="{name}"',
                f'form-data; name="{name}"',
                f'form-data; name="{name}"; filename="{hostile_text(rng)[:200]}"',
                "form-data",
                f"form-data; name={name}; filename*=nonsense''%ff",
                f'attachment; name="{name}',
            )
        )
        kind = rng.choice(("", "\r\nContent-Type: text/plain; charset=nonsense", "\r\nContent-Type: image/png"))
        parts.append(f"--{BOUNDARY}\r\nContent-Disposition: {disposition}{kind}\r\n\r\n{value}\r\n")
    end = rng.choice((f"--{BOUNDARY}--\r\n", f"--{BOUNDARY}--\r\n", "", f"--{BOUNDARY}", "\r\n"))
    return ("".join(parts) + end).encode("utf-8", "surrogatepass")


def _damaged(content: bytes, rng: Random) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    match rng.randrange(10):
        case 0:
            return content[: rng.randrange(len(content) + 1)], ()
        case 1:
            return b"\xef\xbb\xbf" + content, ()
        case 2:
            return content.decode("utf-8", "replace").encode("utf-16"), ()
        case 3:
            return content + b"\x00" * 10, ()
        case 4:
            return gzip.compress(content, mtime=0), ((b"Content-Encoding", b"gzip"),)
        case 5:
            return gzip.compress(content, mtime=0)[:-9], ((b"Content-Encoding", b"gzip"),)
        case 6:
            return content, ((b"Content-Encoding", rng.choice((b"gzip", b"br", b"deflate", b"gzip, gzip", b"\xff"))),)
        case 7:
            return rng.randbytes(rng.choice((1, 60, 3_000))), ()
        case 8:
            return b"", ()
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(1) + content[at + 1 :], ()
