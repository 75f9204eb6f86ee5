"""SOAP envelopes as the simulated register reads and writes them: fields under the names of our models."""

from typing import Any

from lxml import etree
from starlette.responses import Response

from registry_bridge.bridges.residents.messages import from_parts, to_parts

NS = "urn:wanderamt:residents:1"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SEQUENCES = {  # the order of the elements in the WSDL
    "ConfirmResidence": ("status", "municipality", "registered_since", "record_number", "address", "kind"),
    "FindPerson": ("status", "municipality", "address", "record_number"),
}
PLURALS = {"Person": "people"}


def fields_of(element: Any) -> dict[str, Any]:
    """The parts of a message, by the names of our models; people are a list."""
    parts: dict[str, Any] = {}
    for child in element:
        name = etree.QName(child).localname
        value: Any = fields_of(child) if len(child) else child.text or ""
        if name in PLURALS:
            parts.setdefault(name, []).append(value)
        else:
            parts[name] = value
    fields: dict[str, Any] = from_parts(parts)
    return fields


def answer_envelope(action: str, fields: dict[str, Any]) -> Response:
    envelope, body = _envelope()
    answer = etree.SubElement(body, f"{{{NS}}}{action}Response")
    in_order = {name: fields[name] for name in SEQUENCES.get(action, fields) if name in fields}
    _write(answer, to_parts(in_order))
    return Response(etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), media_type="text/xml")


def fault_envelope(code: str, text: str, *, status: int = 500, policy: bool = False) -> Response:
    envelope, body = _envelope()
    fault = etree.SubElement(body, f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = code
    etree.SubElement(fault, "faultstring").text = text
    if policy:
        detail = etree.SubElement(fault, "detail")
        etree.SubElement(detail, "{http://www.layer7tech.com/ws/policy/fault}policyResult", status="Error")
    content = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return Response(content, status, media_type="text/xml")


def _write(parent: Any, parts: dict[str, Any]) -> None:
    for name, value in parts.items():
        for item in value if isinstance(value, list) else [value]:
            child = etree.SubElement(parent, f"{{{NS}}}{name}")
            if isinstance(item, dict):
                _write(child, item)
            else:
                child.text = str(item).lower() if isinstance(item, bool) else str(item)


def _envelope() -> tuple[Any, Any]:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    return envelope, etree.SubElement(envelope, f"{{{SOAP}}}Body")
