"""What of a report of the crew's app may go to a log: codes and places of the app itself, never what a person typed."""

import re
from typing import Final

OTHER_CODE: Final = "other"
_CODE: Final = re.compile(r"unknown|[A-Z][A-Za-z]{0,40}Error|[a-z_]{2,30}(\.[a-z0-9_]{1,60}){1,3}")
_PLACE: Final = r"(assets/)?(index|worker)(-[A-Za-z0-9_-]{8})?\.js(:[0-9]{1,7}){2}"
_PLACES: Final = re.compile(f"{_PLACE}( {_PLACE}){{0,2}}")


def is_app_code(code: str) -> bool:
    """Whether it looks like the class of an error, or like a code such as `sync.cut`."""
    return _CODE.fullmatch(code) is not None


def is_in_app(places: str) -> bool:
    """Whether they are lines of the files that the app is built to."""
    return _PLACES.fullmatch(places) is not None
