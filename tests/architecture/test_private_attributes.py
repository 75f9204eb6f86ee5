"""Nothing depends on private attributes of FastStream or aiokafka, but for a list with a report to each project."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "infra/local", "tools")
NAMED_TUPLE = {"_replace", "_asdict", "_fields"}  # public, whatever their names look like
LIBRARIES = ("faststream", "aiokafka")
# what each file may use; the reports are in docs/decisions/0020-consumers.md
ALLOWED = {
    "libs/common/src/wanderamt/backbone/messaging/relay.py": {"_closed", "_sender"},
    "libs/common/src/wanderamt/backbone/messaging/subscriber.py": {"_outer_config"},
}


def private_uses(text: str) -> set[str]:
    """Private names of others in a module that imports one of the libraries: attributes, keywords, module names.

    An attribute is the module's own if one of its classes or functions defines it.
    """
    tree = ast.parse(text)
    modules = set(_imported_modules(tree))
    if not any(module.split(".")[0] in LIBRARIES for module in modules):
        return set()
    own = set(_own_names(tree))
    uses = {name for name in _used_names(tree) if _is_private(name)} - own
    return uses | {module for module in modules if any(_is_private(part) for part in module.split("."))}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in NAMED_TUPLE


def _imported_modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _own_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def _used_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name


def test_no_module_uses_a_private_name_of_faststream_or_aiokafka_but_the_listed_ones() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).glob("**/src/**/*.py")]
    assert files
    uses = {str(path.relative_to(ROOT)): names for path in files if (names := private_uses(path.read_text()))}
    assert uses == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "broker._subscribers.clear()",
        "subscriber.get_msg = consumer._fetcher.fetched_records",
        "Config(_outer_config=broker.config)",
        "from faststream._internal.endpoint.usecase import Endpoint",
        "import aiokafka._private",
    ],
)
def test_a_private_name_is_reported(line: str) -> None:
    assert private_uses(f"import aiokafka\n{line}\n")


def test_a_private_name_of_the_module_itself_is_allowed() -> None:
    own = "class Inbox:\n    def __init__(self):\n        self._client = 1\n    def stop(self):\n        self._client = None\n"
    assert private_uses(f"import aiokafka\n{own}") == set()
