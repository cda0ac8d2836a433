"""The command line, `jitmem COMMAND`; `app.py` lists the commands, one file or family each."""

from __future__ import annotations


def main() -> None:
    """The console script. Nothing heavier than typer is imported before a command runs."""
    import sys

    from ..env_file import load_env_file
    from ..stores.errors import BadInput
    from .app import app
    from .errors import BAD_INPUT, complain

    try:
        if report := load_env_file():
            complain(report)
    except BadInput as error:
        complain(error)
        sys.exit(BAD_INPUT)
    app()
