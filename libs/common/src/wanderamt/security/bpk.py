"""The sector-specific personal identifier (bPK) of Austria: the only identifier by which this system knows a person.

The population register derives it per sector (E-GovG sections 8 to 13), so data of one sector cannot be joined with
data of another. This system receives and stores it; it never sees the source number it is derived from.
"""

from typing import NewType

Bpk = NewType("Bpk", str)
