"""Pure: a question to a SOAP envelope, a SOAP answer to a verdict.

Kept true: whatever bytes come back, `classify` ends in a verdict; a locked person and an unknown one are one and the
same `NotFound`.
"""

from typing import Any

from connector_kit.adapter import HttpCall, HttpReply, Setup, Stamp
from connector_kit.bridge import by_status
from connector_kit.soap import Port, SoapFault, Unreadable
from connector_kit.verdict import Ambiguous, AuthFailed, Done, Malformed, NotFound, Rejected, RetryLater, Verdict
from lxml import etree
from pydantic import BaseModel

from registry_bridge.bridges.residents.models import Person, Residence

ACTIONS = {"confirm_residence": "ConfirmResidence"}
PVP = "http://egov.gv.at/pvp1.xsd"
SECURITY = "http://schemas.xmlsoap.org/ws/2002/04/secext"
ROLE = "ZMR-Behoerdenanfrage"

NOT_LET_IN = frozenset({"f490"})
WRONG_QUESTION = frozenset({"f411", "f430", "f438"})
MORE_THAN_ONE = frozenset({"f231", "f233"})
SESSION_OVER = frozenset({"f401", "f402", "f403"})
PORTAL_SAYS_NO = "policyresult"  # the portal's own fault, not the register's


def open_adapter(setup: Setup) -> "ResidentsAdapter":
    return ResidentsAdapter(Port(setup.folder / "residents.wsdl"), participant=setup.settings["participant"])


class ResidentsAdapter:
    def __init__(self, port: Port, *, participant: str) -> None:
        self._port = port
        self._participant = participant

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        assert isinstance(question, Person)  # noqa: S101 -- as the manifest says
        fields = {
            "RequestId": str(stamp.call_id),
            "Purpose": stamp.purpose,
            "FamilyName": question.family_name,
            "GivenName": question.given_name,
            "BirthDate": question.born,
        }
        return self._port.encode(ACTIONS[operation], fields, headers=[self._security(stamp.officer)])

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        match self._port.decode(ACTIONS[operation], reply):
            case SoapFault(code, detail):
                return AuthFailed("portal") if PORTAL_SAYS_NO in detail else _of_fault(code)
            case Unreadable(code):
                return by_status(reply) or Malformed(code)
            case answer:
                return _of_answer(answer)

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


def _of_answer(answer: Any) -> Verdict:
    match answer.Status:
        case "CONFIRMED" if answer.RegisteredSince:
            return Done(
                Residence(
                    municipality=answer.Municipality or "",
                    registered_since=answer.RegisteredSince,
                    record_number=answer.RecordNumber,
                )
            )
        case "NO_DATA":
            return NotFound()
    return Malformed("status")


def _of_fault(code: str) -> Verdict:
    if code in NOT_LET_IN:
        return AuthFailed(code)
    if code in WRONG_QUESTION:
        return Rejected(code)
    if code in MORE_THAN_ONE:
        return Ambiguous()
    return RetryLater(code, 0.0 if code in SESSION_OVER else None)
