"""What is fuzzed: each target takes bytes, and raises nothing unless something is wrong.

A target lets errors of the JitmemError family pass, and whatever else its docstring allows.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from injections.obeying import unfenced
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from jitmem import BadInput, JitmemError, MemorizeOptions, Memory, read_history
from jitmem.formats import parse_sessions
from jitmem.integrations.entry_values import matches_filter
from jitmem.nodes.accept import normalize_session
from jitmem.nodes.answer import Answer
from jitmem.nodes.curate import Curation
from jitmem.nodes.evidence import cite
from jitmem.nodes.integrate import Conclusion, Integration
from jitmem.nodes.llm.prompt import fence, fence_list, fence_question
from jitmem.nodes.llm.structured_output import UnreadableReply, parse_reply, parse_tool_calls
from jitmem.nodes.memorize import Memo
from jitmem.nodes.plan import SearchPlan, runnable_queries
from jitmem.nodes.split import pack_pages, passages, without_recalled
from jitmem.readers.reader_table import FORMATS
from jitmem.stores import recall_markers
from jitmem.stores.date_phrases import explain_dates, find_spans, without_notes
from jitmem.stores.index.chroma_folder import FOLDER
from jitmem.stores.index.chroma_layout import DATABASE
from jitmem.stores.invisible import escape_invisible
from jitmem.stores.records import Page
from jitmem.stores.times import format_time, order_key, parse_iso_time, parse_time, spans

FORMS: tuple[type[BaseModel], ...] = (Memo, SearchPlan, Integration, Conclusion, Answer, Curation)
_folders: list[tempfile.TemporaryDirectory[str]] = []
SUFFIXES = ("", *".txt .md .json .jsonl .csv .html .mbox .eml .vtt .srt .org .log .gz .tsv".split())
TOOL_NAMES = ("memory_insert", "memory_update", "memory_delete", "memory_drop")


@cache
def memory() -> Memory:
    """A small one that lasts as long as the process."""
    folder = tempfile.TemporaryDirectory(prefix="jitmem-fuzz-")  # is removed at the end of the process
    opened = Memory.open(Path(folder.name) / "memory")
    _folders.append(folder)
    opened.memorize("# Harbour\n\nAna works at the harbour office in Viana since 8 May 2023.")
    opened.memorize("Ben: I was born on 3 March 1990.\nAna: And I like plums.")
    opened.items.insert("Ana has a boat.")
    opened.recall("Every index has its files now.")
    return opened


def forget_memory() -> None:
    """Close it, if there is one."""
    if memory.cache_info().currsize:
        memory().close()
        memory.cache_clear()


def text_of(data: bytes) -> str:
    """Any text at all, lone surrogates too."""
    return data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1")


def value_of(data: bytes) -> Any:
    """The JSON value that the bytes spell, or else their text."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return text_of(data)


def session_files(data: bytes) -> None:
    """A file of every format, read, accepted and split: its text comes out whole. A first byte of 128 and more leaves
    the format open and chooses the file's ending."""
    kind = data[0] if data else 0
    name = f"notes{SUFFIXES[kind % len(SUFFIXES)]}"
    for session in parse_sessions(data[1:], name=name, format=None if kind > 127 else FORMATS[kind % len(FORMATS)]):
        draft = normalize_session(session)
        text = draft["text"]
        spoken = without_recalled(text, passages(text, draft["turns"]))
        assert "".join(text[start:end] for start, end, _ in pack_pages(text, spoken, 400)) == text
        json.dumps(draft["metadata"]).encode()


def zips(data: bytes) -> None:
    """A zip, as it is or made of the bytes, beside a note: what it holds is read or named, and nothing is written."""
    with tempfile.TemporaryDirectory(prefix="jitmem-fuzz-") as folder:
        place, body = Path(folder, "in"), data[1:]
        place.mkdir()
        if data[:1] == b"\1":
            name, _, body = body.partition(b"|")
            with zipfile.ZipFile(place / "a.zip", "w") as archive:
                archive.writestr(name.decode("latin-1").replace("\0", "") or "a", body)
                archive.writestr("inner.zip", body)
        else:
            (place / "a.zip").write_bytes(body)
        (place / "note.md").write_text("Ana keeps bees.")
        with suppress(JitmemError), warnings.catch_warnings(action="ignore"):  # what is left out is named so
            list(read_history(place))
        assert sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*")) == [
            "in", "in/a.zip", "in/note.md",
        ]  # fmt: skip


def sessions(data: bytes) -> None:
    """What a caller may hand in as a session."""
    normalize_session(value_of(data))


def replies(data: bytes) -> None:
    """A model's reply, in words, as a call, and as a call that could not be read; `UnreadableReply` is its answer."""
    text, value = text_of(data), value_of(data)
    call: Any = {"name": text[:40], "args": value if isinstance(value, dict) else {"x": value}, "id": "1"}
    for reply in (AIMessage(text), AIMessage("", tool_calls=[call]), _broken(text)):
        for form in FORMS:
            with suppress(UnreadableReply):
                answer = parse_reply(reply, form)
                if isinstance(answer, SearchPlan):
                    runnable_queries(answer, ("keyword", "vector", "page_id"), [])
        for method in ("function", "prompt"):
            with suppress(UnreadableReply):
                parse_tool_calls(reply, Curation, method)


def edits(data: bytes) -> None:
    """A model's call of the editor, which never raises."""
    name = TOOL_NAMES[data[0] % len(TOOL_NAMES)] if data else ""
    try:
        memory()._runtime.editor.call(name, value_of(data[1:]))
    except JitmemError as error:
        raise AssertionError("a fault of an edit is an outcome") from error


def calls(data: bytes) -> None:
    """A model's call of any tool: an answer, whatever it gives."""
    tools = memory().tools()
    tool = tools[data[0] % len(tools)] if data else tools[0]
    args = value_of(data[1:])
    tool.invoke(
        {"name": tool.name, "args": args if isinstance(args, dict) else {"query": args}, "id": "1", "type": "tool_call"}
    )


def queries(data: bytes) -> None:
    """A query of every search."""
    text = text_of(data)
    snapshot = memory()._runtime.archive.snapshot()
    for search in memory()._runtime.searches:
        assert len(search.search(snapshot, text, 5)) <= 5
    memory().recall(text, 3)


def times(data: bytes) -> None:
    """A time, and a text with times in it: what is read can be written, sorted and shown."""
    text = text_of(data)
    assert all(start < end for start, end in spans(text))
    time = parse_time(text)
    assert time is not None
    assert parse_iso_time(time.isoformat()) == time
    order_key(time), format_time(time)


def date_phrases(data: bytes) -> None:
    """A text whose dates are explained on any day, in words that are recognised as an explanation."""
    text = text_of(data[2:])
    said = datetime(1500 + int.from_bytes(data[:2]) % 8000, 3, 1)
    assert all(span[0] < span[1] for span in find_spans(text, said))
    assert without_notes(explain_dates(text, said)) == ""


def terminals(data: bytes) -> None:
    """Any text for a terminal: nothing that it obeys is left, and what was JSON means the same."""
    text = text_of(data)
    shown = escape_invisible(text)
    assert escape_invisible(shown) == shown
    assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    with suppress(ValueError, RecursionError):
        assert json.loads(escape_invisible(json.dumps(json.loads(text), ensure_ascii=False))) == json.loads(text)


@cache
def original_folder() -> Path:
    """A memory whose vector index has its graph, for copies that are made foreign."""
    folder = tempfile.TemporaryDirectory(prefix="jitmem-fuzz-")
    _folders.append(folder)
    place = Path(folder.name) / "memory"
    with Memory.open(place, memorize_options=MemorizeOptions(curate=False)) as memory:
        memory.memorize("\n".join(f"Ana: Boat {n}." for n in range(1100)))
        memory.items.insert("Ana keeps bees.")
        memory.recall("boat 7")
        memory.flush()
    return place


def foreign_folders(data: bytes) -> None:
    """A memory's folder, changed by a byte, a value of a table, a link or a size: it is opened and asked, or refused by
    name; what it shows is what was filed, and nothing beside the folder is made or changed."""
    with tempfile.TemporaryDirectory(prefix="jitmem-fuzz-") as outside:
        folder = Path(shutil.copytree(original_folder(), Path(outside, "memory")))
        canary = Path(outside, "canary")
        canary.write_bytes(b"untouched")
        _make_foreign(folder, data.ljust(8, b"\0"), canary)
        with suppress(JitmemError), Memory.open(folder, create=False) as memory:
            for hit in memory.recall("boat 7", k=3):
                assert re.fullmatch(r"Ana: Boat \d+\.|Ana keeps bees\.", hit.text), hit.text
        assert sorted(os.listdir(outside)) == ["canary", "memory"]
        assert canary.read_bytes() == b"untouched"


def _make_foreign(folder: Path, data: bytes, canary: Path) -> None:
    """By the first byte: what is done; by the second: to which file or table; then where, and with which bytes."""
    how, which, at, body = data[0] % 5, data[1], int.from_bytes(data[2:5]), data[5:]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[which % len(files)]
    if how == 0:
        with path.open("r+b") as opened:
            opened.seek(at % max(1, path.stat().st_size))
            opened.write(body)
    elif how == 1:
        os.truncate(path, at)
    elif how == 2:
        path.unlink()
        path.symlink_to(canary)
    elif how == 3:
        (path.parent / f"x{which}").write_bytes(body)
    else:
        _change_a_value(folder / FOLDER / DATABASE, which, at, body)


def _change_a_value(database: Path, which: int, at: int, body: bytes) -> None:
    """In a column of Chroma's tables."""
    with closing(sqlite3.connect(database, isolation_level=None)) as db, suppress(sqlite3.Error):
        columns = db.execute(
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1, 2"
        ).fetchall()
        table, column = columns[at % len(columns)]
        value = value_of(body)
        given = value if isinstance(value, int | float | None) else (body, text_of(body))[which % 2]
        db.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid % ? = 0', (given, 1 + which % 7))


def ids(data: bytes) -> None:
    """An id, or a number, of whatever is looked up or changed by one."""
    text, value = text_of(data), value_of(data)
    number = value if isinstance(value, int) else len(data)
    items, admin = memory().items, memory().admin
    for verb in (memory().page, items.get, items.history, items.as_of, items.delete, items.update):
        with suppress(JitmemError):
            verb(text)
    for decide in (items.undo, admin.approve, admin.reject):
        with suppress(JitmemError):
            decide(number)
    memory().pages(session_id=text, limit=number, offset=number)


def namespaces(data: bytes) -> None:
    """The name of a namespace: it makes no file, and holds its own."""
    name = text_of(data)
    folder = memory()._runtime.archive.pages.namespace.database.path.parent
    before = {path.name for path in folder.parent.rglob("*") if not path.name.startswith("truth.sqlite3-")}
    memory().admin.share(name)
    memory().admin.unshare(name)
    other = memory().for_namespace(name)
    memory()._namespaces.pop(name, None)
    assert (other.namespace, other.recall("Ana harbour") == [] or name == "default") == (name, True)
    assert {path.name for path in folder.parent.rglob("*") if not path.name.startswith("truth.sqlite3-")} == before


def filters(data: bytes) -> None:
    """A value and a filter of a store."""
    value = value_of(data)
    held, wanted = value if isinstance(value, list) and len(value) == 2 else ({"a": value}, value)
    if isinstance(held, dict) and isinstance(wanted, dict):
        assert matches_filter(held, wanted) in (True, False)
        store = memory().as_store()
        with suppress(BadInput):
            store.put(("fuzz",), "key", held)
            store.search(("fuzz",), filter=wanted)


def exports(data: bytes) -> None:
    """An export of ours with an end that fits it, or what another memory is said to have exported."""
    kind = data[0] % 5 if data else 0
    body = data[1:]
    other = memory().for_namespace("imported")
    if kind < 3:
        other.transfer.import_(io.BytesIO(body), from_format=("mem0", "langmem", "letta")[kind])
    else:
        other.transfer.import_(io.BytesIO(body if kind == 3 else body + _end_of(body)), all_namespaces=False)


def _end_of(body: bytes) -> bytes:
    """The last line of an export with these lines: counts by type, and a checksum."""
    values = [value_of(line) for line in body.split(b"\n") if line.strip()]
    types = Counter(str(one.get("type")) for one in values if isinstance(one, dict) and "type" in one)
    end = {
        "type": "end",
        "lines": dict(sorted(types.items())),
        "sha256": hashlib.sha256(body.partition(b"\n")[2]).hexdigest(),
    }
    return json.dumps(end).encode() + b"\n"


def fences(data: bytes) -> None:
    """Any text between the marks of a prompt: whoever reads it finds nothing outside."""
    text = text_of(data)
    for fenced in (
        fence(text),
        fence_question(text),
        fence_list([text], 500, "None."),
        recall_markers.wrap_recalled(text),
    ):
        assert unfenced(fenced).strip() == ""
    assert recall_markers.without_recalled(recall_markers.wrap_recalled(text)) == "[recalled from memory]"


def citations(data: bytes) -> None:
    """A page and a quote: what is cited stands there."""
    text, _, quote = text_of(data).partition("|")
    page = Page(id="p", session_id="s", text=text, header="", memo="", time=None, metadata={})
    found = cite(page, quote)
    assert found is None or text[found.start : found.end] == found.quote != ""
    if found is None and re.search(r"\w", quote):
        assert quote not in text


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        session_files,
        zips,
        sessions,
        replies,
        edits,
        calls,
        queries,
        times,
        date_phrases,
        terminals,
        foreign_folders,
        ids,
        namespaces,
        filters,
        exports,
        fences,
        citations,
    )
}


STORELESS = ("session_files", "sessions", "replies", "times", "date_phrases", "terminals", "fences", "citations")


def storeless(data: bytes) -> None:
    """Any target that asks no store, by the first byte."""
    TARGETS[STORELESS[data[0] % len(STORELESS)] if data else STORELESS[0]](data[1:])


def run(name: str, data: bytes) -> None:
    """One input for one target; an error that is not named is a finding."""
    with suppress(JitmemError):
        (storeless if name == "storeless" else TARGETS[name])(data)


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _broken(text: str) -> AIMessage:
    broken: Any = {"name": text[:20], "args": text, "id": "1", "error": "unreadable", "type": "invalid_tool_call"}
    return AIMessage("", invalid_tool_calls=[broken])
