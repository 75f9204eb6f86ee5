"""Base45 against the examples of RFC 9285, sections 4.3 and 4.4, and against itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.signing.base45 import decode, encode


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0"), (b"", "")],
)
def test_the_examples_of_the_rfc_hold_both_ways(data: bytes, text: str) -> None:
    assert encode(data) == text
    assert decode(text) == data


@given(st.binary(max_size=300))
def test_every_encoded_value_decodes_to_itself(data: bytes) -> None:
    assert decode(encode(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "A",  # a single character
        "BB8A",  # a last group of one
        "GGW",  # 65,536, the example of section 6
        ":::",  # the largest group
        "::",  # more than one byte holds
        "bb8",  # lower case
        "BÄ8",
        "B\n8",
    ],
)
def test_text_that_encodes_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no base45"):
        decode(text)
