"""SOAP by a vendored WSDL: envelopes out, answers in. Pure but for reading the file once, off the loop.

Kept true: nothing is ever downloaded; no entity is resolved and no DTD is read, so that neither a file of this machine
nor a billion laughs come in by an answer; a fault is told by its code alone, for its text may name the person.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import zeep
from lxml import etree
from pydantic import SecretStr
from zeep.exceptions import Error, ExternalReferenceForbidden, Fault
from zeep.helpers import serialize_object
from zeep.wsse.username import UsernameToken

from connector_kit.adapter import HttpCall, HttpReply
from connector_kit.verdict import code_of

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
SETTINGS: Final = {"strict": True, "forbid_dtd": True, "forbid_entities": True, "forbid_external": True}
logging.getLogger("zeep").setLevel(logging.CRITICAL + 1)  # noqa: TID251 -- it logs values it cannot read: persons' data
UNREADABLE = (Error, etree.LxmlError, ValueError, TypeError, LookupError, AttributeError)


class Security(Protocol):
    """WS-Security: puts its header into an envelope. Those of zeep.wsse fit: UsernameToken (see `username_token`),
    Signature and BinarySignature (which need the package xmlsec)."""

    def apply(self, envelope: Any, headers: dict[str, str]) -> tuple[Any, dict[str, str]]: ...


def username_token(user: str, password: SecretStr) -> Security:
    """OASIS UsernameToken profile with a digest: the password itself does not travel, a nonce and the time do."""
    made: Any = UsernameToken
    token: Security = made(user, password.get_secret_value(), use_digest=True)
    return token


class NotVendored(Exception):
    """The WSDL wants a file from elsewhere: put it beside the WSDL."""


@dataclass(frozen=True, slots=True)
class SoapFault:
    """`code` as one word; `detail`: names of the elements in its detail, by which some registers tell theirs."""

    code: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No SOAP answer of this operation. `code` says what was there instead."""

    code: str


@dataclass(frozen=True, slots=True)
class _Reply:
    """What zeep wants to see of an HTTP response."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]
    encoding: str = "utf-8"


class Port:
    """One port of a WSDL. Building it takes seconds for a large one: before the loop runs, or in a thread."""

    def __init__(self, wsdl: Path) -> None:
        try:
            client: Any = zeep.Client  # zeep has no types
            self._client: Any = client(str(wsdl), settings=zeep.Settings(**SETTINGS))
        except ExternalReferenceForbidden as error:
            raise NotVendored(f"{error.url} is not beside {wsdl.name}") from error
        self._binding: Any = self._client.service._binding

    def encode(
        self,
        operation: str,
        fields: Mapping[str, object],
        *,
        headers: list[Any] | None = None,
        security: Security | None = None,
    ) -> HttpCall:
        """`headers`: elements for the SOAP header. Raises ValueError for fields that the schema does not take."""
        try:
            envelope = self._client.create_message(
                self._client.service, operation, _soapheaders=headers or [], **dict(fields)
            )
        except (Error, TypeError) as error:
            raise ValueError(f"{operation}: {type(error).__name__}") from error
        action = self._binding.get(operation).soapaction or ""
        told = {"Content-Type": CONTENT_TYPE, "SOAPAction": f'"{action}"'}
        if security:
            envelope, told = security.apply(envelope, told)
        return HttpCall(
            method="POST",
            path="",
            headers=told,
            body=bytes(etree.tostring(envelope, xml_declaration=True, encoding="utf-8")),
        )

    def decode(self, operation: str, reply: HttpReply) -> Any:
        """The answer's parts by name, a SoapFault whatever the HTTP status is, or Unreadable."""
        kind = reply.headers.get("content-type", "text/xml")
        if "xml" not in kind and "multipart/related" not in kind:
            return Unreadable(code_of(f"http_{reply.status}_{kind.split(';')[0]}"))
        seen = _Reply(reply.status, reply.body, {"Content-Type": kind})
        try:
            read = self._binding.process_reply(self._client, self._binding.get(operation), seen)
            return Unreadable(missing) if (missing := self._missing(operation, read)) else read
        except Fault as fault:
            if isinstance(fault.detail, bytes):  # what zeep makes of any XML that comes with an error
                return Unreadable(code_of(f"http_{reply.status}_no_envelope"))
            return SoapFault(code_of(fault.code), _names(fault.detail))
        except UNREADABLE as error:
            return Unreadable(code_of(f"http_{reply.status}_{type(error).__name__}"))

    def operations(self) -> list[str]:
        return list(self._binding.all())

    def parts(self, operation: str) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        """Elements that go in and come out, by name."""
        bound = self._binding.get(operation)
        return list(bound.input.body.type.elements), list(bound.output.body.type.elements)

    def answer(self, operation: str, parts: Mapping[str, object]) -> str:
        """An envelope as the register would send it: for first scenarios."""
        envelope = self._binding.get(operation).output.serialize(**dict(parts)).content
        return str(etree.tostring(envelope, encoding="unicode"))

    def _missing(self, operation: str, read: Any) -> str:
        """zeep leaves empty what it cannot read or does not find, even where the schema wants it."""
        parts = self._binding.get(operation).output.body.type.elements
        if len(parts) > 1 and not all(hasattr(read, name) for name, _ in parts):
            return "no_answer_of_this_operation"
        missing = [name for name, part in parts if part.min_occurs and getattr(read, name, read) is None]
        return code_of(f"without_{missing[0]}") if missing else ""


def plain(answer: Any) -> Any:
    """What a Port decoded, as dicts, lists and values; parts that are not there are left out."""
    as_dicts: Any = serialize_object  # zeep has no types
    return _without_none(as_dicts(answer, dict))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(one) for name, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value


def _names(detail: Any) -> tuple[str, ...]:
    if detail is None:
        return ()
    return tuple(code_of(etree.QName(one).localname) for one in detail.iter(etree.Element))[:20]
