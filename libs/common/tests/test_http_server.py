"""The HTTP server with clients that send too much, too slowly, or nothing, over real sockets."""

import asyncio
import time

import pytest
from http_server_fixtures import (
    CHUNKED,
    CONNECTIONS,
    FORM,
    HEAD,
    MULTIPART,
    NEIGHBOUR,
    OF_ONE_NETWORK,
    PART,
    STRANGER,
    RunningServer,
    effects,
)
from wanderamt.shell.client_address import TrustedProxies
from wanderamt.shell.http_body import DEFAULT_MAX_BYTES
from wanderamt.shell.http_protocol import BoundedProtocol
from wanderamt.shell.large_bodies import MIB
from wanderamt_testing.waiting import wait_until


@pytest.mark.parametrize(
    ("method", "path", "begin", "content_type"),
    [
        ("GET", "/read", b"", ""),
        ("HEAD", "/read", b"", ""),
        ("DELETE", "/nowhere", b"", ""),
        ("POST", "/nowhere", b"", ""),
        ("POST", "/act", b"", ""),
        ("POST", "/form", b"text=", FORM),
        ("POST", "/form", PART, MULTIPART),
        ("POST", "/file", b"text=", FORM),
        ("POST", "/file", b'{"text":"', "application/json"),
        ("POST", "/file", PART, MULTIPART),
        ("POST", "/raw", b"", ""),
        ("GET", "/openapi.json", b"", ""),
    ],
)
async def test_a_body_without_a_length_ends_at_the_limit_of_its_route_and_has_no_effect(
    running: RunningServer, method: str, path: str, begin: bytes, content_type: str
) -> None:
    answer, sent = await running.send_endlessly(method, path, begin=begin, content_type=content_type)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert sent < 40 * MIB  # the buffers of both sides included
    assert effects == []
    if method != "HEAD":
        limit = {"/file": "1 MiB", "/raw": "8 MiB"}.get(path if content_type in {"", MULTIPART} else "", "64 KiB")
        assert answer.json()["code"] == "request.too_large"
        assert limit in answer.json()["hint"]


async def test_a_client_that_goes_on_after_its_answer_is_cut_off(running: RunningServer) -> None:
    answer, sent = await running.send_endlessly("POST", "/early")
    assert (answer.status_code, answer.json()) == (200, 1)
    assert sent < 40 * MIB


@pytest.mark.parametrize("size", [0, 1, DEFAULT_MAX_BYTES])
async def test_a_body_within_the_limit_arrives_whole_and_the_connection_stays(
    running: RunningServer, size: int
) -> None:
    for path in ("/raw", "/early", "/act"):
        answer = await running.http.post(path, content=bytes(size))
        assert answer.status_code == 200
        assert "connection" not in answer.headers
    assert (await running.http.post("/raw", content=bytes(8 * MIB))).json() == 8 * MIB
    content = PART + bytes(500_000) + b"\r\n--B--\r\n"
    answer = await running.http.post("/file", content=content, headers={"Content-Type": MULTIPART})
    assert answer.json() == 500_000


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        (FORM, b"a=&" * 20_000),
        (MULTIPART, PART * 800),
        (MULTIPART, b"--B\r\n" + b"a: b\r\n" * 9_000),
        (FORM, b"&" * 60_000),
    ],
)
async def test_a_form_of_thousands_of_fields_is_refused_quickly(
    running: RunningServer, content_type: str, content: bytes
) -> None:
    answer = await running.http.post(
        "/form", content=content[:DEFAULT_MAX_BYTES], headers={"Content-Type": content_type}
    )
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /read HTTP/1.1\r\nHost:",
        b"G",
        HEAD + b"Content-Length: 50\r\n\r\nabc",
        b"POST /act HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nabc",
        b"POST /act HTTP/1.1\r\nHost: a\r\n" + CHUNKED + b"1\r\nx\r\n",
        HEAD + CHUNKED + b"5\r\nab",
    ],
)
async def test_a_request_that_stops_in_the_middle_is_ended(running: RunningServer, request_bytes: bytes) -> None:
    answer = await running.exchange(request_bytes)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"request.too_slow" in answer
    assert effects == []


async def test_a_body_that_trickles_is_ended_however_often_it_sends_a_byte(running: RunningServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    begun = time.monotonic()
    writer.write(HEAD + b"Content-Length: 5000\r\n\r\n")
    answer = asyncio.create_task(reader.read())
    while not answer.done():
        writer.write(b"x")
        await asyncio.sleep(0.05)
        assert time.monotonic() - begun < 10
    assert b"request.too_slow" in answer.result()


async def test_a_connection_without_a_request_is_closed(running: RunningServer) -> None:
    assert await running.exchange(b"") == b""


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01junk\r\n\r\n",
        b"GET /read HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 20_000,
        HEAD + CHUNKED + b"zz\r\n",
    ],
)
async def test_bytes_that_are_no_request_are_refused_with_a_code(running: RunningServer, request_bytes: bytes) -> None:
    answer = await running.exchange(request_bytes)
    assert answer.startswith(b"HTTP/1.1 422 ")
    assert b"request.malformed" in answer
    for header in (b"x-content-type-options: nosniff", b"cache-control: no-store", b"frame-ancestors 'none'"):
        assert header in answer.lower()


@pytest.mark.parametrize("path", [b"/raw", b"/early", b"/nowhere"])
async def test_a_request_that_breaks_off_into_something_else_is_no_error_of_the_application(
    running: RunningServer, caplog: pytest.LogCaptureFixture, path: bytes
) -> None:
    head = HEAD.replace(b"/raw", path)
    for _ in range(5):
        assert (await running.exchange(head + CHUNKED + b"zz\r\n")).startswith(b"HTTP/1.1 422 ")
    await wait_until(lambda: not running.server.server_state.tasks)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    "unfinished",
    [
        b"GET /read HTTP/1.1\r\nHost:",
        b"POST /act HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\ncode",
        HEAD + CHUNKED + b"5\r\nab",
    ],
)
async def test_unfinished_requests_make_room_for_new_ones(running: RunningServer, unfinished: bytes) -> None:
    async with (
        running.open_connections(3 * CONNECTIONS, unfinished, address=STRANGER),
        running.client_at(STRANGER) as beside,
    ):
        for http in (running.http, beside):
            assert (await http.get("/health/live")).status_code == 200
            assert (await http.post("/act", content=b"x")).status_code == 200
        connections = running.server.server_state.connections
        networks = [connection.network for connection in connections if isinstance(connection, BoundedProtocol)]
        assert 0 < networks.count(STRANGER) <= OF_ONE_NETWORK
    assert effects == ["act", "act"]


async def test_the_longest_waiting_request_makes_room_first(running: RunningServer) -> None:
    unfinished = HEAD + b"Content-Length: 3\r\n\r\n"
    async with (
        running.open_connections(1, b"", address=STRANGER) as silent,
        running.open_connections(OF_ONE_NETWORK - 1, unfinished, address=STRANGER) as waiting,
    ):
        await running.until_running(OF_ONE_NETWORK - 1)
        async with running.open_connections(2, unfinished, address=STRANGER):
            assert [await closed.read() for closed in (silent[0], waiting[0])] == [b"", b""]
            assert (await waiting[1].read()).startswith(b"HTTP/1.1 408 ")


async def test_above_the_bound_only_health_checks_are_answered(running: RunningServer) -> None:
    request = b"POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    half = CONNECTIONS // 2
    async with (
        running.open_connections(half, request, address=STRANGER) as readers,
        running.open_connections(half, request, address=NEIGHBOUR),
    ):
        await running.until_running(CONNECTIONS)
        assert (await running.http.get("/health/live")).status_code == 200
        refused = await running.http.post("/act")
        assert (refused.status_code, refused.json()["code"]) == (503, "server.connections")
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert effects == []
        running.app.state.goes_on.set()
        answers = await asyncio.gather(*(reader.read() for reader in readers))
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert (await running.http.get("/read")).status_code == 200


async def test_one_network_has_a_share_of_the_connections(running: RunningServer) -> None:
    request = b"POST /wait HTTP/1.1\r\nHost: a\r\n\r\n"
    async with (
        running.open_connections(OF_ONE_NETWORK, request, address=STRANGER),
        running.client_at(STRANGER) as beside,
    ):
        await running.until_running(OF_ONE_NETWORK)
        refused = await beside.post("/act")
        assert (refused.status_code, refused.json()["code"]) == (503, "server.connections")
        assert (await beside.get("/health/live")).status_code == 200
        assert effects == []
        assert (await running.http.post("/act")).status_code == 200
        running.app.state.goes_on.set()
        await running.until_running(0)
        async with running.client_at(STRANGER) as later:
            assert (await later.post("/act")).status_code == 200


async def test_our_own_proxy_may_have_all_connections(running: RunningServer) -> None:
    running.app.state.trusted_proxies = TrustedProxies.parse(f"{STRANGER}/32")
    request = b"POST /wait HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n"
    async with (
        running.open_connections(CONNECTIONS - 1, request, address=STRANGER),
        running.client_at(STRANGER) as proxy,
    ):
        await running.until_running(CONNECTIONS - 1)
        assert (await proxy.post("/act", headers={"X-Forwarded-For": "203.0.113.2"})).status_code == 200


async def test_thousands_of_tiny_chunks_do_not_stop_other_requests(running: RunningServer) -> None:
    tiny = asyncio.create_task(running.exchange(HEAD + CHUNKED + b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n", within_s=30))
    answered = 0
    while not tiny.done() and answered < 10:
        assert (await running.http.get("/health/live")).status_code == 200
        answered += 1
    assert answered == 10
    tiny.cancel()


async def test_a_stop_ends_a_body_that_still_comes(running: RunningServer) -> None:
    answer = asyncio.create_task(running.exchange(HEAD + b"Content-Length: 5000\r\n\r\nx"))
    await wait_until(lambda: len(running.server.server_state.tasks) == 1)
    running.app.state.body_reading.end_waits()
    running.server.should_exit = True
    assert b"request.too_slow" in await answer
