"""Base45 (RFC 9285): bytes as text of the 45 characters that QR codes store densely in alphanumeric mode."""

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    """Two bytes become three characters, a last single byte becomes two; the least significant character is first."""
    characters = []
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        number = int.from_bytes(pair)
        for _ in range(len(pair) + 1):
            number, value = divmod(number, 45)
            characters.append(ALPHABET[value])
    return "".join(characters)


def decode(text: str) -> bytes:
    """Raises ValueError for text that no bytes encode to: wrong character, wrong length, group out of range."""
    data = bytearray()
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        try:
            number = sum(_VALUES[character] * 45**place for place, character in enumerate(group))
        except KeyError as error:
            raise ValueError(f"no base45 character: {error}") from error
        size = len(group) - 1
        if not size or number >= 256**size:
            raise ValueError("no base45: a group is too short or its value too large")
        data += number.to_bytes(size)
    return bytes(data)
