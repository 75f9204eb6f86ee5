"""SOAP: valid envelopes out; any input ends in a fault, named parts, or InvalidEnvelope."""

import asyncio
from datetime import date, time
from pathlib import Path

import pytest
from connector_kit.adapter import HttpReply
from connector_kit.transports.soap import InvalidEnvelope, NotVendoredError, SoapFault, SoapPort
from hypothesis import given
from hypothesis import strategies as st

WSDL = Path(__file__).parent / "tides.wsdl"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XML = {"content-type": "text/xml; charset=utf-8"}


def envelope(body: str, *, before: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>{before}<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


ANSWER = '<t:Answer xmlns:t="urn:tides"><t:High>06:30:00</t:High><t:Note>{}</t:Note></t:Answer>'


@pytest.fixture(scope="module")
def port() -> SoapPort:
    return SoapPort(WSDL)


async def test_questions_and_answers_use_the_wsdl() -> None:
    port = await asyncio.to_thread(SoapPort, WSDL)
    call = port.encode("Ask", {"Harbour": "Ærø & <Søby>", "Day": date(2026, 5, 4)})
    assert call.headers["SOAPAction"] == '"urn:tides:Ask"'
    assert "Ærø &amp; &lt;Søby&gt;".encode() in call.body
    answer = port.decode("Ask", HttpReply(200, XML, envelope(ANSWER.format("Flut"))))
    assert (answer.High, answer.Note) == (time(6, 30), "Flut")


def test_fields_outside_the_schema_are_rejected_before_the_call(port: SoapPort) -> None:
    for fields in ({"Harbour": "x"}, {"Harbour": "x", "Day": date(2026, 5, 4), "Colour": 1}):
        with pytest.raises(ValueError, match="Ask: "):
            port.encode("Ask", fields)


@pytest.mark.parametrize("status", [200, 500])
def test_a_fault_is_recognised_with_any_status_and_without_its_text(port: SoapPort, status: int) -> None:
    fault = "<s:Fault><faultcode>soap:F230</faultcode><faultstring>no Zoë Hadžić</faultstring><detail><x:Nobody xmlns:x='urn:x'>Zoë</x:Nobody></detail></s:Fault>"
    assert port.decode("Ask", HttpReply(status, XML, envelope(fault))) == SoapFault("f230", ("detail", "nobody"))


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"<html><body>Please log in</body></html>", {"content-type": "text/html"}),
        (b"<html><body>Please log in</body></html>", XML),
        (envelope(ANSWER)[:150], XML),
        (b"", XML),
        (envelope(""), XML),
        (envelope("<t:Other xmlns:t='urn:tides'/>"), XML),
        (envelope("<t:Answer xmlns:t='urn:tides'><t:High>soon</t:High></t:Answer>"), XML),
        (envelope(ANSWER.format("Ebbe Ö")).decode().encode("iso-8859-15"), XML),
        (envelope(ANSWER.format("&b;"), before='<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'), XML),
        (envelope(ANSWER.format("&f;"), before='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'), XML),
        (envelope("<x>" * 5000), XML),
        (envelope(2 * ANSWER.format("Flut")), XML),
    ],
)
def test_other_content_is_an_invalid_envelope(port: SoapPort, content: bytes, headers: dict[str, str]) -> None:
    read = port.decode("Ask", HttpReply(200, headers, content))
    assert isinstance(read, InvalidEnvelope), read
    assert len(read.code) <= 40


@given(st.binary(max_size=400))
def test_no_bytes_raise(content: bytes) -> None:
    read = _PORT.decode("Ask", HttpReply(200, XML, content))
    assert isinstance(read, InvalidEnvelope | SoapFault)


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    wsdl = tmp_path / "far.wsdl"
    wsdl.write_text(
        WSDL.read_text().replace(
            "<wsdl:types>", '<wsdl:import namespace="urn:far" location="http://far.invalid/x.wsdl"/><wsdl:types>'
        )
    )
    with pytest.raises(NotVendoredError, match=r"far\.invalid"):
        SoapPort(wsdl)


_PORT = SoapPort(WSDL)
