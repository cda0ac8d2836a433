"""What is fuzzed: each target takes bytes, and raises nothing unless something is wrong.

A target lets errors of the JitmemError family pass, and whatever else its docstring allows.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from injections.obeying import unfenced
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from jitmem import BadInput, JitmemError, Memory
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
from jitmem.stores.records import Page
from jitmem.stores.times import format_time, order_key, parse_iso_time, parse_time, spans

FORMS: tuple[type[BaseModel], ...] = (Memo, SearchPlan, Integration, Conclusion, Answer, Curation)
_folders: list[tempfile.TemporaryDirectory[str]] = []
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
    """A file of every format, read, accepted and split: its text comes out whole."""
    kind = None if not data or data[0] % 5 == 4 else FORMATS[data[0] % 5]
    for session in parse_sessions(data[1:], name="notes", format=kind):
        draft = normalize_session(session)
        text = draft["text"]
        spoken = without_recalled(text, passages(text, draft["turns"]))
        assert "".join(text[start:end] for start, end, _ in pack_pages(text, spoken, 400)) == text
        json.dumps(draft["metadata"]).encode()


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
        sessions,
        replies,
        edits,
        calls,
        queries,
        times,
        ids,
        namespaces,
        filters,
        exports,
        fences,
        citations,
    )
}


STORELESS = ("session_files", "sessions", "replies", "times", "fences", "citations")


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
