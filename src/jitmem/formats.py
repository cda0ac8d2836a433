"""Read sessions from files: text, Markdown, JSON and JSONL, of sessions or of chat messages."""

from __future__ import annotations

import codecs
import json
import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

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
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"", "utf-8"),
)


def session_files(path: Path) -> list[Path]:
    """The session files below a folder, sorted by path; a path that is not a folder is the only one.

    Hidden files and folders and files with other endings are left out; links to folders are not followed.
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


def read_bytes(file: Path) -> bytes:
    """The bytes of a file; `BadInput` if it cannot be read."""
    try:
        return file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise BadInput(_unreadable(file, error)) from error


def parse_sessions(data: bytes, *, name: str, format: str | None = None) -> list[Session]:
    """The sessions in the bytes of one file, or of standard input when `name` is "-".

    `name`, a file name or a path relative to the folder, is used in messages and for default ids: `trip/day.md` gives
    `trip/day`, and `trip/day-2` for the second of several sessions; standard input gives none.
    """
    if format is not None and format not in FORMATS:
        raise BadInput(f"unknown format {format!r}; use one of {', '.join(FORMATS)}")
    # A file name may hold bytes that are not Unicode; neither a message nor an id can.
    name = name.encode("utf-8", "backslashreplace").decode()
    shown = "standard input" if name == "-" else name
    text = _decode_text(data, shown)
    if not text.strip():
        raise BadInput(f"{shown}: is empty; a session needs some text")
    path = PurePosixPath(name)
    match format or _FORMAT_OF.get(path.suffix.lower()) or _recognise(text):
        case "json" | "jsonl" as json_format:
            from .session_json import sessions_of_json, sessions_of_jsonl

            sessions = (sessions_of_json if json_format == "json" else sessions_of_jsonl)(text, shown)
        case "markdown":
            from .session_markdown import session_of_markdown

            sessions = [session_of_markdown(text, shown)]
        case _:
            sessions = [Session(text=text)]
    stem = None if name == "-" else name.removesuffix(path.suffix)
    return _require_distinct_ids(_with_ids(sessions, stem), shown)


def _decode_text(data: bytes, name: str) -> str:
    """Decode a text, without its byte order mark and otherwise unchanged; `name` is for messages."""
    bom, encoding = next(known for known in _ENCODINGS if data.startswith(known[0]))
    remedy = "save it as UTF-8, or as UTF-16 with a byte order mark"
    try:
        text = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        at = len(bom) + error.start
        raise BadInput(
            f"{name}: not text (the byte 0x{data[at]:02x} at offset {at} is not {encoding.upper()}); {remedy}"
        ) from error
    if "\0" in text:
        raise BadInput(f"{name}: not text (a NUL after {text.index(chr(0))} characters); {remedy}")
    return text


def _with_ids(sessions: list[Session], stem: str | None) -> list[Session]:
    if not stem:
        return sessions
    if len(sessions) == 1:
        return [replace(sessions[0], id=sessions[0].id or stem)]
    return [replace(one, id=one.id or f"{stem}-{number}") for number, one in enumerate(sessions, start=1)]


def _require_distinct_ids(sessions: list[Session], name: str) -> list[Session]:
    """The sessions; `BadInput` if two different ones share an id, before any of them is filed."""
    first: dict[str, Session] = {}
    for session in sessions:
        if session.id is not None and first.setdefault(session.id, session) != session:
            raise BadInput(
                f"{name}: two different sessions have the id {session.id[:80]!r}; "
                'give each its own, by a key "id" in the file or by the name of the file'
            )
    return sessions


def _recognise(text: str) -> str:
    """Guess the format from the content. JSON that `parse_json` refuses counts as JSON, so that it is reported."""
    if _is_json(text, (dict, list)):
        return "json"
    first = text.lstrip().partition("\n")[0]
    return "jsonl" if _is_json(first, dict) else "text"


def _is_json(text: str, kinds: type | tuple[type, ...]) -> bool:
    try:
        return isinstance(json.loads(text), kinds)
    except (ValueError, RecursionError):
        return False


def _refuse_folder(error: OSError) -> None:
    raise BadInput(_unreadable(error.filename, error)) from error


def _unreadable(path: object, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or error
    return f"{path}: cannot be read ({reason}); give a file or folder that exists and may be read"
