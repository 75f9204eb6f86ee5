"""Encodes a question as a SOAP envelope, classifies SOAP replies. Pure functions.

Invariants: `classify` returns an outcome for any bytes; a person with a blocked record and an unknown person give the
same `NotFound`; an answer without its content is no answer.
"""

from typing import Any, Final

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
from connector_kit.transports.soap import InvalidEnvelope, SoapFault, SoapPort, to_plain
from lxml import etree
from pydantic import BaseModel, ValidationError

from registry_bridge.bridges.residents import models
from registry_bridge.bridges.residents.messages import from_parts, to_parts

ACTIONS: Final[dict[str, tuple[str, type[BaseModel]]]] = {
    "confirm_residence": ("ConfirmResidence", models.Residence),
    "find_person": ("FindPerson", models.PersonEntry),
    "household": ("FindHousehold", models.Household),
    "register_residence": ("RegisterResidence", models.RegistrationReceipt),
    "cancel_registration": ("CancelRegistration", models.RegistrationNumber),
    "deregister_residence": ("DeregisterResidence", models.DeregistrationReceipt),
    "cancel_deregistration": ("CancelDeregistration", models.DeregistrationNumber),
    "correct_person": ("CorrectPerson", models.CorrectionReceipt),
    "cancel_correction": ("CancelCorrection", models.CorrectionReceipt),
}
PVP = "http://egov.gv.at/pvp1.xsd"
SECURITY = "http://schemas.xmlsoap.org/ws/2002/04/secext"
ROLE = "ZMR-Behoerdenanfrage"

NOT_AUTHORIZED = frozenset({"f490"})
# the question is wrong (f411, f430, f438), or the register does not carry it out:
# f440 registered there already, f441 no such address, f442 a later registration, deregistration or correction exists
WRONG_QUESTION = frozenset({"f411", "f430", "f438", "f440", "f441", "f442"})
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
        fields = {"RequestId": str(context.call_id), "Purpose": context.purpose, **_parts_of(question)}
        return self._port.encode(ACTIONS[operation][0], fields, headers=[self._security(context.officer)])

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        action, model = ACTIONS[operation]
        match self._port.decode(action, reply):
            case SoapFault(code, detail):
                return AuthFailed("portal") if PORTAL_REFUSES in detail else _outcome_of_fault(code)
            case InvalidEnvelope(code):
                return outcome_of_status(reply) or UnreadableResponse(code)
            case answer:
                return _outcome_of_answer(answer, model)

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


def _parts_of(question: BaseModel) -> dict[str, Any]:
    if isinstance(question, models.ResidenceQuery):
        return {
            "FamilyName": question.family_name,
            "GivenName": question.given_name,
            "BirthDate": question.born,
        }
    return to_parts(question.model_dump(mode="json"))


def _outcome_of_answer(answer: Any, model: type[BaseModel]) -> CallOutcome:
    parts = from_parts(to_plain(answer))
    match parts.pop("status", None):
        case "CONFIRMED" | "DONE":
            try:
                return Succeeded(model.model_validate(parts))
            except ValidationError:
                return UnreadableResponse("without_content")
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
