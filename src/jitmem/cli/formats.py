"""`jitmem formats`: the forms of history that `jitmem memorize` reads."""

from __future__ import annotations

import typer

from .output import say, say_json, say_rows
from .settings import prints_json


def formats(ctx: typer.Context) -> None:
    """List the forms of history that `memorize` reads. Each is recognised by its content; `--format NAME` forces one.

    Zip and gzip files are opened. PDF, Office and other files that are no text are refused with the loader that reads them.
    """
    from ..readers.reader_table import FORMS, NATIVE_FORMS

    forms = {**NATIVE_FORMS, **{name: form.what for name, form in FORMS.items()}}
    if prints_json(ctx):
        say_json([{"name": name, "what": what} for name, what in forms.items()])
        return
    say_rows(("format", "what it reads"), forms.items())
    say()
    say("jitmem memorize FILE|DIR|ZIP recognises them by their content; --format NAME forces one.")
