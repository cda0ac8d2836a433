"""Read sessions from files: text, Markdown, JSON and JSONL, of sessions or of chat messages."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from .session_json import sessions_of_json, sessions_of_jsonl
from .session_text import decode_text, session_of_markdown
from .stores.errors import BadInput
from .stores.records import Session

FORMATS = ("text", "markdown", "json", "jsonl")

_FORMAT_OF = {
    ".txt": "text",
    ".text": "text",
    ".log": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".json": "json",
    ".jsonl": "jsonl",
}


def read_sessions(
    path: Path, *, format: str | None = None, session: str | None = None, time: str | None = None
) -> list[Session]:
    """The sessions of a file, or of every file that `session_files` finds in a folder.

    Without an id in the file it is the stem, or the path below the folder without the ending. `session` and
    `time` replace what the file says, and are refused unless there is exactly one session.
    """
    folder = path if os.path.isdir(path) else path.parent
    named = []
    for file in session_files(path):
        name = file.relative_to(folder).as_posix()
        named += [(name, found) for found in parse_sessions(_bytes_of(file), name=name, format=format)]
    sessions = _require_distinct_ids(named)
    if session is None and time is None:
        return sessions
    if len(sessions) != 1:
        raise BadInput(
            f"{path}: holds {len(sessions)} sessions, and one id or time cannot be that of all; "
            "write ids and times in the file, or give a file of one session"
        )
    one = sessions[0]
    return [replace(one, id=one.id if session is None else session, time=one.time if time is None else time)]


def session_files(path: Path) -> list[Path]:
    """The files that `read_sessions` reads, in its order; a path that is not a folder is the only one.

    In a folder, hidden files and folders and files with other endings are left out, and links to folders
    are not followed.
    """
    if not os.path.isdir(path):
        return [path]
    files = []
    for folder, below, names in os.walk(path, onerror=_refuse_folder):
        below[:] = [name for name in below if not name.startswith(".")]
        files += [Path(folder, name) for name in names if not name.startswith(".")]
    files = [file for file in files if file.suffix.lower() in _FORMAT_OF and file.is_file()]
    if not files:
        raise BadInput(f"{path}: no session file in this folder; looked for {', '.join(_FORMAT_OF)}")
    return sorted(files, key=lambda file: file.relative_to(path).as_posix())


def parse_sessions(data: bytes, *, name: str, format: str | None = None) -> list[Session]:
    """The sessions in the bytes of one file, or of standard input when `name` is "-".

    `name`, a file name or a path below the folder that is read, is for messages and gives the default
    ids: `trip/day.md` is `trip/day`, and its second session of several `trip/day-2`; standard input has none.
    """
    if format is not None and format not in FORMATS:
        raise BadInput(f"unknown format {format!r}; use one of {', '.join(FORMATS)}")
    # A file name may hold bytes that are not Unicode; neither a message nor an id can.
    name = name.encode("utf-8", "backslashreplace").decode()
    shown = "standard input" if name == "-" else name
    text = decode_text(data, shown)
    if not text.strip():
        raise BadInput(f"{shown}: is empty; a session needs some text")
    path = PurePosixPath(name)
    match format or _FORMAT_OF.get(path.suffix.lower()) or _recognise(text):
        case "json":
            sessions = sessions_of_json(text, shown)
        case "jsonl":
            sessions = sessions_of_jsonl(text, shown)
        case "markdown":
            sessions = [session_of_markdown(text, shown)]
        case _:
            sessions = [Session(text=text)]
    stem = None if name == "-" else name.removesuffix(path.suffix)
    return _require_distinct_ids((shown, one) for one in _with_ids(sessions, stem))


def _with_ids(sessions: list[Session], stem: str | None) -> list[Session]:
    if not stem:
        return sessions
    if len(sessions) == 1:
        return [replace(sessions[0], id=sessions[0].id or stem)]
    return [replace(one, id=one.id or f"{stem}-{number}") for number, one in enumerate(sessions, start=1)]


def _require_distinct_ids(named: Iterable[tuple[str, Session]]) -> list[Session]:
    """The sessions, once it is sure that no two different ones share an id: filing would stop half way."""
    sessions = []
    first: dict[str, tuple[str, Session]] = {}
    for name, session in named:
        sessions.append(session)
        if session.id is None:
            continue
        other, earlier = first.setdefault(session.id, (name, session))
        if earlier != session:
            files = name if other == name else f"{other} and {name}"
            raise BadInput(
                f"{files}: two different sessions have the id {session.id[:80]!r}; "
                'give each its own, by a key "id" in the file or by the name of the file'
            )
    return sessions


def _recognise(text: str) -> str:
    """The format by content, lenient: what `parse_json` refuses is to be reported, not filed as text."""
    if _is_json(text, (dict, list)):
        return "json"
    first = text.lstrip().partition("\n")[0]
    return "jsonl" if _is_json(first, dict) else "text"


def _is_json(text: str, kinds: type | tuple[type, ...]) -> bool:
    try:
        return isinstance(json.loads(text), kinds)
    except (ValueError, RecursionError):
        return False


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise BadInput(_unreadable(file, error)) from error


def _refuse_folder(error: OSError) -> None:
    raise BadInput(_unreadable(error.filename, error)) from error


def _unreadable(path: object, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or error
    return f"{path}: cannot be read ({reason}); give a file or folder that exists and may be read"
