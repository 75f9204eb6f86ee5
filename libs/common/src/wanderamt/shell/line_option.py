"""Texts that operators type in commands, by the rule of `wanderamt.kernel.line_text`."""

from pathlib import Path

import typer

from wanderamt.kernel.line_text import checked_line


def typed_line(text: str) -> str:
    """For `callback` of an option or argument. Raises typer.BadParameter, which names the option."""
    try:
        return checked_line(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def refused_file(file: str | Path, error: ValueError) -> typer.BadParameter:
    """For a file with texts that cannot be shown, or other mistakes."""
    return typer.BadParameter(f"{file}: {error}")
