"""Addresses in all notations that people use, and invalid ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notifications.domain.recipient import _is_canonical_home_number, is_plain, mail_address, mobile_number
from notifications.domain.refusals import LANDLINE, NO_EMAIL, NO_NUMBER, NOT_MOBILE
from wanderamt.kernel.refusal import Refusal

CANONICAL = "+436605550001"


@pytest.mark.parametrize(
    "written",
    [
        "+436605550001",
        "0660 5550001",
        "0660/555 00 01",
        "0660-5550001",
        "(0660) 5550001",
        "+43 660 5550001",
        "+43 (0)660 555 0001",
        "0043 660 5550001",
        "00436605550001",
        "  +43 660 555-0001 ",
        "tel:+43-660-5550001",
    ],
)
def test_every_notation_of_a_mobile_number_has_one_canonical_form(written: str) -> None:
    assert mobile_number(written) == CANONICAL


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+49 1512 3456789", "+4915123456789"),
        ("+90 532 123 45 67", "+905321234567"),
        ("+387 61 123 456", "+38761123456"),
        ("+385 91 234 5678", "+385912345678"),
        ("+381 60 1234567", "+381601234567"),
        ("+380 50 123 4567", "+380501234567"),
        ("+1 202-456-1111", "+12024561111"),
    ],
)
def test_a_number_from_abroad_needs_its_country(written: str, number: str) -> None:
    assert mobile_number(written) == number


@pytest.mark.parametrize(
    ("written", "refusal"),
    [
        ("0732 7070", LANDLINE),
        ("+43 1 4000", LANDLINE),
        ("+49 30 901820", LANDLINE),
        ("0800 123456", NOT_MOBILE),
        ("0900 123456", NOT_MOBILE),
        ("133", NO_NUMBER),
        ("0660", NO_NUMBER),
        ("+43660", NO_NUMBER),
        ("+999 123456789", NO_NUMBER),
        ("nobody", NO_NUMBER),
        ("+43660555000\r\nBcc: x", NO_NUMBER),
        ("", NO_NUMBER),
    ],
)
def test_a_number_without_sms_is_refused_with_a_hint_for_staff(written: str, refusal: Refusal) -> None:
    assert mobile_number(written) is refusal
    assert refusal.hint.endswith(".")


@given(st.from_regex(r"\+43[0-9]{4,13}", fullmatch=True))
def test_the_fast_pattern_agrees_with_the_library(number: str) -> None:
    if _is_canonical_home_number(number):
        slow = mobile_number(f" {number}")  # not canonical, so the library parses it
        assert slow == number


@pytest.mark.parametrize("good", ["zoe@mail.example", "Zoe.O@mail.example", "a+b@mail.example"])
def test_a_mail_address_is_accepted(good: str) -> None:
    assert isinstance(mail_address(good), str)


@pytest.mark.parametrize(
    "bad",
    ["zoe", "zoe@", "@mail.example", "a@b@c.at", "zoe@mail.example\r\nBcc: all@x.at", "a b@c.at", "zoë@mail.example"],
)
def test_an_invalid_mail_address_is_refused(bad: str) -> None:
    assert mail_address(bad) is NO_EMAIL


@pytest.mark.parametrize("bad", ["a\r\nBcc: x", "a\nb", "a\x00b", "a\u2028b", "\x1b[2J", "a\u202eb"])
def test_control_characters_are_not_plain(bad: str) -> None:
    assert not is_plain(bad)


@pytest.mark.parametrize("good", ["Südbahnhofmarkt", "Ćevapi & Сало", "日本", "a\u00a0b", ""])
def test_other_characters_are_plain(good: str) -> None:
    assert is_plain(good)


def test_a_domain_of_other_letters_is_written_as_servers_take_it() -> None:
    assert (
        mail_address("zoe@münchen.example")
        == "zoe@xn--mnchen-3ya.example"
        == mail_address("zoe@xn--mnchen-3ya.example")
    )
