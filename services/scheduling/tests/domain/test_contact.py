"""A telephone has one number, which every service reads in the same way."""

import pytest
from scheduling.domain.contact import normalise_contact
from scheduling.domain.refusals import UNREACHABLE


@pytest.mark.parametrize(
    "text", ["0660 1234567", "+43 660 1234567", "+43 (0)660 1234567", "0043660/1234567", "+430660 1234567"]
)
def test_spellings_of_a_number_are_one_contact(text: str) -> None:
    assert normalise_contact(text, "") == ("+436601234567", None)


@pytest.mark.parametrize("text", ["+4300660 1234567", "+43000660 1234567", "004300660 1234567"])
def test_a_number_that_another_service_would_read_as_another_one_is_refused(text: str) -> None:
    assert normalise_contact(text, "") == UNREACHABLE


def test_a_mail_address_is_written_as_every_server_takes_it() -> None:
    assert normalise_contact("", "zoe@münchen.example") == (None, "zoe@xn--mnchen-3ya.example")
    assert normalise_contact("", "zoë@mail.example") == UNREACHABLE
