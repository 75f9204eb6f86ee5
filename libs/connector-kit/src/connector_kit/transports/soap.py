"""SOAP with a WSDL from the bridge's folder: encodes requests, decodes answers. Pure except for reading the WSDL once.

Invariants: nothing is downloaded; no entity is resolved and no DTD is read, so neither a local file nor an entity
expansion attack ("billion laughs") gets in with an answer; a fault is reported by its code only, because its text may
name a person.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import SecretStr

from connector_kit.adapter import HttpCall, HttpReply
from connector_kit.call_outcome import to_code

try:
    import zeep
    from lxml import etree
    from zeep.exceptions import Error, ExternalReferenceForbidden, Fault
    from zeep.helpers import serialize_object
    from zeep.wsse.username import UsernameToken
except ImportError as error:
    raise ImportError("install wanderamt-connector-kit[soap]") from error

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
SETTINGS: Final = {"strict": True, "forbid_dtd": True, "forbid_entities": True, "forbid_external": True}
logging.getLogger("zeep").setLevel(logging.CRITICAL + 1)  # noqa: TID251 -- it logs unreadable values: personal data
UNREADABLE = (Error, etree.LxmlError, ValueError, TypeError, LookupError, AttributeError)


class WsSecurity(Protocol):
    """Adds a WS-Security header to an envelope. The classes of zeep.wsse fit: UsernameToken (see `username_token`),
    Signature and BinarySignature (these two need the package xmlsec)."""

    def apply(self, envelope: Any, headers: dict[str, str]) -> tuple[Any, dict[str, str]]: ...


def username_token(user: str, password: SecretStr) -> WsSecurity:
    """OASIS UsernameToken profile with a digest: the password itself is not sent, only a nonce, the time and the
    digest."""
    made: Any = UsernameToken
    token: WsSecurity = made(user, password.get_secret_value(), use_digest=True)
    return token


class NotVendoredError(Exception):
    """The WSDL needs a file from elsewhere: put it beside the WSDL."""


@dataclass(frozen=True, slots=True)
class SoapFault:
    """`code`: as one word; `detail`: names of the elements in the fault's detail, which some registers use as codes."""

    code: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InvalidEnvelope:
    """No SOAP answer of this operation. `code` says what we received instead."""

    code: str


@dataclass(frozen=True, slots=True)
class _Reply:
    """The part of an HTTP response that zeep reads."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]
    encoding: str = "utf-8"


class SoapPort:
    """One port of a WSDL. Loading a large WSDL takes seconds: do it before the event loop runs, or in a thread."""

    def __init__(self, wsdl: Path) -> None:
        try:
            client: Any = zeep.Client  # zeep has no types
            self._client: Any = client(str(wsdl), settings=zeep.Settings(**SETTINGS))
        except ExternalReferenceForbidden as error:
            raise NotVendoredError(f"{error.url} is not beside {wsdl.name}") from error
        self._binding: Any = self._client.service._binding

    def encode(
        self,
        operation: str,
        fields: Mapping[str, object],
        *,
        headers: list[Any] | None = None,
        security: WsSecurity | None = None,
    ) -> HttpCall:
        """`headers`: elements for the SOAP header. Raises ValueError for fields that the schema does not accept."""
        try:
            envelope = self._client.create_message(
                self._client.service, operation, _soapheaders=headers or [], **dict(fields)
            )
        except (Error, TypeError) as error:
            raise ValueError(f"{operation}: {type(error).__name__}") from error
        action = self._binding.get(operation).soapaction or ""
        http_headers = {"Content-Type": CONTENT_TYPE, "SOAPAction": f'"{action}"'}
        if security:
            envelope, http_headers = security.apply(envelope, http_headers)
        return HttpCall(
            method="POST",
            path="",
            headers=http_headers,
            body=bytes(etree.tostring(envelope, xml_declaration=True, encoding="utf-8")),
        )

    def decode(self, operation: str, reply: HttpReply) -> Any:
        """The answer's parts by name; a SoapFault, whatever the HTTP status; or InvalidEnvelope."""
        content_type = reply.headers.get("content-type", "text/xml")
        if "xml" not in content_type and "multipart/related" not in content_type:
            return InvalidEnvelope(to_code(f"http_{reply.status}_{content_type.split(';')[0]}"))
        received = _Reply(reply.status, reply.body, {"Content-Type": content_type})
        try:
            read = self._binding.process_reply(self._client, self._binding.get(operation), received)
            if "multipart" not in content_type and _answers_twice(
                reply.body
            ):  # zeep reads the first and drops the rest
                return InvalidEnvelope("more_than_one_answer")
            return InvalidEnvelope(missing) if (missing := self._missing(operation, read)) else read
        except Fault as fault:
            if isinstance(fault.detail, bytes):  # zeep turns any XML of an HTTP error into a Fault
                return InvalidEnvelope(to_code(f"http_{reply.status}_no_envelope"))
            return SoapFault(to_code(fault.code), _names(fault.detail))
        except UNREADABLE as error:
            return InvalidEnvelope(to_code(f"http_{reply.status}_{type(error).__name__}"))

    def operations(self) -> list[str]:
        return list(self._binding.all())

    def parts(self, operation: str) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        """Elements of the request and of the answer, by name."""
        bound = self._binding.get(operation)
        return list(bound.input.body.type.elements), list(bound.output.body.type.elements)

    def sample_answer(self, operation: str, parts: Mapping[str, object]) -> str:
        """An envelope as the register would send it, for first scenarios."""
        envelope = self._binding.get(operation).output.serialize(**dict(parts)).content
        return str(etree.tostring(envelope, encoding="unicode"))

    def _missing(self, operation: str, read: Any) -> str:
        """The code of a missing part. zeep leaves empty what it cannot read or find, even where the schema requires
        it."""
        parts = self._binding.get(operation).output.body.type.elements
        if len(parts) > 1 and not all(hasattr(read, name) for name, _ in parts):
            return "no_answer_of_this_operation"
        missing = [name for name, part in parts if part.min_occurs and getattr(read, name, read) is None]
        return to_code(f"without_{missing[0]}") if missing else ""


def _answers_twice(body: bytes) -> bool:
    """Whether the body of the envelope, which zeep has accepted, holds an element twice."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    names = [element.tag for element in etree.fromstring(body, parser).iterfind("{*}Body/*")]
    return len(names) != len(set(names))


def to_plain(answer: Any) -> Any:
    """What a SoapPort decoded, as dicts, lists and values, without absent parts."""
    as_dicts: Any = serialize_object  # zeep has no types
    return _without_none(as_dicts(answer, dict))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _names(detail: Any) -> tuple[str, ...]:
    if detail is None:
        return ()
    return tuple(to_code(etree.QName(element).localname) for element in detail.iter(etree.Element))[:20]
