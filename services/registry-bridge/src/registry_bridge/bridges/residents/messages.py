"""Our models as the parts of the WSDL, and back: the same fields under the register's names."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

RENAMED: Final = {"birth": "BirthDate", "people": "Person", "members": "Member"}
_OURS: Final = {theirs: ours for ours, theirs in RENAMED.items()}


def to_parts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model's dump. Absent and empty fields are left out, except a given name: whoever has one name has none."""
    return {
        RENAMED.get(name) or _capitals(name): _to_part(value)
        for name, value in fields.items()
        if value is not None and (value != "" or name == "given_name")
    }


def from_parts(parts: Any) -> Any:
    """Of what a SoapPort decoded, as plain values."""
    if isinstance(parts, dict):
        return {_OURS.get(name) or _small(name): from_parts(value) for name, value in parts.items()}
    if isinstance(parts, list):
        return [from_parts(part) for part in parts]
    return parts.isoformat() if isinstance(parts, date) else parts


def _to_part(value: Any) -> Any:
    if isinstance(value, dict):
        return to_parts(value)
    return [_to_part(part) for part in value] if isinstance(value, list) else value


def _capitals(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _small(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
