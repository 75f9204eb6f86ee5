"""Who we are to a register: certificates both ways, and the SOAP security header."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
import uvicorn
from connector_kit.adapter import HttpCall
from connector_kit.manifest import Manifest, read_manifest
from connector_kit.soap import Port, username_token
from connector_kit.transport import HttpWire, Identity, Trouble
from lxml import etree
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from wanderamt_local.state import free_port

WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("come in")


class Door:
    """A register that lets in whom its authority has signed."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.authority, self.strangers = trustme.CA(), trustme.CA()
        self.authorities = folder / "authorities.pem"
        self.authority.cert_pem.write_to_path(self.authorities)
        server = self.authority.issue_cert("localhost")
        server.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")

    def identity(self, by: trustme.CA) -> Identity:
        ours = by.issue_cert("city@linz.example")
        certificate, key = self.folder / "ours.pem", self.folder / "ours.key"
        ours.cert_chain_pems[0].write_to_path(certificate)
        ours.private_key_pem.write_to_path(key)
        return Identity(certificate, key, self.authorities)


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path, free_port())
    config = uvicorn.Config(
        Starlette(routes=[Route("/", hello)]),
        host="127.0.0.1",
        port=door.port,
        log_level="warning",
        ssl_certfile=str(tmp_path / "server.pem"),
        ssl_keyfile=str(tmp_path / "server.pem"),
        ssl_ca_certs=str(door.authorities),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield door
    server.should_exit = True
    await serving


async def knock(door: Door, manifest: Manifest, identity: Identity) -> object:
    wire = HttpWire(f"https://localhost:{door.port}", manifest, identity=identity)
    try:
        reply = await wire.send(HttpCall("GET", "/"), timeout_s=5)
    finally:
        await wire.close()
    return reply if isinstance(reply, Trouble) else reply.body


async def test_both_sides_know_each_other_by_certificate(door: Door, manifest: Manifest) -> None:
    assert await knock(door, manifest, door.identity(door.authority)) == b"come in"


async def test_a_strangers_certificate_is_not_let_in_and_nothing_was_said(door: Door, manifest: Manifest) -> None:
    assert isinstance(await knock(door, manifest, door.identity(door.strangers)), Trouble)


async def test_a_server_that_another_authority_signed_is_not_talked_to(door: Door, manifest: Manifest) -> None:
    identity = door.identity(door.authority)
    door.strangers.cert_pem.write_to_path(door.authorities)
    assert await knock(door, manifest, identity) is Trouble.UNREACHABLE


def test_a_password_travels_as_a_digest_in_the_security_header() -> None:
    port = Port(Path(__file__).with_name("tides.wsdl"))
    token = username_token("city", SecretStr("hard to guess"))
    call = port.encode("Ask", {"Harbour": "Linz", "Day": "2026-11-26"}, security=token)
    assert b"hard to guess" not in call.body
    envelope = etree.fromstring(call.body)
    assert envelope.findtext(f".//{WSSE}Username") == "city"
    [password] = envelope.iter(f"{WSSE}Password")
    assert password.get("Type", "").endswith("#PasswordDigest")
    assert envelope.findtext(f".//{WSSE}Nonce")
