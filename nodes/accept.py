"""Accept a session: any form in, clean text with turns out, durable in the journal before a model is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.types import Overwrite

from ..stores.errors import BadInput
from ..stores.index.snapshot import NamespaceStore
from ..stores.records import Session
from ..stores.times import parse_time
from .states import MemorizerState

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL and lone surrogates: no engine keeps them all
_PATH = re.compile(
    r"\s*(?:(?:~|\.{1,2}|[A-Za-z]:|file:/)[/\\]\S*|/[^\s/]+/(?:\S*|[^\n]*\.\w{1,5})"
    r"|(?!\w+://)\S*[\w/-]\.(?:txt|md|jsonl?|csv|html?|pdf|docx|zip|mbox|eml))\s*"
)
_LONGEST_ID = 512  # characters; part of the header of every page
_LONGEST_SPEAKER = 120  # characters of it that are kept beside each passage; the text itself is not cut

SessionLike = Session | str | Mapping[str, Any] | Sequence[Any]


def accept(archive: NamespaceStore) -> Callable[..., dict[str, Any]]:
    """The node: `session` in any form, or the number of one that waits in the `journal` → its entry there."""

    def node(state: MemorizerState) -> dict[str, Any]:
        # On a thread, the state still holds the number and the usage of the session before.
        session, number = state.get("session"), state.get("journal")
        accepted = (
            archive.journal.entry(int(number))
            if session is None and number is not None
            else archive.journal.accept(**normalize_session(session), leased=True)
        )
        return {
            "session": None,
            "journal": accepted.n,
            "entry": {"text": accepted.text, "turns": accepted.turns, "metadata": accepted.metadata},
            "session_id": accepted.session_id,
            "time": accepted.time.isoformat() if accepted.time else None,
            "duplicate": bool(accepted.page_ids),
            "page_ids": list(accepted.page_ids),
            "usage": Overwrite([]),
            "failures": Overwrite([]),
            "edits": [],
            "embedded": False,
            "curated": None,
        }

    return node


def normalize_session(session: SessionLike | None) -> dict[str, Any]:
    """What `Journal.accept` takes: `text`, `turns` as `(start, end, speaker)` spans of it, and the rest.

    Accepts a `Session`, a text, a list of LangChain messages (or of what LangChain reads as messages), or a dict
    with the fields of `Session`. NUL and lone surrogates become U+FFFD, counted in
    `metadata["replaced_characters"]`. `BadInput` where nothing can be kept.
    """
    whole = _as_session(session)
    text, turns = _text_and_turns(whole)
    text, replaced = _clean_text(text)
    if not text.strip():
        raise BadInput("The session is empty: it has no character but white space. Nothing was filed.")
    time = parse_time(whole.time)
    metadata = _json_object(whole.metadata)
    if replaced:
        metadata["replaced_characters"] = replaced
    return {
        "text": text,
        "turns": turns,
        "session_id": None if whole.id is None else _session_id(str(whole.id)),
        "time": time,
        "metadata": metadata,
    }


def _session_id(given: str) -> str:
    if not given.strip():
        raise BadInput("A session id must not be empty; leave it out to have one made from the content.")
    if len(given) > _LONGEST_ID:
        raise BadInput(f"A session id has at most {_LONGEST_ID} characters; this one has {len(given)}: {given[:60]!r}…")
    return _clean_text(given)[0]


def _as_session(session: SessionLike | None) -> Session:
    if isinstance(session, Session):
        return session
    if isinstance(session, PathLike) or (isinstance(session, str) and _PATH.fullmatch(session)):
        raise BadInput(
            f"{str(session)[:200]!r} is a path, not what a session says; memory.memorize_many(read_history(path)) files what the"
            " file or folder holds, and memory.memorize(Session(text=…)) the path as a text."
        )
    if isinstance(session, str):
        return Session(text=session)
    if isinstance(session, Mapping):
        unknown = set(session) - {"text", "turns", "messages", "id", "time", "metadata"}
        if unknown:
            raise BadInput(
                f"A session has no field {min(map(str, unknown))!r:.80}; it has text, turns or messages, id, time, metadata."
            )
        return Session(**session)
    if isinstance(session, BaseMessage):
        return Session(messages=[session])
    if isinstance(session, Sequence) and not isinstance(session, bytes | bytearray):
        messages: Sequence[Any] = session
        return Session(messages=messages)
    raise BadInput(f"Give the Memorizer a session: a text, a Session, or messages, not {type(session).__name__}.")


def _text_and_turns(session: Session) -> tuple[str, list[tuple[int, int, str]]]:
    given = [name for name in ("text", "turns", "messages") if getattr(session, name) is not None]
    if len(given) != 1:
        raise BadInput(f"A session needs exactly one of text, turns and messages; this one has {given or 'none'}.")
    if session.text is not None:
        if not isinstance(session.text, str):
            raise BadInput(f"Session.text must be a str, not {type(session.text).__name__}.")
        return session.text, []
    from .session_turns import message_turns, turn_pairs

    pairs = message_turns(session.messages) if session.turns is None else turn_pairs(session.turns)
    lines, turns, at = [], [], 0
    for speaker, words in pairs:
        if not words.strip():
            continue  # nothing was said
        line = f"{speaker}: {words}"
        turns.append((at, at + len(line), _clean_text(speaker[:_LONGEST_SPEAKER])[0]))
        lines.append(line)
        at += len(line) + 1
    return "\n".join(lines), turns


def _clean_text(text: str) -> tuple[str, int]:
    """One rule for every engine; the length stays the same, so that spans still fit."""
    return _UNSTORABLE.subn("\ufffd", text)


def _clean_values(value: Any, levels: int = 100) -> Any:
    if levels == 0:  # what reads it later recurses; pydantic ends at 255
        raise ValueError("it is nested deeper than 100 levels")
    if isinstance(value, str):
        return _clean_text(value)[0]
    if isinstance(value, list):
        return [_clean_values(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {_clean_text(key)[0]: _clean_values(item, levels - 1) for key, item in value.items()}
    return value


def _json_object(metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        cleaned: dict[str, Any] = _clean_values(json.loads(json.dumps(dict(metadata), allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"Session.metadata must be JSON: {error}.") from error
    return cleaned
