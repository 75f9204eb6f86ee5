"""How a citizen can be reached: the contact given at the stand, and its valid addresses.

Invariants: an address is checked before a channel is decided, and an invalid one becomes a refusal with a code for
staff; no value with a control character becomes part of a message.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, PhoneNumberType
from pydantic import BaseModel, ConfigDict, field_validator
from wanderamt.contracts import Channel
from wanderamt.kernel.bounded import VERSION_PATTERN
from wanderamt.kernel.refusal import Refusal

from notifications.domain.refusals import LANDLINE, NO_EMAIL, NO_NUMBER, NOT_MOBILE

HOME = "AT"  # the country of a number without a country code
MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
LANDLINES = frozenset({PhoneNumberType.FIXED_LINE, PhoneNumberType.UAN, PhoneNumberType.VOIP})

_HOME: Any = PhoneMetadata.metadata_for_region(HOME)
_HOME_PREFIX = f"+{_HOME.country_code}"
_HOME_MOBILE = re.compile(_HOME.mobile.national_number_pattern, re.ASCII)

Addresses = Mapping[Channel, str | Refusal]


class Recipient(BaseModel):
    """The decrypted contact of an event. `consent`: the version of the wording that the citizen agreed to.

    `born`: date of birth, or only the year if no more is known; the citizen looks the case up with it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    phone: str | None = None
    email: str | None = None
    prefer: str | None = None
    language: str | None = None
    consent: str | None = None
    born: str | None = None

    @field_validator("consent")
    @classmethod
    def _version_only(cls, consent: str | None) -> str | None:
        """No consent if it names no version: it is stored in clear, and a text could be a name."""
        return consent if consent and re.fullmatch(VERSION_PATTERN, consent) else None

    def addresses(self) -> Addresses:
        """For each channel of the contact: the address in its canonical form, or why it is not valid."""
        addresses: dict[Channel, str | Refusal] = {}
        if self.phone:
            addresses[Channel.SMS] = mobile_number(self.phone)
        if self.email:
            addresses[Channel.EMAIL] = mail_address(self.email)
        return addresses


@lru_cache(maxsize=8192)
def mobile_number(text: str) -> str | Refusal:
    """E.164 form of a mobile number in any notation: 0660 555 0001, +43 (0)660 5550001, 0043660…"""
    if _is_canonical_home_number(text):
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


def _is_canonical_home_number(text: str) -> bool:
    """A mobile number of this country in E.164 form: frequent, and the library's own pattern matches it faster."""
    return text.startswith(_HOME_PREFIX) and _HOME_MOBILE.fullmatch(text, len(_HOME_PREFIX)) is not None


@lru_cache(maxsize=8192)
def mail_address(text: str) -> str | Refusal:
    """Checks the syntax only, not whether the address exists. In ASCII, which every server takes: a domain of other
    letters is encoded (IDNA); a name before the @ cannot be."""
    try:
        checked = validate_email(text, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    except EmailNotValidError:
        return NO_EMAIL
    return checked.ascii_email or NO_EMAIL


def is_plain(text: str) -> bool:
    """Whether the text has no control characters. A line break could inject a header into an e-mail."""
    if text.isprintable():
        return True
    return not any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in text)
