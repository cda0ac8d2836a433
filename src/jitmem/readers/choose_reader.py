"""Choose how one file is read: by the form that was asked for, or by what its content shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath

from ..stores.errors import BadInput
from ..stores.records import Session
from .binary_kinds import binary_kind
from .file_bytes import Lookup
from .file_dates import date_in_heading, date_in_name
from .reader_table import FORMATS, NATIVE_FORMS, reader, recognise_form
from .source_file import SourceFile, is_object
from .written_times import numeric_date, read_times

_MALFORMED = (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError, OverflowError)
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
_PLAIN_TEXT = (".txt", ".text", ".log")
_MARKDOWN = (".md", ".markdown")


def read_file(
    data: bytes, name: str, format: str | None, day_first: bool | None, lookup: Lookup | None
) -> list[Session]:
    """The sessions of one file with their ids; `BadInput` if two different ones share one."""
    # A file name may hold bytes that are not Unicode; neither a message nor an id can.
    name = name.encode("utf-8", "backslashreplace").decode()
    sessions = read_sessions(data, name, format, day_first, lookup)
    stem = None if name == "-" else name.removesuffix(PurePosixPath(name).suffix)
    return _require_distinct_ids(_with_ids(sessions, stem), "standard input" if name == "-" else name)


def read_sessions(
    data: bytes, name: str, format: str | None, day_first: bool | None, lookup: Lookup | None
) -> list[Session]:
    """The sessions of one file; those that have no id get theirs from the caller."""
    if format is not None and format not in FORMATS:
        raise BadInput(f"unknown format {format!r}; `jitmem formats` lists them: {', '.join(FORMATS)}")
    file = SourceFile(name, data, day_first, lookup or (lambda path: None))
    if file.data[:2] == GZIP:
        from .archives import gunzip

        inner = file.name.removesuffix(".gz") if file.suffix == ".gz" else file.name
        return read_sessions(gunzip(data, file.label), inner, format, day_first, lookup)
    if format is None and (refusal := binary_kind(data, file.suffix)):
        raise BadInput(f"{file.label}: {refusal}")
    if format is None and data[:4] == ZIP:
        raise BadInput(
            f"{file.label}: is a zip file; give its path, with the ending .zip, or unpack it and give the folder"
        )
    recognised = format or recognise_form(file)
    if recognised is None and isinstance(file.value, dict):
        from .wrapped_json import unwrap

        if (inner := unwrap(file.value)) is not None:
            plain = json.dumps(inner, ensure_ascii=False).encode("utf-8", "surrogatepass")
            return read_sessions(plain, name, "json" if not isinstance(inner, list) else None, day_first, lookup)
    form = recognised or _native(file)
    if form in NATIVE_FORMS:
        return _in_one_notation(_read_native(file, form), file)
    try:
        sessions = reader(form).read_file_sessions(file)
    except _MALFORMED as error:  # a record that is not as its program writes it
        if isinstance(error, BadInput):
            raise
        why = f"{type(error).__name__}: {error}"[:120]
        raise BadInput(f"{file.label}: cannot be read as {form} ({why}); name another with --format") from error
    if not sessions:
        raise EmptyHistory(f"{file.label}: holds no message that could be filed (read as {form})")
    return sessions


class EmptyHistory(BadInput):
    """A file of a known form in which nobody says anything."""


def _native(file: SourceFile) -> str:
    """By its ending, else by its first character. JSON that cannot be parsed counts as JSON, so that it is reported."""
    match file.suffix:
        case ".jsonl" | ".ndjson":
            return "jsonl"
        case ".json":
            return "json"
        case suffix if suffix in _MARKDOWN:
            return "markdown"
        case suffix if suffix in _PLAIN_TEXT:
            return "text"
    if isinstance(file.value, list | dict):
        return "json"
    return "jsonl" if is_object(file.text.lstrip().partition("\n")[0]) else "text"


def _read_native(file: SourceFile, form: str) -> list[Session]:
    match form:
        case "json":
            from .session_json import sessions_of_json

            return sessions_of_json(file.text, file.label)
        case "jsonl":
            from .session_json import sessions_of_jsonl

            return sessions_of_jsonl(file.text, file.label)
        case "markdown":
            from .markdown_note import read_note

            return [read_note(file)]
        case _:
            return [Session(text=file.text, time=date_in_name(file) or date_in_heading(file.text))]


def _in_one_notation(sessions: list[Session], file: SourceFile) -> list[Session]:
    """The sessions with numeric dates (`11/04/2025`) read in the one notation of the file."""
    written = [
        one.time if isinstance(one.time, str) and numeric_date(one.time) is not None else None for one in sessions
    ]
    times = read_times(written, file.label, file.day_first)
    return [replace(one, time=time) if time else one for one, time in zip(sessions, times, strict=True)]


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
