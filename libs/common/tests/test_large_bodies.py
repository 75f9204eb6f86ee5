"""Large bodies that stop, trickle or come from one network keep nobody out, over real sockets."""

import asyncio
import zlib

import pytest
from http_server_fixtures import (
    CHUNKED,
    HEAD,
    MULTIPART,
    PART,
    STRANGER,
    RunningServer,
)
from wanderamt.shell.http_body import DEFAULT_MAX_BYTES
from wanderamt.shell.large_bodies import MIB


def packed(size: int) -> bytes:
    """gzip of so many bytes, without its end, as one chunk."""
    gzip = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    content = gzip.compress(bytes(size)) + gzip.flush(zlib.Z_SYNC_FLUSH)
    return b"%x\r\n%b\r\n" % (len(content), content)


async def test_a_packed_body_takes_no_place_before_its_end(running: RunningServer) -> None:
    bomb = HEAD + b"Content-Encoding: gzip\r\n" + CHUNKED + packed(8 * MIB)
    async with running.open_connections(8, bomb) as readers:
        await running.until_running(8)
        for size in (1, DEFAULT_MAX_BYTES, MIB, 8 * MIB):
            assert (await running.http.post("/raw", content=bytes(size))).json() == size
            content = zlib.compress(bytes(size), wbits=zlib.MAX_WBITS | 16)
            answer = await running.http.post("/raw", content=content, headers={"Content-Encoding": "gzip"})
            assert answer.json() == size
        answers = await asyncio.gather(*(reader.read() for reader in readers))
    assert all(b"request.too_slow" in answer for answer in answers)


@pytest.mark.parametrize(
    "stopped",
    [
        HEAD + b"Content-Length: 1000000\r\n\r\n" + bytes(900_000),
        b"POST /file HTTP/1.1\r\nHost: a\r\nContent-Type: " + MULTIPART.encode() + b"\r\n"
        b"Content-Length: 1000000\r\n\r\n" + PART + bytes(900_000),
    ],
)
async def test_large_bodies_that_stop_keep_nobody_out(running: RunningServer, stopped: bytes) -> None:
    form = {"Content-Type": MULTIPART}
    async with running.open_connections(4, stopped, address=STRANGER) as readers, running.client_at(STRANGER) as beside:
        await running.until_running(4)
        for http in (running.http, beside):
            assert (await http.post("/raw", content=b"x")).json() == 1
            small = await http.post("/file", content=PART + bytes(200_000) + b"\r\n--B--\r\n", headers=form)
            assert small.json() == 200_000
        assert (await running.http.post("/raw", content=bytes(MIB))).json() == MIB  # of another network: at once
        large = await running.http.post("/file", content=PART + bytes(900_000) + b"\r\n--B--\r\n", headers=form)
        assert large.json() == 900_000
        answers = await asyncio.gather(*(reader.read() for reader in readers))
    codes = [b"request.too_slow" in answer or b"request.busy" in answer for answer in answers]
    assert all(codes)


async def test_a_large_body_that_stops_loses_its_place_to_one_that_waits(running: RunningServer) -> None:
    stopped = HEAD + b"Content-Length: 5000000\r\n\r\n" + bytes(MIB)
    async with running.open_connections(2, stopped) as readers:
        await running.until_running(2)
        assert (await running.http.post("/raw", content=bytes(MIB))).json() == MIB
        answers = await asyncio.gather(*(reader.read() for reader in readers))
    assert all(b"request.too_slow" in answer for answer in answers)


async def test_one_network_that_goes_on_sending_leaves_places_to_others(running: RunningServer) -> None:
    async def send() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, local_addr=(STRANGER, 0))
        writer.write(HEAD + b"Content-Length: 8000000\r\n\r\n" + bytes(300_000))
        try:
            while not writer.is_closing():
                writer.write(bytes(10_000))
                await asyncio.sleep(0.1)
        finally:
            writer.close()

    senders = [asyncio.create_task(send()) for _ in range(4)]
    await running.until_running(4)
    await asyncio.sleep(0.3)
    answer = await running.http.post("/raw", content=bytes(MIB))
    for sender in senders:
        sender.cancel()
    assert (answer.status_code, answer.json()) == (200, MIB)


async def test_large_bodies_of_one_network_take_turns(running: RunningServer) -> None:
    content = zlib.compress(bytes(8 * MIB), wbits=zlib.MAX_WBITS | 16)
    headers = {"Content-Encoding": "gzip"}
    answers = await asyncio.gather(*(running.http.post("/raw", content=content, headers=headers) for _ in range(6)))
    assert [answer.json() for answer in answers] == [8 * MIB] * 6
