"""References to attachments of the case: a photo, or a signature. The key tells them apart, so that a photo of a paper
is never taken as a signature."""

import re
from typing import Final

from pydantic import JsonValue

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.models import FormFactKind
from service_catalogue.facts.texts import WRONG_TYPE, check_typed, unknown_key

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SMALL: Final = str.maketrans("ABCDEF", "abcdef")


def check_attachment(value: object, kind: FormFactKind) -> dict[str, JsonValue] | FactFault:
    """`{photo: id}` or `{signature: id}`; the id of the attachment is a UUID. `kind`: PHOTO or SIGNATURE."""
    if not isinstance(value, dict):
        return WRONG_TYPE
    if kind not in value:
        return FactFault(f"{kind}.needed")
    if fault := unknown_key(value, (kind,)):
        return fault
    text = check_typed(value[kind])
    if isinstance(text, FactFault):
        return text.inside(kind)
    attachment = text.translate(_SMALL)
    return {str(kind): attachment} if _ID.fullmatch(attachment) else FactFault(f"{kind}.needed")
