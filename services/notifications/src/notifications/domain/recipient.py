"""How a citizen can be reached: what was left at the stand, and what of it is an address.

Kept true: an address is checked before anything is decided on it, and what is none ends as a refusal with a code that
staff can act on; nothing with a control character in it ever becomes part of a message.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, PhoneNumberType
from pydantic import BaseModel, ConfigDict
from wanderamt.contracts import Channel
from wanderamt.kernel.refusal import Refusal

from notifications.domain.refusals import LANDLINE, NO_EMAIL, NO_NUMBER, NOT_MOBILE

HOME = "AT"  # how a number without a country is read
MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
LANDLINES = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.UAN, PhoneNumberType.VOIP})

_HOME: Any = PhoneMetadata.metadata_for_region(HOME)
_HOME_PREFIX = f"+{_HOME.country_code}"
_HOME_MOBILE = re.compile(_HOME.mobile.national_number_pattern, re.ASCII)

Addresses = Mapping[Channel, str | Refusal]


class Recipient(BaseModel):
    """What the sealed contact of an event says. `consent`: the version of the wording the citizen agreed to.

    `born`: date of birth, or the year where no more is known; it lets the citizen look the case up.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    phone: str | None = None
    email: str | None = None
    prefer: str | None = None
    language: str | None = None
    consent: str | None = None
    born: str | None = None

    def addresses(self) -> Addresses:
        """Of each channel that was left: the address in its one form, or why it is none."""
        found: dict[Channel, str | Refusal] = {}
        if self.phone:
            found[Channel.SMS] = mobile_number(self.phone)
        if self.email:
            found[Channel.EMAIL] = mail_address(self.email)
        return found


@lru_cache(maxsize=8192)
def mobile_number(text: str) -> str | Refusal:
    """E.164 of a number that takes messages, however it was written: 0660 555 0001, +43 (0)660 5550001, 0043660…"""
    if _is_common(text):
        return text
    try:
        number = phonenumbers.parse(text.replace("(0)", ""), HOME)
    except NumberParseException:
        return NO_NUMBER
    kind = phonenumbers.number_type(number)
    if kind in MOBILE:
        return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    if kind in LANDLINES:
        return LANDLINE
    return NO_NUMBER if kind == PhoneNumberType.UNKNOWN else NOT_MOBILE


def _is_common(text: str) -> bool:
    """A mobile number of this country in its one form: most are, and the library's own pattern knows them faster."""
    return text.startswith(_HOME_PREFIX) and _HOME_MOBILE.fullmatch(text, len(_HOME_PREFIX)) is not None


@lru_cache(maxsize=8192)
def mail_address(text: str) -> str | Refusal:
    """Checked by its form alone: nobody is asked whether it exists."""
    try:
        return str(validate_email(text, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError:
        return NO_EMAIL


def is_plain(text: str) -> bool:
    """Whether it can stand in a message: no control characters, of which line ends open a door into a mail's head."""
    if text.isprintable():
        return True
    return not any(unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} for sign in text)
