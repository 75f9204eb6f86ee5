"""Telephone numbers as E.164, e-mail addresses, and account numbers as IBAN (ISO 13616)."""

import re
from typing import Final

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import tables
from service_catalogue.facts.texts import check_line, check_typed
from service_catalogue.latin_letters import is_latin

AUSTRIA: Final = "+43"
_NUMBER_SEPARATORS: Final = re.compile(r"[ ()/.\-–]")
_NUMBER: Final = re.compile(r"\+?[0-9]+")
_LOCAL_PART: Final = re.compile(r"[^\s\"(),:;<>@\[\\\].]+(?:\.[^\s\"(),:;<>@\[\\\].]+)*")
_LABEL: Final = re.compile(r"[^\W_](?:[^\W_]|-){0,61}[^\W_]|[^\W_]")
_TOP_LEVEL: Final = re.compile(r"[^\W\d_]{2,63}|xn--[a-z0-9-]{1,59}")
_ASCII: Final = re.compile(r"[ -~]*")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}")


def check_telephone(value: object) -> str | FactFault:
    """E.164, such as +436601234567. A number that begins with a single 0 is Austrian; (0) is left out."""
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    number = _NUMBER_SEPARATORS.sub("", text.replace("(0)", ""))
    if not _NUMBER.fullmatch(number):
        return FactFault("telephone.form")
    if number.startswith("00"):
        number = f"+{number[2:]}"
    elif number.startswith("0"):
        number = AUSTRIA + number[1:]
    if not number.startswith("+"):
        return FactFault("telephone.prefix")
    if number.startswith(f"{AUSTRIA}0"):
        number = AUSTRIA + number[len(AUSTRIA) + 1 :]
    if not any(number[1 : 1 + length] in tables().calling_codes for length in (1, 2, 3)):
        return FactFault("telephone.country")
    if number.startswith(f"{AUSTRIA}0") or not 7 <= len(number) - 1 <= 15:
        return FactFault("telephone.length")
    return number


def check_email(value: object) -> str | FactFault:
    """The domain in small letters. Letters outside of ASCII are Latin; a name without a dot is no domain."""
    most = tables().limits["email"]
    text = check_line(value, most)
    if isinstance(text, FactFault):
        return text
    local, at, domain = text.rpartition("@")
    domain = domain.lower()
    labels = domain.split(".")
    if not (at and _LOCAL_PART.fullmatch(local) and len(local) <= 64 and len(labels) > 1):
        return FactFault("email.form")
    if not (all(map(_LABEL.fullmatch, labels)) and _TOP_LEVEL.fullmatch(labels[-1])):
        return FactFault("email.form")
    if not all(is_latin(char) for char in local + domain):
        return FactFault("email.form")
    return (
        f"{local}@{domain}"
        if len(local) + 1 + len(domain) <= most
        else FactFault("text.too_long", values={"max": most})
    )


def check_iban(value: object) -> str | FactFault:
    """In capitals without blanks. The word IBAN in front is left out."""
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    if not _ASCII.fullmatch(text):  # capitals of other letters may be ASCII
        return FactFault("iban.form")
    number = text.upper().removeprefix("IBAN").lstrip(": ").replace(" ", "")
    if not _IBAN.fullmatch(number):
        return FactFault("iban.form")
    length = tables().iban_lengths.get(number[:2])
    if length is None:
        return FactFault("iban.country", values={"country": number[:2]})
    if len(number) != length:
        return FactFault("iban.length", values={"country": number[:2], "length": length})
    remainder = int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97
    return number if remainder == 1 and 2 <= int(number[2:4]) <= 98 else FactFault("iban.check_digits")
