"""Encodes a question as a SOAP envelope, classifies SOAP replies. Pure functions.

Invariants: `classify` returns an outcome for any bytes; a person with a blocked record and an unknown person give the
same `NotFound`.
"""

from typing import Any

from connector_kit.adapter import AdapterConfig, CallContext, HttpCall, HttpReply
from connector_kit.call_outcome import (
    Ambiguous,
    AuthFailed,
    CallOutcome,
    NotFound,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    UnreadableResponse,
)
from connector_kit.transports.http_status import outcome_of_status
from connector_kit.transports.soap import InvalidEnvelope, SoapFault, SoapPort
from lxml import etree
from pydantic import BaseModel

from registry_bridge.bridges.residents.models import Residence, ResidenceQuery

ACTIONS = {"confirm_residence": "ConfirmResidence"}
PVP = "http://egov.gv.at/pvp1.xsd"
SECURITY = "http://schemas.xmlsoap.org/ws/2002/04/secext"
ROLE = "ZMR-Behoerdenanfrage"

NOT_AUTHORIZED = frozenset({"f490"})
WRONG_QUESTION = frozenset({"f411", "f430", "f438"})
MORE_THAN_ONE = frozenset({"f231", "f233"})
SESSION_EXPIRED = frozenset({"f401", "f402", "f403"})
PORTAL_REFUSES = "policyresult"  # a fault of the portal, not of the register


def open_adapter(config: AdapterConfig) -> "ResidentsAdapter":
    return ResidentsAdapter(SoapPort(config.folder / "residents.wsdl"), participant=config.settings["participant"])


class ResidentsAdapter:
    def __init__(self, port: SoapPort, *, participant: str) -> None:
        self._port = port
        self._participant = participant

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        assert isinstance(question, ResidenceQuery)  # noqa: S101 -- the question model in the manifest
        fields = {
            "RequestId": str(context.call_id),
            "Purpose": context.purpose,
            "FamilyName": question.family_name,
            "GivenName": question.given_name,
            "BirthDate": question.born,
        }
        return self._port.encode(ACTIONS[operation], fields, headers=[self._security(context.officer)])

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        match self._port.decode(ACTIONS[operation], reply):
            case SoapFault(code, detail):
                return AuthFailed("portal") if PORTAL_REFUSES in detail else _outcome_of_fault(code)
            case InvalidEnvelope(code):
                return outcome_of_status(reply) or UnreadableResponse(code)
            case answer:
                return _outcome_of_answer(answer)

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


def _outcome_of_answer(answer: Any) -> CallOutcome:
    match answer.Status:
        case "CONFIRMED" if answer.RegisteredSince:
            return Succeeded(
                Residence(
                    municipality=answer.Municipality or "",
                    registered_since=answer.RegisteredSince,
                    record_number=answer.RecordNumber,
                )
            )
        case "NO_DATA":
            return NotFound()
    return UnreadableResponse("status")


def _outcome_of_fault(code: str) -> CallOutcome:
    if code in NOT_AUTHORIZED:
        return AuthFailed(code)
    if code in WRONG_QUESTION:
        return Rejected(code)
    if code in MORE_THAN_ONE:
        return Ambiguous()
    return TemporarilyUnavailable(code, 0.0 if code in SESSION_EXPIRED else None)
