"""Name SQLite's errors by who can act on them; loaded with the first error."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput, NotOurStore, StoreDamaged, StoreFull, StoreReadOnly
from .database import DOCTOR

_LOG_INDEX = 1 << 16  # bytes; it grows by 32 KB
_DAMAGE = ("malformed", "disk i/o", "no such table", "no such column", "unsupported file format")


def raise_named(error: sqlite3.Error | UnicodeError | OverflowError, path: Path) -> None:
    """Raise the error under its name; return for one that has none."""
    if isinstance(error, UnicodeDecodeError):  # of the very message in which SQLite names the damage
        raise StoreDamaged(f"{path} is damaged (its schema is no text). {DOCTOR}") from None
    if not isinstance(error, sqlite3.Error):
        raise BadInput(
            f"No text with half a surrogate pair, and no number beyond 64 bits, is kept here: {error}."
        ) from error
    text = str(error).lower()
    # First, and not shown: the message holds the text itself, and with it any word that is looked for below.
    if "could not decode" in text:
        raise StoreDamaged(f"{path} is damaged (a text in it is no text). {DOCTOR}") from None
    if "binding parameter" in text or "datatype mismatch" in text:
        raise BadInput(f"An id is a text, a limit and an offset are whole numbers: {error}.") from error
    if "full" in text or ("disk i/o" in text and _has_no_room(path)):
        raise StoreFull(f"The disk of {path} is full; nothing was changed. Free some space and try again.") from error
    if "readonly" in text or "unable to open" in text:
        raise StoreReadOnly(f"{path} cannot be opened for writing: {error}.") from error
    if "not a database" in text:
        raise NotOurStore(
            f"{path} is not a jitmem memory; it was not touched. Choose another folder; if it was one, {DOCTOR}"
        ) from error
    # Every constraint is looked at before a row is written: one that fails all the same was hidden by a damaged index.
    if isinstance(error, sqlite3.IntegrityError) or any(sign in text for sign in _DAMAGE):
        raise StoreDamaged(f"{path} is damaged ({error}). {DOCTOR}") from error


def _has_no_room(path: Path) -> bool:
    """SQLite calls it an I/O error when the index of its log, which a reader needs too, does not fit on the disk."""
    with suppress(OSError):
        return shutil.disk_usage(path.parent).free < _LOG_INDEX
    return False
