"""The sector-specific personal identifier (bPK) of Austria: the only key by which a person is known here.

Derived per sector, so that what one sector knows of a person cannot be joined with what another knows. The source
number (Stammzahl) it is made from is used and forgotten, never stored: E-GovG sections 8 to 13.
"""

import base64
import hashlib
from typing import NewType

Bpk = NewType("Bpk", str)

URN_PREFIX = "urn:publicid:gv.at:cdid+"
SOURCE_NUMBER_BYTES = 16


def derive_bpk(source_number: str, sector: str) -> Bpk:
    """`source_number`: the Stammzahl in base64 (16 bytes), `sector`: its code, such as BW or ZP. 28 characters.

    SHA-1 is what the Austrian Federal Chancellery prescribes for it; it derives a name here and signs nothing.
    Raises ValueError for what cannot be a source number or a sector; its text holds neither.
    """
    try:
        raw = base64.b64decode(source_number, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != SOURCE_NUMBER_BYTES:
        raise ValueError(f"a source number is base64 of {SOURCE_NUMBER_BYTES} bytes")
    if not sector or not sector.isascii() or not sector.replace("-", "").isalnum():
        raise ValueError("a sector is a short code such as BW")
    text = f"{source_number}+{URN_PREFIX}{sector}".encode("latin-1")
    return Bpk(base64.b64encode(hashlib.sha1(text, usedforsecurity=False).digest()).decode())
