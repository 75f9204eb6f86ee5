"""Pure: a question to a SOAP envelope, a SOAP answer to an Answer. No network, no retry, no clock.

Kept true: whatever bytes come back, `decode` ends in an Answer or a Retry; nothing of the answer's text leaves in a
reason. A locked person and an unknown one are one and the same NO_DATA.
"""

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import zeep
from lxml import etree
from wanderamt.contracts import Verdict
from wanderamt.kernel.decision import Retry
from zeep.exceptions import Error, Fault
from zeep.transports import Transport

from registry_bridge.bridges.residents.models import Person, Residence
from registry_bridge.domain.request import Answer

OPERATION = "ConfirmResidence"
SOAP_ACTION = '"urn:wanderamt:residents:1:ConfirmResidence"'
PVP = "http://egov.gv.at/pvp1.xsd"
SECURITY = "http://schemas.xmlsoap.org/ws/2002/04/secext"
ROLE = "ZMR-Behoerdenanfrage"

# Faults that say "not you" rather than "not now": asking again changes nothing until someone mends the rights.
REFUSING_FAULTS = frozenset({"F490", "F411", "F430", "F438"})
RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class _Reply:
    """What zeep wants to see of an HTTP response."""

    status_code: int
    content: bytes
    headers: dict[str, str]
    encoding: str = "utf-8"


class NoTransport(Transport):
    """zeep may read the vendored WSDL and nothing else: any download is a bug."""

    def _load_remote_data(self, url: str) -> bytes:
        raise RuntimeError(f"the WSDL is vendored, nothing may be loaded from {url}")


class ResidentsAdapter:
    def __init__(self, participant: str) -> None:
        self._participant = participant
        client: Any = zeep.Client  # zeep has no types
        transport: Any = NoTransport
        with as_file(files("registry_bridge.bridges.residents") / "residents.wsdl") as wsdl:
            self._client: Any = client(str(wsdl), transport=transport())

    def encode(self, person: Person, *, request_id: str, purpose: str, officer: str) -> bytes:
        envelope = self._client.create_message(
            self._client.service,
            OPERATION,
            RequestId=request_id,
            Purpose=purpose,
            FamilyName=person.family_name,
            GivenName=person.given_name,
            BirthDate=person.born,
            _soapheaders=[self._security(officer)],
        )
        return bytes(etree.tostring(envelope, xml_declaration=True, encoding="utf-8"))

    def decode(self, status: int, content: bytes) -> Answer | Retry:
        binding: Any = self._client.service._binding
        try:
            reply = binding.process_reply(
                self._client, binding.get(OPERATION), _Reply(status, content, {"Content-Type": "text/xml"})
            )
        except Fault as fault:
            return _classify_fault(str(fault.code or ""))
        except (Error, etree.LxmlError, ValueError, TypeError, LookupError, AttributeError):
            return Retry(RETRY_AFTER_S, f"HTTP {status} without a readable answer")
        match getattr(reply, "Status", None):
            case "CONFIRMED" if reply.RegisteredSince:
                found = Residence(municipality=reply.Municipality or "", registered_since=reply.RegisteredSince)
                return Answer(Verdict.CONFIRMED, found.model_dump_json().encode())
            case "NO_DATA":
                return Answer(Verdict.NOT_FOUND)
        return Retry(RETRY_AFTER_S, f"HTTP {status} with an empty answer")

    def _security(self, officer: str) -> Any:
        security = etree.Element(f"{{{SECURITY}}}Security", nsmap={"wsse": SECURITY, "pvp": PVP})
        token = etree.SubElement(security, f"{{{PVP}}}pvpToken", version="1.8")
        authenticate = etree.SubElement(token, f"{{{PVP}}}authenticate")
        etree.SubElement(authenticate, f"{{{PVP}}}participantId").text = self._participant
        principal = etree.SubElement(authenticate, f"{{{PVP}}}userPrincipal")
        etree.SubElement(principal, f"{{{PVP}}}userId").text = officer
        authorize = etree.SubElement(token, f"{{{PVP}}}authorize")
        etree.SubElement(authorize, f"{{{PVP}}}role", value=ROLE)
        return security


def _classify_fault(code: str) -> Answer | Retry:
    name = code.rsplit(":", maxsplit=1)[-1]
    if name in REFUSING_FAULTS:
        return Answer(Verdict.REFUSED)
    return Retry(RETRY_AFTER_S, f"fault {name[:40] or 'without code'}")
