"""Builds one hostile request for a route: from the route, the caller and a seed alone.

Invariants: the same seed, route, number and known things give the same bytes.
"""

import re
from random import Random
from urllib.parse import quote

from wanderamt_fuzz.bodies import hostile_body
from wanderamt_fuzz.hostile_values import hostile_text
from wanderamt_fuzz.http_client import HostileRequest
from wanderamt_fuzz.known_things import Caller, KnownThings
from wanderamt_fuzz.routes import ANYWHERE, METHODS, Parameter, Route

Headers = list[tuple[bytes, bytes]]
LONG = b"x" * 20_000
TOO_LONG = b"x" * 70_000  # more than the server reads
HOSTILE_HEADERS: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"Accept", (b"*/*;q=9e999", b"text/html", b"\xff", LONG)),
    (b"Accept-Encoding", (b"gzip", b"gzip;q=NaN", b"\xff\xfe", b"identity;q=0, *;q=0", LONG)),
    (b"Accept-Language", (b"de", b"zz-ZZ;q=nan", b"*" * 900, b"en,,,;;;", b"\xc3\xa9")),
    (
        b"Authorization",
        (
            b"",
            b"Bearer",
            b"Bearer ",
            b"Bearer a.b.c",
            b"Basic Og==",
            b"Bearer \xff\xfe",
            b"Bearer " + LONG,
            b"bearer " + b"." * 999,
        ),
    ),
    (
        b"Authorization",
        (
            b"Bearer eyJhbGciOiJub25lIn0.e30.",
            b"Bearer " + b"e" * 200 + b"." + b"W1tb" * 500 + b".x",
            b"Bearer eyJhbGciOjF9.bnVsbA.AAAA",
        ),
    ),
    (b"Connection", (b"close", b"upgrade", b"keep-alive, \xff")),
    (b"Cookie", (b"a=b; a=c", b"=;=;", b"\xff", LONG)),
    (
        b"DPoP",
        (b"", b"a.b.c", b"\xff", b"e" * 3_999, b"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7fX0.e30.AA", LONG),
    ),
    (b"Expect", (b"100-continue", b"nonsense")),
    (b"Forwarded", (b"for=_x;host=evil.example", b"\xff")),
    (b"If-Match", (b'W/"x"', b"*")),
    (b"If-Modified-Since", (b"Mon, 99 Foo 99999 99:99:99 GMT", b"Thu, 01 Jan 0001 00:00:00 GMT", b"\xff")),
    (b"If-None-Match", (b'"' + LONG, b"\xff")),
    (b"If-Range", (b"Mon, 99 Foo 99999 99:99:99 GMT", b"\xff", b"x")),
    (
        b"Range",
        (
            b"bytes=0-",
            b"bytes=-1",
            b"bytes=5-1",
            b"bytes=0-0,1-1,2-2",
            b"bytes=99999999999999999999-",
            b"bytes=-99999999999999999999",
            b"bytes=a-b",
            b"bytes=" + b"0-1," * 900,
            b"lines=1-2",
            b"\xff",
            b"bytes=\xb2-",
        ),
    ),
    (b"Origin", (b"https://evil.example", b"null", b"\xff")),
    (b"traceparent", (b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"ff-x", b"\xff", LONG)),
    (b"tracestate", (b"a=b," * 500, b"\xff=", b"=")),
    (b"baggage", (b"a=%ff;b", b"=" * 500, LONG)),
    (b"Upgrade", (b"websocket", b"h2c")),
    (b"User-Agent", (b"", b"\xff\x00"[:1], LONG)),
    (b"X-Forwarded-For", (b"127.0.0.1", b"not an address", b"::ffff:999.1.1.1", b"1, 2, 3", b"\xff", LONG)),
    (b"X-HTTP-Method-Override", (b"DELETE",)),
    (b"X-Real-IP", (b"\xff", b"::1%eth0", b"9" * 600)),
    (b"X-Anything", (b"a\x00b", b"a\x0bb", TOO_LONG, b"\t\t")),
    (b"Bad Name", (b"x",)),
    (b"", (b"x",)),
    (b"N\xc3\xa4me", (b"x",)),
)
FRAMINGS: tuple[Headers, ...] = (
    [(b"Content-Length", b"-1")],
    [(b"Content-Length", b"99999999999999999999999")],
    [(b"Content-Length", b"\xb2")],
    [(b"Content-Length", b"5"), (b"Content-Length", b"6")],
    [(b"Content-Length", b"0x10")],
    [(b"Content-Length", b"")],
    [(b"Content-Length", b"1000000")],
    [(b"Content-Length", b"1")],
    [(b"Transfer-Encoding", b"chunked")],
    [(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"4")],
    [(b"Transfer-Encoding", b"nonsense")],
    [],
)
SEGMENTS = (
    *("", ".", "..", "%2e%2e", "%2f", "%00", "%ff", "%ED%A0%80", "%C0%AF", "%", "%zz", ";x=1", "~", "*", "index.html"),
    *("?", "#", "admin", ".git", "field", "visit", "docs", "\\", "a" * 3_000, "9" * 400, "%25%30%30", "CON", "null"),
)
ENDINGS = (
    "/",
    "//",
    "/.",
    "/..",
    "/%2e%2e/",
    "%00",
    "%20",
    ".json",
    ";a=b",
    "/x",
    "%ff",
    "#x",
    "?",
    "/\\evil.example",
    "%2f",
)
TARGETS = (
    b"*",
    b"http://evil.example/",
    b"//evil.example/%2f..",
    b"evil.example:443",
    b"/\xff\xfe",
    b"/a b",
    b"",
    b"?x=1",
    b"/" + b"a" * 70_000,
)
ODD_METHODS = (
    b"TRACE",
    b"OPTIONS",
    b"CONNECT",
    b"PROPFIND",
    b"QUERY",
    b"get",
    b"G\xc3\x8bT",
    b"X" * 300,
    *(method.encode() for method in METHODS),
)


def hostile_request(route: Route, caller: Caller, things: KnownThings, *, seed: int, number: int) -> HostileRequest:
    """`number`: of the request among those of its route."""
    rng = Random(f"{seed} {route.title} {number}")
    headers: Headers = [(b"Authorization", b"Bearer " + caller.token.encode())] if caller.token else []
    method = rng.choice(ODD_METHODS) if rng.random() < 0.03 else route.method.encode()
    target = _target(route, things, rng)
    headers += _parameter_headers(route, rng)
    body = b""
    if route.bodies or route.method not in {"GET", "HEAD"} or rng.random() < 0.05:
        hostile = hostile_body(route.bodies, things, rng)
        body, headers = hostile.content, [*headers, (b"Content-Type", hostile.content_type), *hostile.headers]
    if rng.random() < 0.35:
        headers += [_hostile_header(rng) for _ in range(rng.choice((1, 1, 2, 4)))]
    if rng.random() < 0.01:
        headers += [(b"X-Many", b"1")] * rng.choice((100, 2_000))
    if rng.random() < 0.03:
        return HostileRequest(method, target, (*headers, *rng.choice(FRAMINGS)), body, framed=False, cut=True)
    return HostileRequest(method, target, tuple(headers), body)


def _target(route: Route, things: KnownThings, rng: Random) -> bytes:
    if rng.random() < 0.005:
        return rng.choice(TARGETS)
    if route.path == ANYWHERE:
        path = "/" + "/".join(rng.choice((*SEGMENTS, quote(hostile_text(rng)))) for _ in range(rng.randrange(1, 5)))
        return (path + rng.choice(("", "", "?a=b", "?%00=%ff"))).encode("latin-1", "replace")
    parameters = {parameter.name: parameter for parameter in route.parameters if parameter.place == "path"}

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        parameter = parameters.get(name, Parameter(name, "path", "string", name))
        return quote(_value(parameter, things, rng, route=route), safe=rng.choice(("", "/:,%")), errors="replace")

    path = re.sub(r"\{(\w+)(?::\w+)?\}", value, route.path)
    if rng.random() < 0.04:
        path += rng.choice(ENDINGS)
    return (path + _query(route, things, rng)).encode("latin-1", "replace")


def _query(route: Route, things: KnownThings, rng: Random) -> str:
    pairs = []
    for parameter in route.parameters:
        if parameter.place != "query" or rng.random() < 0.15:
            continue
        pairs.append((parameter.name, _value(parameter, things, rng, route=route)))
        if rng.random() < 0.05:
            pairs.append((parameter.name, hostile_text(rng, kind=parameter.kind)))
    text = "&".join(f"{quote(name)}={quote(value, errors='replace')}" for name, value in pairs)
    if rng.random() < 0.03:
        text += rng.choice(
            ("&%00=%ff", "&=&&=", "&" + "a=b&" * 1_000, "&x=%ED%A0%80", "&" + "y" * 60_000, "&[]=1", "&%=%")
        )
    return f"?{text}" if text else ""


def _value(parameter: Parameter, things: KnownThings, rng: Random, *, route: Route) -> str:
    """Mostly something that exists."""
    real = things.value(parameter.name, rng, route=route)
    choice = rng.random()
    if choice < 0.5:
        return str(real if real is not None else parameter.example)
    return parameter.example if choice < 0.6 else hostile_text(rng, kind=parameter.kind)


def _parameter_headers(route: Route, rng: Random) -> Headers:
    headers: Headers = []
    for parameter in route.parameters:
        if parameter.place != "header" or rng.random() < 0.1:
            continue
        text = parameter.example if rng.random() < 0.5 else hostile_text(rng, kind=parameter.kind)
        line = re.sub(r"[\r\n]", " ", text).encode("utf-8", "replace")[:20_000]
        headers.append((parameter.name.encode(), line))
    return headers


def _hostile_header(rng: Random) -> tuple[bytes, bytes]:
    name, values = rng.choice(HOSTILE_HEADERS)
    return name, rng.choice(values)
