"""LangSmith: exported runs; a thread, else a trace, is a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..stores.records import Session
from .chat_turns import Chat, ChatTurn, chat_sessions
from .message_objects import is_message, message_turns, new_turns
from .source_file import SourceFile
from .written_times import order_of, read_time

_THREADS = ("thread_id", "session_id", "conversation_id")


def recognise(file: SourceFile) -> bool:
    """A run has a type, inputs and a start."""
    rows = file.objects[:20]
    return bool(rows) and all("run_type" in one and "inputs" in one for one in rows)


def read_file_sessions(file: SourceFile) -> list[Session]:
    """The turns of each run in the order of their start, without what an earlier run of the same thread has said."""
    runs = [(read_time(one.get("start_time"), file.label), one) for one in file.objects]
    roots = {str(_trace(one)) for _, one in runs if not one.get("parent_run_id") and _turns(one, None)}
    threads: dict[str, list[ChatTurn]] = {}
    titles: dict[str, str] = {}
    for time, run in sorted(runs, key=lambda pair: order_of(pair[0])):
        if run.get("parent_run_id") and (str(_trace(run)) in roots or run.get("run_type") != "llm"):
            continue  # what a root run holds is not read again from the runs inside it
        name = _thread(run) or str(_trace(run))
        found, known = _turns(run, time), threads.setdefault(name, [])
        more = new_turns(known, found)
        if more is None:
            said = {turn[:2] for turn in known}
            more = [turn for turn in found if turn[:2] not in said]
        known += more
        titles.setdefault(name, str(run.get("name") or ""))
    return [
        session
        for name, turns in threads.items()
        for session in chat_sessions(Chat(turns=turns, id=name, title=titles[name], metadata={"source": "langsmith"}))
    ]


def _trace(run: Mapping[str, Any]) -> Any:
    return run.get("trace_id") or run.get("id")


def _thread(run: Mapping[str, Any]) -> str:
    extra = run.get("extra") or {}
    for holder in (extra.get("metadata"), run.get("metadata"), run):
        for key in _THREADS if holder is not run else ("thread_id",):
            if isinstance(holder, Mapping) and holder.get(key):
                return str(holder[key])
    return ""


def _turns(run: Mapping[str, Any], time: Any) -> list[ChatTurn]:
    """The messages of the outputs if they hold the whole conversation, else those of the inputs and the reply."""
    asked, answered = _messages(run.get("inputs")), _messages(run.get("outputs"))
    before, after = message_turns(asked, time), message_turns(answered, time)
    if before and all(turn[:2] in [one[:2] for one in after] for turn in before):
        return after
    if answered and all(isinstance(one, str) for one in answered):
        after = [turn._replace(speaker="assistant") for turn in after]
    return [*before, *after]


def _messages(value: Any) -> list[Any]:
    """The first messages in the inputs or outputs of a run: under messages, generations, output, or a text."""
    if is_message(value):
        return [value]
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        if value and all(is_message(one) for one in value):
            return value
        return next((found for one in value if (found := _messages(one))), [])
    if isinstance(value, Mapping):
        for key in ("messages", "message", "generations", "output", "choices", "input", "question", "answer", "text"):
            if key in value and (found := _messages(value[key])):
                return found
    return []
