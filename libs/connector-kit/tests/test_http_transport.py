"""The HTTP transport against a server that behaves as old registers do: it drops connections and sends odd headers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from connector_kit.adapter import HttpCall, HttpReply
from connector_kit.manifest.manifest import Manifest, read_manifest
from connector_kit.transports.http import HttpFailure, RegisterTransport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Amt: Geb\xfchren\r\nSet-Cookie: a=b\r\n\r\nok"


class DroppingRegister:
    """Answers the first `answered` requests of each connection and drops the connection at the next one."""

    def __init__(self, answered: int) -> None:
        self.answered = answered
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(self.answered + 1):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.split(b"\r\n", 1)[0])
            if number < self.answered:
                writer.write(ANSWER)
                await writer.drain()
        writer.close()


@pytest.fixture
def register(request: pytest.FixtureRequest) -> DroppingRegister:
    return DroppingRegister(answered=request.param)


@pytest_asyncio.fixture
async def transport(register: DroppingRegister, manifest_text: str) -> AsyncIterator[RegisterTransport]:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    async with await asyncio.start_server(register.serve, "127.0.0.1", 0) as server:
        transport = RegisterTransport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", manifest)
        yield transport
        await transport.close()


@pytest.mark.parametrize("register", [0, 1], indirect=True, ids=["new connection", "kept connection"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_dropped_call_is_not_repeated(
    register: DroppingRegister, transport: RegisterTransport, method: str
) -> None:
    for _ in range(register.answered):
        assert isinstance(await transport.send(HttpCall("GET", "/first"), timeout_s=5), HttpReply)
    assert await transport.send(HttpCall(method, "/second"), timeout_s=5) is HttpFailure.NO_ANSWER
    assert [line for line in register.requests if b"/second" in line] == [f"{method} /second HTTP/1.1".encode()]


@pytest.mark.parametrize("register", [1], indirect=True)
async def test_header_values_are_text_whatever_their_bytes(transport: RegisterTransport) -> None:
    reply = await transport.send(HttpCall("GET", "/"), timeout_s=5)
    assert isinstance(reply, HttpReply)
    assert reply.headers["x-amt"] == "Gebühren"


@pytest.mark.parametrize("register", [1], indirect=True)
async def test_a_call_that_is_no_http_is_not_sent(transport: RegisterTransport, register: DroppingRegister) -> None:
    call = HttpCall("GET", "/", headers={"X-Order": "1\r\nX-Officer: another"})
    assert await transport.send(call, timeout_s=5) is HttpFailure.UNREACHABLE
    assert register.requests == []


async def test_calls_whose_connections_took_long_arrive_at_the_rate(manifest_text: str) -> None:
    """All connect within half a second, which is held up as a slow handshake holds it up."""
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    loop, arrived = asyncio.get_running_loop(), list[float]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.append(loop.time())
        writer.write(ANSWER)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        limits = manifest.limits.model_copy(update={"rate_per_s": 20.0, "max_concurrent_calls": 20})
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        transport = RegisterTransport(url, manifest.model_copy(update={"limits": limits}))
        connect = loop.create_connection
        ready_at = loop.time() + 0.5

        async def connect_slowly(*args: object, **kwargs: object) -> object:
            await asyncio.sleep(ready_at - loop.time())
            return await connect(*args, **kwargs)  # type: ignore[call-overload]

        loop.create_connection = connect_slowly  # type: ignore[method-assign,assignment]
        await asyncio.gather(*(transport.send(HttpCall("GET", "/"), timeout_s=5) for _ in range(10)))
        await transport.close()
    assert len(arrived) == 10
    assert all(later - earlier >= 0.15 for earlier, later in zip(arrived, arrived[4:], strict=False))
