"""The reader of catalogue files: from the text of a YAML file to a model, or to its mistakes with their lines.

YAML has two traps: a repeated key silently wins, and `no` means false. This module rejects repeated keys; the models
reject a truth value where they expect a word.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from service_catalogue.models import Booking, CatalogueModel, ServiceEntry

MAX_BYTES = 256 * 1024
MAX_DEPTH = 30
SHIPPED = "at_linz"
AUTHORITY_FILE = "authority.yaml"  # beside the services, see service_catalogue.authority

Entry = TypeVar("Entry", bound=ServiceEntry)
Place = tuple[int | str, ...]
FileModel = TypeVar("FileModel", bound=CatalogueModel)
FurtherCheck = Callable[[FileModel], Iterable[tuple[Place, str]]]

_TEXT = "tag:yaml.org,2002:str"
_BOOKINGS: TypeAdapter[dict[str, Booking]] = TypeAdapter(dict[str, Booking])


class CatalogueError(ValueError):
    """A catalogue cannot be read as a whole. A service that started with half of it would turn citizens away."""


@dataclass(frozen=True, slots=True)
class CatalogueFault:
    """A mistake in a file. `line` counts from 1; `place`: keys to it, joined by dots."""

    line: int
    place: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.line), self.place, self.text) if part)


@dataclass(slots=True)
class CatalogueFiles(Generic[Entry]):
    """`faults`: by file name."""

    services: list[Entry] = field(default_factory=list)
    faults: dict[str, list[CatalogueFault]] = field(default_factory=dict)

    def messages(self) -> list[str]:
        """Each fault in the form that editors and terminals know: `file:line: place: text`."""
        return [f"{name}:{fault}" for name, faults in self.faults.items() for fault in faults]


def read_catalogue_folder(
    folder: Path | None,
    model: type[Entry],
    *,
    check: FurtherCheck[Entry] | None = None,
    context: Mapping[str, object] | None = None,
) -> CatalogueFiles[Entry]:
    """Reads the service files of `folder`, or of the shipped catalogue. `check`: further faults of an entry, each
    with the keys that lead to it. `context`: of pydantic's validation.

    Raises OSError when the folder cannot be read.
    """
    place = folder or shipped_folder()
    if not place.is_dir():
        raise NotADirectoryError(f"no folder {place}")
    catalogue: CatalogueFiles[Entry] = CatalogueFiles()
    for file in service_files(place):
        entry = parse_service_file(file.read_text("utf-8"), model, check=check, context=context)
        if isinstance(entry, ServiceEntry):
            faults = list(_misplaced(entry, file, catalogue))
            if not faults:
                catalogue.services.append(entry)
                continue
        else:
            faults = entry
        catalogue.faults[file.name] = faults
    return catalogue


def service_files(folder: Path) -> list[Path]:
    """All *.yaml but that of the authority."""
    return sorted(file for file in folder.glob("*.yaml") if file.name != AUTHORITY_FILE)


def shipped_folder() -> Path:
    return Path(str(files("service_catalogue").joinpath(SHIPPED)))


def read_bookings(folder: Path | None = None) -> dict[str, Booking]:
    """How each service of a catalogue is booked, by its code. Raises OSError and CatalogueError."""
    catalogue = read_catalogue_folder(folder, ServiceEntry)
    if catalogue.faults:
        raise CatalogueError("; ".join(catalogue.messages()))
    return {entry.service: entry.booking for entry in catalogue.services if entry.booking}


def read_bookings_file(path: Path) -> dict[str, Booking]:
    """The same from one YAML file that maps codes to bookings. Raises OSError and CatalogueError."""
    try:
        return _BOOKINGS.validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise CatalogueError(f"{path.name}: {error}") from error


def parse_service_file(
    text: str,
    model: type[Entry],
    *,
    check: FurtherCheck[Entry] | None = None,
    context: Mapping[str, object] | None = None,
) -> Entry | list[CatalogueFault]:
    """Never raises for the content of a file."""
    content = "one service: service, authority, editions"
    return parse_file(text, model, content=content, check=check, context=context)


def parse_file(
    text: str,
    model: type[FileModel],
    *,
    content: str,
    check: FurtherCheck[FileModel] | None = None,
    context: Mapping[str, object] | None = None,
) -> FileModel | list[CatalogueFault]:
    """Never raises for the content of a file. `content`: what the file must hold, for the message."""
    if len(text.encode()) > MAX_BYTES:
        return [CatalogueFault(1, "", f"the file has more than {MAX_BYTES // 1024} KiB")]
    try:
        if faults := list(_aliases(text)):
            return faults
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            return [CatalogueFault(1, "", f"the file must hold {content}")]
        if faults := list(_repeated_keys(node, depth=0)):
            return faults
        value = yaml.SafeLoader(text).construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return [CatalogueFault(mark.line + 1 if mark else 1, "", f"not YAML: {error.problem}")]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return [CatalogueFault(1, "", f"not YAML: {type(error).__name__}")]
    try:
        entry = model.model_validate(value, context=context)
    except ValidationError as error:
        return list(dict.fromkeys(_model_faults(error, node)))
    faults = [CatalogueFault(*_line_and_place(node, place), text) for place, text in (check(entry) if check else ())]
    return faults or entry


def json_schema(model: type[CatalogueModel]) -> Mapping[str, Any]:
    """JSON Schema of a catalogue file. Editors complete names and mark mistakes with it."""
    return model.model_json_schema(by_alias=True) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def _misplaced(entry: ServiceEntry, file: Path, catalogue: CatalogueFiles[Entry]) -> Iterator[CatalogueFault]:
    if entry.service != file.stem:
        yield CatalogueFault(1, "service", f"the file must be called {entry.service}.yaml")
    for other in {service.authority for service in catalogue.services} - {entry.authority}:
        yield CatalogueFault(1, "authority", f"another file belongs to {other}")


def _aliases(text: str) -> Iterator[CatalogueFault]:
    """Aliases of aliases let one line stand for a million; a catalogue needs none."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            yield CatalogueFault(line, "", "aliases (*name) are not allowed: write the value out")


def _repeated_keys(node: Any, *, depth: int) -> Iterator[CatalogueFault]:
    if depth > MAX_DEPTH:
        yield CatalogueFault(node.start_mark.line + 1, "", f"nested deeper than {MAX_DEPTH}")
        return
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, inner in node.value:
            if key.tag != _TEXT:
                yield CatalogueFault(key.start_mark.line + 1, str(key.value), "this key is no text: put it in quotes")
            if key.value in seen:
                yield CatalogueFault(key.start_mark.line + 1, str(key.value), "this key appears twice")
            seen.add(key.value)
            yield from _repeated_keys(inner, depth=depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _repeated_keys(inner, depth=depth + 1)


def _model_faults(error: ValidationError, node: Any) -> Iterator[CatalogueFault]:
    for problem in error.errors(include_url=False, include_input=False):
        place, line = _locate(node, problem["loc"])
        missing = f"'{problem['loc'][-1]}' is missing" if problem["type"] == "missing" else ""
        yield CatalogueFault(line, place, missing or problem["msg"].removeprefix("Value error, "))


def _line_and_place(node: Any, keys: Place) -> tuple[int, str]:
    place, line = _locate(node, keys)
    return line, place


def _locate(node: Any, loc: tuple[int | str, ...]) -> tuple[str, int]:
    """The place in the file's own keys, and its line. Parts of `loc` that are no keys of the file are left out."""
    place: list[str] = []
    line = node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            for key, inner in node.value:
                if key.value == str(part):
                    node, line = inner, key.start_mark.line + 1
                    break
            else:
                continue
        else:
            continue
        place.append(str(part))
    return ".".join(place), line
