"""The generated history as an export of a memory, to be imported: the rows are those that `memorize` writes, but for the
memos, which are here the first sentences of a page, and for times and ids of pages (tests/test_bulk_history.py compares)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from history import TURNS, History

from jitmem.nodes.accept import normalize_session
from jitmem.nodes.memorize import header_of
from jitmem.nodes.split import chars_of, pack_pages, passages

_PAGE_TOKENS = 2048
_MEMO_CHARS = 240
_AT = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


def write_bulk_export(file: Path, size: int, progress: Callable[[int], object] = lambda _: None) -> int:
    """So many passages or a few more; how many sessions these are. The text of a page comes after the lines of all
    sessions, as an export has it."""
    history, sessions = History(), size // TURNS + size // TURNS % 2
    checksum, pages = hashlib.sha256(), file.with_suffix(".pages")
    with file.open("wb") as out, pages.open("wb") as rest:
        head = {"format": "jitmem", "version": 1, "jitmem": "0.1.0", "namespaces": ["default"], "at": _AT}
        _write(out, head)
        _write(out, {"type": "namespace", "name": "default"}, checksum)
        for number in range(sessions):
            session, found = _lines(history, number)
            _write(out, session, checksum)
            for page in found:
                _write(rest, page)
            if number % 500 == 0:
                progress(number * TURNS)
    count = 0
    with file.open("ab") as out, pages.open("rb") as rest:
        for line in rest:
            checksum.update(line)
            out.write(line)
            count += 1
        lines = {"namespace": 1, "page": count, "session": sessions}
        _write(out, {"type": "end", "lines": lines, "sha256": checksum.hexdigest()})
    pages.unlink()
    return sessions


def _lines(history: History, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The line of a session, and those of its pages."""
    given = normalize_session(history.session(number))
    text, name, time = given["text"], given["session_id"], given["time"].isoformat()
    content = hashlib.sha256(f"{time}\0{text}".encode()).hexdigest()
    session = {"type": "session", "id": name, "content": content, "time": time, "metadata": given["metadata"]}
    parts = pack_pages(text, passages(text, given["turns"]), chars_of(text, _PAGE_TOKENS))
    drafts = [
        {"text": text[start:end], "title": "", "passages": [list(span) for span in spans]}
        for start, end, spans in parts
    ]
    state = cast(Any, {"pages": drafts, "time": time, "session_id": name})
    pages = [
        {
            "type": "page",
            "id": f"p{number:08}-{part:03}",
            "session": name,
            "part": part,
            "parts": len(drafts),
            "header": header_of(state, draft, part),
            "memo": draft["text"][:_MEMO_CHARS].rpartition(".")[0],
            "cause": "memorizer",
            "at": _AT,
            **draft,
        }
        for part, draft in enumerate(drafts, start=1)
    ]
    return {**session, "accepted_at": _AT, "filed_at": _AT}, pages


def _write(out: IO[bytes], line: dict[str, Any], checksum: Any = None) -> None:
    raw = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    if checksum:
        checksum.update(raw)
    out.write(raw)
