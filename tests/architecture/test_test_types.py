"""Types of the tests: mypy checks a test only as far as its parameters have types."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "infra", "tools", "tests")
UNTYPED = frozenset({"Any", "typing.Any"})
# path::function(parameter) → why its type has no name
ALLOWED: Mapping[str, str] = {}


def typed_sources() -> dict[Path, str]:
    """Path from the root → source text, of every Python file in a folder `tests` and of the shared test support."""
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for path in files
        if {"tests", "wanderamt_testing"} & set(path.relative_to(ROOT).parts)
        and not {".venv", "node_modules", "build", ".state"} & set(path.parts)
    }


def untyped_parameters(path: Path, text: str) -> list[str]:
    """`path::function(parameter)` of each parameter, and `path::fixture` of each fixture, whose type is or contains Any.

    `dict[str, Any]` is the type of a JSON object and allowed, also as `**fields: Any`.
    """
    return [f"{path}::{name}" for name in _untyped(ast.parse(text))]


def _untyped(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = node.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in named + ([arguments.vararg] if arguments.vararg else []):
            if argument.annotation and _holds_any(argument.annotation):
                yield f"{node.name}({argument.arg})"
        if _is_fixture(node) and node.returns and _holds_any(node.returns):
            yield node.name


def _is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


def _holds_any(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Constant(value=str(text)):
            return _holds_any(ast.parse(text, mode="eval").body)
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), ast.Name(id="Any")])):
            return False
        case _ if ast.unparse(annotation) in UNTYPED:
            return True
    return any(_holds_any(child) for child in ast.iter_child_nodes(annotation) if isinstance(child, ast.expr))


def test_every_parameter_of_a_test_and_every_fixture_has_a_type() -> None:
    untyped = {name for path, text in typed_sources().items() for name in untyped_parameters(path, text)}
    assert untyped - ALLOWED.keys() == set()
    assert ALLOWED.keys() <= untyped, "this list holds a parameter that has a type by now"


@pytest.mark.parametrize(
    "text",
    [
        "def test_x(system: Any): ...",
        "async def test_x(*, system: typing.Any): ...",
        "def test_x(system: 'Any'): ...",
        "def helper(env: tuple[int, Any]): ...",
        "def helper(fields: dict[str, list[Any]]): ...",
        "def helper(*events: list[Any]): ...",
        "def helper(call: Callable[[Any], int]): ...",
        "@pytest.fixture\ndef system(): ...\n@pytest_asyncio.fixture\nasync def env(system: Any) -> int: ...",
        "@pytest.fixture(scope='session')\ndef system() -> Iterator[Any]: ...",
        "class Env:\n    def ask(self, id_: Any = None): ...",
    ],
)
def test_a_parameter_without_a_type_is_reported(text: str) -> None:
    [name] = untyped_parameters(Path("mutant.py"), text)
    assert name.startswith("mutant.py::")


def test_json_objects_are_types() -> None:
    text = "def test_x(body: dict[str, Any], edit: Callable[[dict[str, Any]], object], **changes: Any) -> Any: ..."
    assert untyped_parameters(Path("fine.py"), text) == []
