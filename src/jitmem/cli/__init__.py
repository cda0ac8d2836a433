"""The command line: `jitmem memorize`, `research`, `recall`, `pages`, `stats`, `graph`, `demo`."""

from __future__ import annotations


def main() -> None:
    """The console script. Nothing heavier than typer is imported before a command runs."""
    from .app import app

    app()
