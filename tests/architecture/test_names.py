"""Names of the Python code: one class name per meaning, and no pronoun as a variable name."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "infra", "tools", "tests")
FORBIDDEN = frozenset({"one", "those", "told", "said", "found", "given"})
# class name → why it may be defined in several modules
ALLOWED_HOMONYMS: Mapping[str, str] = {}


def python_sources() -> dict[Path, str]:
    """Path from the root → source text."""
    files = (
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not {".venv", "node_modules", "build", ".state"} & set(path.parts)
    )
    return {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in files}


def homonyms(sources: Mapping[Path, str]) -> dict[str, list[str]]:
    """Public class names that several modules define, with these modules."""
    modules: defaultdict[str, set[str]] = defaultdict(set)
    for path, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules[node.name].add(str(path))
    return {name: sorted(paths) for name, paths in modules.items() if len(paths) > 1}


def forbidden_variables(path: Path, text: str) -> list[str]:
    """`path:line: name` of each variable, attribute, parameter, `as` name or function that is a pronoun or participle."""
    return [f"{path}:{line}: {name}" for line, name in _variables(ast.parse(text)) if name in FORBIDDEN]


def _variables(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.alias(asname=str(name)) | ast.MatchMapping(rest=str(name)):
                yield getattr(node, "lineno", 0), name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name


def test_each_public_class_name_is_defined_in_one_module() -> None:
    duplicates = homonyms(python_sources())
    assert {name: paths for name, paths in duplicates.items() if name not in ALLOWED_HOMONYMS} == {}
    assert ALLOWED_HOMONYMS.keys() <= duplicates.keys(), "this list holds a name that is unique by now"


def test_no_variable_is_named_by_a_pronoun() -> None:
    assert [use for path, text in python_sources().items() for use in forbidden_variables(path, text)] == []


def test_a_second_class_of_the_same_name_is_reported() -> None:
    mutant = Path("services/intake/src/intake/domain/mutant.py")
    sources = python_sources() | {mutant: "class Relay:\n    class JobRunner: ...\n"}
    duplicates = homonyms(sources)
    for name, origin in (("Relay", "relay.py"), ("JobRunner", "runner.py")):
        assert str(mutant) in duplicates[name]
        assert any(path.endswith(origin) for path in duplicates[name])


@pytest.mark.parametrize(
    "text",
    [
        "one = 1",
        "for one in (): pass",
        "[one for one in ()]",
        "def f(one): ...",
        "def f(*, given): ...",
        "lambda told: told",
        "with open('x') as found: ...",
        "try: ...\nexcept OSError as said: ...",
        "match 1:\n    case [*those]: ...",
        "(found := 1)",
        "import json as said",
        "match {}:\n    case {**given}: ...",
        "self.found = 1",
        "async def told(): ...",
    ],
)
def test_a_pronoun_as_a_variable_name_is_reported(text: str) -> None:
    [use] = forbidden_variables(Path("mutant.py"), text)
    assert use.startswith("mutant.py:")


def test_other_uses_of_the_words_are_allowed() -> None:
    assert forbidden_variables(Path("ok.py"), "from x import found\nprint(a.one, told(), 'given')\nphone = 1") == []
