"""The root command group: it finds commands by the entry-point group `wanderamt.commands` and imports only the one
that is called.

Invariants: `--help` imports no command module. It takes each one-line help from the module's source text: the `help`
of `typer.Typer(...)` or the docstring of the function that the entry point names. So the text stands in one place, in
the command itself; a second list (a resource file, a second entry-point group) could differ from it.
"""

import ast
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import typer
from typer.core import TyperGroup
from typer.main import get_group

GROUP = "wanderamt.commands"


class LazyGroup(TyperGroup):
    """A Typer group whose commands are entry points."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(command_points())

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def, override]
        """Imports the command."""
        point = command_points().get(cmd_name)
        return load_command(point) if point else None

    def format_commands(self, ctx: typer.Context, formatter) -> None:  # type: ignore[no-untyped-def, override]
        """Lists all commands without importing them."""
        points = command_points()
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary_of(points[name])) for name in sorted(points)])


def command_points() -> dict[str, EntryPoint]:
    """Command name → entry point, for all installed packages."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load_command(point: EntryPoint):  # type: ignore[no-untyped-def]
    """The command of an entry point that names a Typer application or a function."""
    target = point.load()
    parent = typer.Typer()
    if isinstance(target, typer.Typer):
        parent.add_typer(target, name=point.name)
    else:
        parent.command(point.name)(target)
    return get_group(parent).commands[point.name]


def summary_of(point: EntryPoint) -> str:
    """The first sentence of the command's help, from the source text. Empty if there is none."""
    spec = find_spec(point.module)  # imports parent packages only, whose __init__ are docstrings
    if not spec or not spec.origin:
        return ""
    module = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in module.body:
        match node:
            case ast.FunctionDef(name=point.attr):
                return _first_sentence(ast.get_docstring(node))
            case ast.Assign(targets=[ast.Name(id=point.attr)], value=ast.Call(keywords=keywords)):
                texts = [
                    word.value.value for word in keywords if word.arg == "help" and isinstance(word.value, ast.Constant)
                ]
                return _first_sentence(str(texts[0]) if texts else None)
    return ""


def _first_sentence(text: str | None) -> str:
    paragraph = " ".join((text or "").split("\n\n", 1)[0].split())
    return paragraph.split(". ", 1)[0].rstrip(".")
