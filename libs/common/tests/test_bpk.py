"""The person key: the published vector, and nothing in common between two sectors."""

import base64

import pytest
from wanderamt.security.bpk import derive_bpk

SOURCE_NUMBER = "MDEyMzQ1Njc4OWFiY2RIZg=="


def test_the_published_vector_is_met() -> None:
    digest = base64.b64decode(derive_bpk(SOURCE_NUMBER, "BW"))
    assert digest.hex() == "5cd5794e10a3e4ec09474a0e71698ae1652ce69e"


def test_one_person_has_nothing_in_common_in_two_sectors() -> None:
    assert derive_bpk(SOURCE_NUMBER, "BW") != derive_bpk(SOURCE_NUMBER, "ZP")


@pytest.mark.parametrize(
    ("number", "sector"),
    [("", "BW"), ("no base64!", "BW"), ("AAAA", "BW"), (SOURCE_NUMBER, ""), (SOURCE_NUMBER, "B+W")],
)
def test_what_cannot_be_one_is_refused_without_being_repeated(number: str, sector: str) -> None:
    with pytest.raises(ValueError, match=r"source number|sector") as caught:
        derive_bpk(number, sector)
    assert not number or number not in str(caught.value)
