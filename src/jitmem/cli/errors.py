"""Exit codes of the commands; an error is one line on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

from ..stores.errors import BadInput, JitmemError
from .output import one_line

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def complain(message: object) -> None:
    """One line on stderr."""
    print("jitmem:", one_line(str(message)), file=sys.stderr)


def exit_code_of(command: Callable[[], object], *, debug: bool) -> int:
    """Run a command until its output is written, and print its error; with `debug`, raise it."""
    try:
        command()
        sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort) as interrupt:
        complain(interrupt if interrupt.args else "interrupted")
        return INTERRUPTED
    except SystemExit:  # rich ends so, silently, when `| head` has seen enough
        return 0
    except BrokenPipeError:  # the same from `print`; without this, Python complains at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except JitmemError as error:
        if debug:
            raise
        complain(error)
        return BAD_INPUT if isinstance(error, BadInput) else FAILED
    except Exception as error:
        if debug:
            raise
        complain(f"{type(error).__name__}: {error} (unexpected; --debug shows where)")
        return FAILED
    return 0
