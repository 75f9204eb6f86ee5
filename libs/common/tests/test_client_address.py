"""The address that limits count by: only the city's own proxies may name it, and nobody outside can choose it."""

import socket
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from threading import Thread

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs
from wanderamt.backbone.start_error import CannotStartError
from wanderamt.shell.client_address import ClientNetwork, TrustedProxies, limited_network
from wanderamt.shell.http_server import ServerBounds, create_server
from wanderamt.shell.service import Service, ServiceContext
from wanderamt.shell.settings import CityServiceSettings, InvalidSettingsError, ServiceSettings

PROXIES = TrustedProxies.parse("10.0.0.0/24, fd00::/64")
PROXY = "10.0.0.5"
OUTSIDE = st.one_of(
    st.ip_addresses(v=4).map(str).filter(lambda text: not text.startswith("10.0.0.")),
    st.ip_addresses(v=6).filter(lambda ip: ip not in PROXIES.networks[1] and not IPv6Address(ip).ipv4_mapped).map(str),
)
ANYTHING = st.text(st.characters(max_codepoint=255), max_size=80)


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.1"], "198.51.100.7"),  # nobody outside is believed
        ("127.0.0.1", ["203.0.113.1"], "127.0.0.1"),  # the loopback neither
        (PROXY, ["203.0.113.1"], "203.0.113.1"),
        (PROXY, ["6.6.6.6, 203.0.113.1"], "203.0.113.1"),  # the client wrote the first entry itself
        (PROXY, ["6.6.6.6", "203.0.113.1"], "203.0.113.1"),  # in a header of its own
        (PROXY, ["203.0.113.1, 10.0.0.9"], "203.0.113.1"),  # two proxies
        (PROXY, ["6.6.6.6, 203.0.113.1, 10.0.0.9, 10.0.0.8"], "203.0.113.1"),
        (PROXY, ["10.0.0.9"], "10.0.0.9"),  # a trusted hop is the client
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, ["203.0.113.1, nonsense"], PROXY),  # malformed: the last trusted hop
        (PROXY, ["203.0.113.1, nonsense, 10.0.0.9"], "10.0.0.9"),
        (PROXY, ["203.0.113.1,"], PROXY),
        (PROXY, ["203.0.113.1:4711"], "203.0.113.1"),
        (PROXY, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (PROXY, ["[2001:db8::1]"], "2001:db8::1"),
        (PROXY, ["2001:DB8:0::1"], "2001:db8::1"),
        (PROXY, ["::ffff:203.0.113.1"], "203.0.113.1"),
        (PROXY, ["010.1.1.1"], PROXY),
        (PROXY, ["2130706433"], PROXY),
        ("::ffff:10.0.0.5", ["203.0.113.1"], "203.0.113.1"),  # a socket for both versions
        ("fd00::1", ["203.0.113.1"], "203.0.113.1"),
        ("fe80::1%eth0", ["203.0.113.1"], "fe80::1"),
        ("", ["203.0.113.1"], "unknown"),
        ("testclient", ["203.0.113.1"], "unknown"),
    ],
)
def test_the_header_is_read_from_right_to_left_through_trusted_proxies(
    peer: str, headers: list[str], client: str
) -> None:
    assert PROXIES.address_of(peer, headers) == client


@given(peer=OUTSIDE, headers=st.lists(ANYTHING, max_size=4))
def test_no_header_from_outside_changes_the_address(peer: str, headers: list[str]) -> None:
    assert PROXIES.address_of(peer, headers) == PROXIES.address_of(peer)
    assert TrustedProxies().address_of(peer, headers) == TrustedProxies().address_of(peer)


@given(client=OUTSIDE, forged=st.lists(ANYTHING, max_size=4), hops=st.lists(st.sampled_from(["10.0.0.8", "fd00::9"])))
def test_behind_proxies_the_entry_of_the_outermost_proxy_counts_whatever_the_client_sent(
    client: str, forged: list[str], hops: list[str]
) -> None:
    headers = [*forged, ", ".join([client, *hops])]
    assert PROXIES.address_of(PROXY, headers) == str(ip_address(client))


@given(peer=ANYTHING, headers=st.lists(ANYTHING, max_size=4))
def test_any_input_has_an_address_to_count_by(peer: str, headers: list[str]) -> None:
    assert limited_network(PROXIES.address_of(peer, headers))


def test_an_ipv6_customer_counts_once_however_many_addresses_he_uses() -> None:
    addresses = [f"2001:db8:1:2{number:02x}:{number:x}::1" for number in range(256)]
    assert {limited_network(address) for address in addresses} == {"2001:db8:1:200::/56"}
    assert limited_network("2001:db8:1:300::1") == "2001:db8:1:300::/56"
    assert limited_network("192.0.2.1") == limited_network("::ffff:192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("all", "no network"),
        ("X-Real-IP", "no network"),
        ("10.0.0.5/24", "has host bits set"),
        ("10.0.0.0/24,", "no network"),
        ("0.0.0.0/0", "too large"),
        ("::/0", "too large"),
        ("128.0.0.0/1", "too large"),
    ],
)
def test_a_setting_that_trusts_nobody_in_particular_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TrustedProxies.parse(text)


def test_a_city_service_does_not_start_without_a_decision_about_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "TOKEN_PUBLIC_KEY", "ENCRYPTION_KEY"):
        monkeypatch.setenv(f"WANDERAMT_{name}", "x")
    with pytest.raises(InvalidSettingsError, match="WANDERAMT_TRUSTED_PROXIES is missing: the networks of the city's"):
        CityServiceSettings()
    monkeypatch.setenv("WANDERAMT_TRUSTED_PROXIES", "")
    with pytest.raises(InvalidSettingsError, match="WANDERAMT_TRUSTED_PROXIES is wrong"):
        CityServiceSettings()
    monkeypatch.setenv("WANDERAMT_TRUSTED_PROXIES", "0.0.0.0/0")
    with pytest.raises(InvalidSettingsError, match=r"WANDERAMT_TRUSTED_PROXIES is wrong .*too large a network"):
        CityServiceSettings()
    monkeypatch.setenv("WANDERAMT_TRUSTED_PROXIES", "none")
    assert CityServiceSettings().trusted_proxies == "none"


async def test_another_service_that_counts_by_address_does_not_start_without_a_decision() -> None:
    settings = ServiceSettings(database_url=SecretStr("postgresql://nowhere/x"), kafka_bootstrap_servers="nowhere:9092")
    service = Service(ServiceContext.create("letter-printer", settings), {})
    service.context.http.get("/who")(who)
    with pytest.raises(CannotStartError, match="/who limits its callers by address: set WANDERAMT_TRUSTED_PROXIES"):
        await service.start()


async def who(network: ClientNetwork) -> str:
    return network


def test_a_proxy_that_nobody_named_is_reported_once() -> None:
    for proxies, peer, headers in (
        (TrustedProxies(), "172.17.0.1", ["203.0.113.1"]),
        (TrustedProxies.parse("10.0.0.0/24"), "10.0.1.9", ["203.0.113.1"]),
        (TrustedProxies.parse("10.0.0.0/24"), "10.0.0.9", []),
    ):
        with capture_logs() as lines:
            for _ in range(3):
                proxies.address_of(peer, headers)
        assert [(line["event"], line["proxy"]) for line in lines] == [("http.clients_share_an_address", peer)]
    with capture_logs() as lines:
        TrustedProxies().address_of("127.0.0.1")
        TrustedProxies().address_of("8.8.8.8", ["198.51.100.1"])
    assert lines == []


@pytest.fixture
def served() -> Iterator[tuple[FastAPI, str]]:
    """An application behind the real HTTP server, and its URL."""
    app = FastAPI()
    app.get("/who")(who)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = create_server(app, host="127.0.0.1", port=0, bounds=ServerBounds(100, 5, 5, 1, 1))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield app, f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(("trusted", "seen"), [("none", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.1")])
async def test_the_http_server_itself_believes_no_header(served: tuple[FastAPI, str], trusted: str, seen: str) -> None:
    app, url = served
    app.state.trusted_proxies = TrustedProxies.parse(trusted)
    async with httpx.AsyncClient(base_url=url, timeout=5) as http:
        headers = {"X-Forwarded-For": "203.0.113.1", "Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6"}
        assert (await http.get("/who", headers=headers)).json() == seen
