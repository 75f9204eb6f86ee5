"""Authentication: mutual TLS, and the SOAP security header."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
import uvicorn
from connector_kit.adapter import HttpCall
from connector_kit.manifest.manifest import Manifest, read_manifest
from connector_kit.transports.http import HttpFailure, RegisterTransport, TlsIdentity
from connector_kit.transports.soap import SoapPort, username_token
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


class TlsServer:
    """A register that accepts client certificates of its own authority."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.authority, self.strangers = trustme.CA(), trustme.CA()
        self.authorities = folder / "authorities.pem"
        self.authority.cert_pem.write_to_path(self.authorities)
        server = self.authority.issue_cert("localhost")
        server.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")

    def identity(self, by: trustme.CA) -> TlsIdentity:
        ours = by.issue_cert("city@linz.example")
        certificate, key = self.folder / "ours.pem", self.folder / "ours.key"
        ours.cert_chain_pems[0].write_to_path(certificate)
        ours.private_key_pem.write_to_path(key)
        return TlsIdentity(certificate, key, self.authorities)


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


@pytest_asyncio.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[TlsServer]:
    tls_server = TlsServer(tmp_path, free_port())
    config = uvicorn.Config(
        Starlette(routes=[Route("/", hello)]),
        host="127.0.0.1",
        port=tls_server.port,
        log_level="warning",
        ssl_certfile=str(tmp_path / "server.pem"),
        ssl_keyfile=str(tmp_path / "server.pem"),
        ssl_ca_certs=str(tls_server.authorities),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield tls_server
    server.should_exit = True
    await serving


async def call(tls_server: TlsServer, manifest: Manifest, identity: TlsIdentity) -> object:
    transport = RegisterTransport(f"https://localhost:{tls_server.port}", manifest, identity=identity)
    try:
        reply = await transport.send(HttpCall("GET", "/"), timeout_s=5)
    finally:
        await transport.close()
    return reply if isinstance(reply, HttpFailure) else reply.body


async def test_both_sides_authenticate_by_certificate(tls_server: TlsServer, manifest: Manifest) -> None:
    assert await call(tls_server, manifest, tls_server.identity(tls_server.authority)) == b"come in"


async def test_an_unknown_client_certificate_is_rejected(tls_server: TlsServer, manifest: Manifest) -> None:
    assert isinstance(await call(tls_server, manifest, tls_server.identity(tls_server.strangers)), HttpFailure)


async def test_a_tls_server_of_another_authority_is_rejected(tls_server: TlsServer, manifest: Manifest) -> None:
    identity = tls_server.identity(tls_server.authority)
    tls_server.strangers.cert_pem.write_to_path(tls_server.authorities)
    assert await call(tls_server, manifest, identity) is HttpFailure.UNREACHABLE


def test_a_password_is_sent_as_a_digest() -> None:
    port = SoapPort(Path(__file__).with_name("tides.wsdl"))
    token = username_token("city", SecretStr("hard to guess"))
    call = port.encode("Ask", {"Harbour": "Linz", "Day": "2026-11-26"}, security=token)
    assert b"hard to guess" not in call.body
    envelope = etree.fromstring(call.body)
    assert envelope.findtext(f".//{WSSE}Username") == "city"
    [password] = envelope.iter(f"{WSSE}Password")
    assert password.get("Type", "").endswith("#PasswordDigest")
    assert envelope.findtext(f".//{WSSE}Nonce")
