"""The authority behind a catalogue: what the head of each of its papers says, and the pictures on them.

The file `authority.yaml` and the pictures that it names stand in the folder of the catalogue.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator
from wanderamt.kernel.line_text import LineText

from service_catalogue.local_calendar import LocalCalendar
from service_catalogue.models import CODE_DESCRIPTION, CODE_PATTERN, CatalogueModel, Titles
from service_catalogue.reader import AUTHORITY_FILE, CatalogueError, CatalogueFault, parse_file, shipped_folder

MAX_PICTURE_BYTES: Final = 64 * 1024  # both pictures travel in the bundle of each stand
VERIFY_AT: Final = "{verify_at}"
HOST: Final = r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
_SVG: Final = "{http://www.w3.org/2000/svg}svg"
_ACTIVE: Final = re.compile(
    r"<\s*(script|foreignObject|text)\b|\bon[a-z]+\s*=|href\s*=\s*[\"'](?!#)|url\(\s*[\"']?(?!#)"
)

Web = Annotated[str, Field(max_length=120, pattern=rf"^{HOST}(/[A-Za-z0-9._~/-]*)?$")]
PictureFile = Annotated[str, Field(max_length=60, pattern=r"^[a-z0-9][a-z0-9_-]*\.svg$")]


class SignatureNotice(CatalogueModel):
    """The notice beside the image mark (E-GovG § 19 and § 20)."""

    de: LineText = Field(min_length=1, max_length=1000)
    en: LineText = Field(min_length=1, max_length=1000)

    @field_validator("de", "en")
    @classmethod
    def _says_where_to_check(cls, text: str) -> str:
        if VERIFY_AT not in text:
            raise ValueError(f"must contain {VERIFY_AT}: a paper says where it can be checked")
        return text

    def in_language(self, language: str) -> str:
        """`language`: "de" or "en"."""
        return self.de if language == "de" else self.en


class Bounds(CatalogueModel):
    """The rectangle in which its stands may be, in degrees."""

    south: float = Field(ge=-90, le=90)
    north: float = Field(ge=-90, le=90)
    west: float = Field(ge=-180, le=180)
    east: float = Field(ge=-180, le=180)

    @model_validator(mode="after")
    def _has_room(self) -> "Bounds":
        if self.south >= self.north or self.west >= self.east:
            raise ValueError("south must be below north, and west below east")
        return self


class AuthorityProfile(CatalogueModel):
    """The file authority.yaml."""

    code: str = Field(pattern=CODE_PATTERN, max_length=60, description=CODE_DESCRIPTION)
    name: Titles = Field(description="Name of the authority, as its papers print it.")
    short_name: Titles = Field(description="What its pages for citizens call it.")
    sender: LineText = Field(min_length=1, max_length=11, description="Sender of its SMS.")
    department: Titles
    street: LineText = Field(min_length=1, max_length=120, description="Street and number.")
    postal_code: str = Field(pattern=r"^[A-Z0-9][A-Z0-9 -]{2,9}$")
    time_zone: str = Field(max_length=60, description="Its local time (IANA), such as Europe/Paris.")
    holidays: str = Field(
        pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$",
        description="Country and province of its public holidays (ISO 3166), such as AT-4 for Upper Austria.",
    )
    bounds: Bounds
    place: LineText = Field(min_length=1, max_length=80, description="Place of the authority, also before the date.")
    phone: str = Field(pattern=r"^\+[0-9][0-9 ()/-]{4,28}$", description="Such as +43 1 234567.")
    email: str = Field(max_length=120, pattern=rf"^[A-Za-z0-9._+-]+@{HOST}$")
    web: Web = Field(description="Address of its pages, without https://.")
    verify_at: Web = Field(
        description="Where everybody can check a paper: an address with its host, such as city.example/verify."
    )
    head: Titles = Field(description="In whose name officers sign, such as 'Für den Bürgermeister'.")
    arms: PictureFile = Field(description="Coat of arms: an SVG file in the same folder.")
    mark: PictureFile = Field(description="Image mark of its official signature: an SVG file in the same folder.")
    signature_notice: SignatureNotice

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {name}") from error
        return name

    @property
    def country(self) -> str:
        """ISO 3166, such as AT."""
        return self.code[:2].upper()

    @property
    def calendar(self) -> LocalCalendar:
        return LocalCalendar(ZoneInfo(self.time_zone), self.holidays)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """`arms` and `mark`: the text of the SVG files."""

    profile: AuthorityProfile
    arms: str
    mark: str


def read_letterhead(folder: Path | None = None) -> Letterhead | dict[str, list[CatalogueFault]]:
    """Of the authority of `folder`, or of the shipped catalogue; else the faults, by file name. Raises OSError."""
    place = folder or shipped_folder()
    file = place / AUTHORITY_FILE
    if not file.is_file():
        missing = f"the folder has no {AUTHORITY_FILE}: copy that of the packaged catalogue and change it"
        return {AUTHORITY_FILE: [CatalogueFault(1, "", missing)]}
    profile = parse_authority_file(file.read_text("utf-8"))
    if isinstance(profile, list):
        return {AUTHORITY_FILE: profile}
    pictures = {name: _read_picture(place / name) for name in (profile.arms, profile.mark)}
    faults = {name: [CatalogueFault(1, "", fault)] for name, text in pictures.items() for fault in _faults(text)}
    return faults or Letterhead(profile, pictures[profile.arms], pictures[profile.mark])


def load_letterhead(folder: Path | None = None) -> Letterhead:
    """Raises OSError and CatalogueError."""
    letterhead = read_letterhead(folder)
    if isinstance(letterhead, dict):
        raise CatalogueError("; ".join(f"{name}:{fault}" for name, faults in letterhead.items() for fault in faults))
    return letterhead


def shipped_profile() -> AuthorityProfile:
    """Of the packaged catalogue."""
    return load_letterhead().profile


def profile_of_catalogue(folder: Path | None, *, configured: str) -> AuthorityProfile:
    """`configured`: the code in the setting WANDERAMT_AUTHORITY, empty for none.

    Raises OSError, and CatalogueError if the catalogue belongs to another authority.
    """
    profile = load_letterhead(folder).profile
    if configured not in {profile.code, ""}:
        raise CatalogueError(f"the catalogue belongs to {profile.code}, and WANDERAMT_AUTHORITY names {configured}")
    return profile


def parse_authority_file(text: str) -> AuthorityProfile | list[CatalogueFault]:
    """Never raises for the content of a file."""
    return parse_file(text, AuthorityProfile, content="an authority: code, name, address, pictures")


def _read_picture(file: Path) -> str:
    """The empty text for a file that is missing or no text: `_faults` reports it."""
    if not file.is_file() or file.stat().st_size > MAX_PICTURE_BYTES:
        return ""
    return file.read_bytes().decode("utf-8", errors="ignore")


def _faults(picture: str) -> Iterator[str]:
    """A picture must not run or fetch anything, and must not need a font that the renderer lacks."""
    if not picture:
        yield f"needs an SVG file with at most {MAX_PICTURE_BYTES // 1024} KiB"
    elif "<!DOCTYPE" in picture or "<!ENTITY" in picture:
        yield "a document type is not allowed"
    elif active := _ACTIVE.search(picture):
        yield f"'{active.group().strip()}' is not allowed: draw texts as paths; no scripts, no links to other files"
    else:
        try:
            root = ElementTree.fromstring(picture)  # noqa: S314 -- without a document type nothing can expand
        except ElementTree.ParseError as error:
            yield f"not SVG: {error}"
            return
        if root.tag != _SVG:
            yield "not SVG: the root element must be svg"
        elif not root.get("viewBox"):
            yield "the root element needs a viewBox"
