"""The command `wanderamt`. Packages add their commands by the entry-point group `wanderamt.commands`."""

import typer

from wanderamt.shell.lazy_group import LazyGroup

root = typer.Typer(
    name="wanderamt",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the formatted help would import each command, and rich
)


@root.callback()
def describe() -> None:
    """The mobile citizen service: run and operate its services.

    Start with 'wanderamt run SERVICE --help'. Settings are environment variables that begin with WANDERAMT_.
    """


def main() -> None:
    root()
